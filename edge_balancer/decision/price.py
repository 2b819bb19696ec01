"""The price of a move: what keeps the operations within the budget, and spends them where they gain most.

A move is made when its gain exceeds the price. With one price all day the operations go to the hours in which they are
worth most; a quota per hour would spend them evenly and win less. The right price is not known beforehand. It starts
from what a typical house contributes to the neutral current, and follows an account into which the budget flows evenly
and from which operations are paid (a proportional and integral controller on its logarithm). Pure: time is handed in.
"""

from __future__ import annotations

import math
from typing import Any, Final

DAY_S: Final = 86_400.0

START: Final = 0.8
"""Lasting price at the start, in units of scale: what a typical house's current amounts to over the horizon. On
simulated feeders the price that met the budget was 0.75 of it at one operation per house and day, 0.55 at two, 0.35 at
four and 0.18 at eight."""
CHEAPER: Final = 0.65
"""By this power of the budget the start falls."""
RESERVE_DAYS: Final = 0.3
"""The account begins this far in debt, which makes the first moves dearer: a badly skewed feeder would otherwise spend
on its first day what it never saves again."""
PROPORTIONAL: Final = 2.0
"""An account one day's budget in debt makes moves this much dearer (log)."""
INTEGRAL: Final = 0.5
"""The lasting price moves by this much (log) a day for an account that stays one day's budget off."""
EAGER: Final = 3.0
"""The lasting price moves so much faster at the beginning; by and by, over `EAGER_DAYS`, no more."""
EAGER_DAYS: Final = 2.0
WIDEST: Final = 5.0
"""The lasting price stays within this (log) of the first."""
MOST_SAVED_DAYS: Final = 0.5
"""Unspent budget beyond this lapses: it must not be thrown away later in a burst."""
MOST_OWED_DAYS: Final = 3.0
"""Debt beyond this is not counted further (a first day on a badly skewed feeder must not stop it for a week)."""
MARGIN: Final = 0.99
"""The budget is a promise: this share of it is aimed at, so that the swings of the account stay below it."""
PRIOR_DAYS: Final = 0.02
"""The prior of the scale counts as much as this long a record: a mini-grid's houses draw a tenth of others'."""
MEMORY_DAYS: Final = 14.0
"""The scale follows the feeder with this time constant: through seasons, not through a sunny day after a dull one, in
which operations are worth more and a price that rises with it would hold them back."""


class PriceOfMove:
    """Price of one operation in A min. `houses` is how many can be moved; `prior_a2` the expected mean square of a
    house's current, A^2."""

    def __init__(self, operations_per_house_day: float, houses: int, prior_a2: float) -> None:
        self._budget = max(MARGIN * operations_per_house_day * houses, 1e-9)
        self._start = math.log(START) - CHEAPER * math.log(operations_per_house_day)
        self._log_factor = self._start
        self._account = -RESERVE_DAYS * self._budget
        self._mean_square_a2 = prior_a2
        self._days = PRIOR_DAYS
        self._now: float | None = None

    def advance(self, now: float, mean_square_a2: float, *, free: bool = True, wanted: bool = True) -> None:
        """Let the budget of the time since the last call flow in; `mean_square_a2` is the mean of |I|^2 over the
        houses now. While the controller is not `free` to command moves there is no budget; while none is `wanted`,
        what is left over says nothing about the price. Else the first day after a long rest would know no measure."""
        if self._now is None or now <= self._now:
            self._now = now if self._now is None else self._now
            return
        days = (now - self._now) / DAY_S
        self._now = now
        if free:
            self._account = min(self._account + days * self._budget, MOST_SAVED_DAYS * self._budget)
        if free and wanted:
            learning = 1.0 + EAGER * max(0.0, 1.0 - self._days / EAGER_DAYS)
            self._log_factor -= INTEGRAL * learning * days * self._account / self._budget
        self._log_factor = min(max(self._log_factor, self._start - WIDEST), self._start + WIDEST)
        if math.isfinite(mean_square_a2):
            self._days = min(self._days + days, MEMORY_DAYS)
            self._mean_square_a2 += min(days / self._days, 1.0) * (mean_square_a2 - self._mean_square_a2)

    def spend(self, operations: int) -> None:
        """Operations that were commanded."""
        self._account = max(self._account - operations, -MOST_OWED_DAYS * self._budget)

    @property
    def typical_a(self) -> float:
        """Root mean square of a house's current, A."""
        return math.sqrt(self._mean_square_a2)

    def price(self, horizon_min: float) -> float:
        """The price in force, A min, for gains summed over `horizon_min` discounted minutes."""
        scale = self.typical_a * horizon_min
        return scale * math.exp(self._log_factor - PROPORTIONAL * self._account / self._budget)

    def learned(self) -> dict[str, Any]:
        """What is worth keeping over a restart."""
        return {
            "log_factor": self._log_factor,
            "account": self._account,
            "mean_square_a2": self._mean_square_a2,
            "days": self._days,
        }

    def relearn(self, learned: object) -> None:
        """Take back what `learned()` gave; nonsense is left aside."""
        if not isinstance(learned, dict):
            return
        for name, least, most in (
            ("log_factor", self._start - WIDEST, self._start + WIDEST),
            ("account", -MOST_OWED_DAYS * self._budget, MOST_SAVED_DAYS * self._budget),
            ("mean_square_a2", 0.0, 1e9),
            ("days", PRIOR_DAYS, MEMORY_DAYS),
        ):
            value = learned.get(name)
            # An integer beyond the range of a float is caught by the comparison.
            if isinstance(value, (int, float)) and not isinstance(value, bool) and -1e18 < value < 1e18:
                setattr(self, f"_{name}", min(max(float(value), least), most))
