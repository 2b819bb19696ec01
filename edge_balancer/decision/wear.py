"""What makes a busy house's next move dearer: its switch's own account of operations.

A cap alone lets a house whose loads come and go spend the day's operations on the first occasions, and forbids the
best of the evening. With an account the operations go to the best occasions: an allowance flows in, operations are
paid from it, and what is owed raises the price of the house's moves. So in the long run a switch makes hardly more
than `SHARE` times the budget, and none wears out much before the others. What voltages or people ask for is beside
it, and so is the guard's cap. Pure: time is handed in.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.decision.price import DAY_S
from edge_balancer.types.kept import KeptHouses

SHARE: Final = 1.65
"""The allowance of a house, in units of the budget: what the busiest switch may wear beyond the mean for long."""
SAVED_DAYS: Final = 0.5
"""At most so many days' budget are saved: a quiet week must not pay for a day of chatter."""
DEARER: Final = 0.2
"""A house that owes one day's budget has moves this much dearer (log). On simulated feeders 0.1 to 0.3 serve alike."""
MOST_OWED_DAYS: Final = 20.0
LEAST_MOST_OWED: Final = 10.0
"""Debt beyond so many days' budget, and beyond so many operations, is not counted further: what a day of tests has cost
must not hold a house back for a season."""
_STEEPEST: Final = 20.0
"""Most of the logarithm: of a tiny budget one operation is a debt of months."""


class WearAccounts:
    """One account for each of `houses`; the budget in operations per house and day."""

    def __init__(self, operations_per_house_day: float, houses: int) -> None:
        self._budget = operations_per_house_day
        self._owed = np.zeros(houses)
        """[houses] operations beyond the allowance; below nought what is saved."""
        self._most_owed = max(MOST_OWED_DAYS * operations_per_house_day, LEAST_MOST_OWED)
        self._now: float | None = None

    def advance(self, now: float) -> None:
        """Let the allowance of the time since the last call flow in. `now`: monotonic s."""
        if self._now is not None and now > self._now:
            allowance = SHARE * self._budget * (now - self._now) / DAY_S
            self._owed = np.maximum(self._owed - allowance, -SAVED_DAYS * self._budget)
        self._now = now if self._now is None else max(self._now, now)

    def spend(self, house: int) -> None:
        """An operation of this house was commanded."""
        self._owed[house] = min(self._owed[house] + 1.0, self._most_owed)

    def factor(self) -> NDArray[np.float64]:
        """[houses] by which the price of a move is multiplied, at least 1."""
        return np.asarray(np.exp(np.minimum(DEARER * np.maximum(self._owed, 0.0) / self._budget, _STEEPEST)))

    def learned(self) -> list[float]:
        """What is worth keeping over a restart, one number a house."""
        return [round(owed, 4) for owed in self._owed.tolist()]

    def relearn(self, learned: Any, houses: KeptHouses) -> None:
        """Take back what `learned()` gave, of `houses`; nonsense is left aside."""
        try:
            owed = np.array(learned, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            return
        if owed.shape == (houses.count,) and np.isfinite(owed).all():
            houses.place(np.clip(owed, -SAVED_DAYS * self._budget, self._most_owed), self._owed)
