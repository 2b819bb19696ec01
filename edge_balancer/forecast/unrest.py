"""How restless loads are: each house's, and the feeder's against what is usual for it. Pure: time is handed in.

In a restless hour what is forecast goes wrong sooner and by more, and a move is followed by others sooner; at night an
arrangement lasts for hours. Both the forecast's error and how far a move looks ahead follow it.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.survival import LARGEST_W

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MEAN_S: Final = 600.0
UNREST_S: Final = 1800.0
MEMORY_DAYS: Final = 7.0
"""What is usual follows the feeder with this time constant, through seasons and holidays."""
KNOWN: Final = 0.5
"""The feeder's unrest is told where its houses were heard for long enough: this share of what half an hour's memory
holds, in the mean over the houses."""
BOUNDS: Final = (0.3, 3.0)
"""Of the feeder's unrest against its usual: no hour is so strange that forecasts mean nothing, or cannot be wrong."""
DAY_S: Final = 86_400.0


class Unrest:
    """Of `houses` houses: the mean square of the load about its own mean of ten minutes, over the last half hour."""

    def __init__(self, houses: int) -> None:
        self._mean: Floats = np.zeros(houses)
        self._square: Floats = np.zeros(houses)
        self.weight: Floats = np.zeros(houses)
        """[houses] how much of half an hour's memory is filled, 0 to 1."""

    def observe(self, index: NDArray[np.intp], power_w: Floats, dt: Floats, fresh: Mask) -> None:
        """Take readings of distinct houses, [n] each; `dt` s since the last one, 0 where there is none or it is too
        long ago (`fresh`)."""
        mean = np.where(fresh, power_w, self._mean[index])
        off = power_w - mean
        square = np.where(fresh, 0.0, self._square[index])
        weight = np.where(fresh, 0.0, self.weight[index])
        gone = np.expm1(-dt / UNREST_S)
        self._square[index] = square - gone * (off**2 - square)
        self.weight[index] = weight - gone * (1.0 - weight)
        self._mean[index] = mean - np.expm1(-dt / MEAN_S) * off

    @property
    def square_w2(self) -> Floats:
        """[houses] as it stands; from the first reading on it fills up, see `weight`."""
        return self._square

    @property
    def root_w(self) -> Floats:
        """[houses] its root."""
        return np.sqrt(np.maximum(self._square, 0.0))


class FeederUnrest:
    """The houses' root mean square over its usual: 1 is an ordinary hour. `counts` [houses]: who makes it up."""

    def __init__(self, counts: Mask) -> None:
        self._counts = counts
        self._houses = Unrest(len(counts))
        self._until: Floats = np.full(len(counts), -np.inf)
        """[houses] monotonic s: who fell silent no longer does what it did last."""
        self._usual_w2 = 0.0
        self._days = 0.0
        self._now: float | None = None
        self.relative = 1.0

    def observe(self, index: NDArray[np.intp], power_w: Floats, dt: Floats, fresh: Mask, until: Floats) -> None:
        """As `Unrest.observe`; `until` (monotonic s) the readings are good for. A wild one is cut: it must not colour a
        day."""
        self._houses.observe(index, np.clip(power_w, -LARGEST_W, LARGEST_W), dt, fresh)
        self._until[index] = until

    def follow(self, now: float) -> None:
        """All readings up to `now` (monotonic s) were taken. Where few are heard nothing is told, and nothing
        learned."""
        days = 0.0 if self._now is None else max(0.0, now - self._now) / DAY_S
        self._now = now
        heard = self._counts & (now <= self._until)
        weight = float(self._houses.weight[heard].sum())
        if not weight >= KNOWN * max(1, int(np.count_nonzero(self._counts))):
            self.relative = 1.0
            return
        square = float(self._houses.square_w2[heard].sum()) / weight
        self._days = min(self._days + days, MEMORY_DAYS)
        if self._days > 0.0:
            self._usual_w2 += min(days / self._days, 1.0) * (square - self._usual_w2)
        if self._usual_w2 > 0.0:
            # A usual of a few hours is of a night or of an evening: it says little until a day is known.
            told = math.sqrt(square / self._usual_w2) ** min(self._days, 1.0)
            self.relative = min(max(told, BOUNDS[0]), BOUNDS[1])

    def learned(self) -> dict[str, Any]:
        """What is worth keeping over a restart: the usual."""
        return {"usual_w2": self._usual_w2, "days": self._days}

    def relearn(self, learned: object) -> None:
        """Take back what `learned()` gave; nonsense is left aside."""
        if not isinstance(learned, dict):
            return
        usual, days = (_number(learned.get(name)) for name in ("usual_w2", "days"))
        if usual >= 0.0 and 0.0 <= days <= MEMORY_DAYS:
            self._usual_w2, self._days = usual, days


def _number(value: Any) -> float:
    """NaN, which compares as false, for what is none."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e18
    return float(value) if good else math.nan
