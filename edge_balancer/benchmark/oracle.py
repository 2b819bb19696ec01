"""A perfect forecast of a case for the engine: what every house will draw, as the truth has it. Pure.

It knows the future of power, and nothing of what the engine will decide: tripped inverters are not in it. With it the
engine shows what a better forecast could bring at most, and what is left for a better decision.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Complexes
from edge_balancer.benchmark.case import Case
from edge_balancer.forecast.horizon import BLOCK_MINUTES, Horizon


class Oracle:
    """Mean power over any stretch of a case, from sums that are made once: 16 bytes per house and slot."""

    name: Final = "oracle"

    def __init__(self, case: Case) -> None:
        self._start, self._step_s, self._slots = case.start, case.step_s, case.slots
        self._sums = np.zeros((case.slots + 1, case.houses), dtype=np.complex128)
        np.cumsum(case.power, axis=0, dtype=np.complex128, out=self._sums[1:])

    def forecast(self, wall: float, horizon: Horizon) -> Complexes:
        """Mean power (houses, blocks) in VA over the blocks from `wall` (Unix s) on.

        A block that reaches beyond the record is that of its part within; one that lies beyond is the last slot's.
        """
        starts = self._place(wall + horizon.starts_s)
        ends = self._place(wall + horizon.ends_s)
        # At least a slot's worth, and within the record.
        starts = np.minimum(starts, self._slots - 1.0)
        ends = np.maximum(ends, np.minimum(starts + 1e-3, self._slots))
        return np.asarray(((self._sum(ends) - self._sum(starts)) / (ends - starts)[:, np.newaxis]).T)

    def error_va(self, first_va: float) -> NDArray[np.float64]:
        """It is never wrong."""
        del first_va
        return np.zeros(len(BLOCK_MINUTES))

    def _place(self, wall: NDArray[np.float64]) -> NDArray[np.float64]:
        """Slots from the record's beginning, within it."""
        return np.clip((wall - self._start) / self._step_s, 0.0, float(self._slots))

    def _sum(self, place: NDArray[np.float64]) -> Complexes:
        """The sum (blocks, houses) up to each place; power is even within a slot."""
        whole = np.minimum(place.astype(np.intp), self._slots - 1)
        part = (place - whole)[:, np.newaxis]
        return np.asarray(self._sums[whole] * (1.0 - part) + self._sums[whole + 1] * part)
