"""Inverters that trip when their house loses its supply, and feed in again once they have watched the grid for a while.

They know no sun and no power: they say from when on each feeds in, whoever has a roof multiplies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TAG = 81


class Inverters:
    """An inverter for each house, all feeding in at first."""

    def __init__(self, houses: int, reconnect_s: tuple[float, float], seed: int) -> None:
        """`reconnect_s`: the range of the times that an inverter waits (IEEE 1547: 300 s by default; 60 s is usual in
        Europe, EN 50549-1)."""
        least, most = reconnect_s
        if not 0.0 <= least <= most < np.inf:
            raise ValueError(f"reconnect_s = {least:g} to {most:g}: give a range of seconds, the shorter first")
        self._range_s = (least, most)
        self._seed = seed
        self._trips = np.zeros(houses, dtype=np.int64)
        self._back = np.full(houses, -np.inf)

    def trip(self, house: int, wall: float) -> float:
        """The supply of `house` was gone and is back at `wall` (Unix s). Gives when it will feed in again."""
        rng = np.random.default_rng([self._seed, _TAG, house, int(self._trips[house])])
        self._trips[house] += 1
        self._back[house] = wall + float(rng.uniform(*self._range_s))
        return float(self._back[house])

    @property
    def back(self) -> Floats:
        """[H] Unix s from which on each feeds in; -inf where it never tripped."""
        return self._back.copy()
