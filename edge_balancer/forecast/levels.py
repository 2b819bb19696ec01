"""How high each house's load stands, at several speeds: moving means from two minutes to an hour and a half. Pure.

The differences between them tell what has changed and how long ago: a kettle lives in the fastest alone, a washing
machine reaches the middle ones, an evening at home the slowest.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

HALF_LIVES_S: Final = np.array([120.0, 360.0, 1200.0, 5400.0])
STEADY: Final = 2
"""Index of the mean that stands for the slow part of a house's load."""


class Levels:
    """Moving means [4, houses] of P + jQ, W and var."""

    def __init__(self, houses: int) -> None:
        self.means: Complex = np.zeros((len(HALF_LIVES_S), houses), dtype=np.complex128)

    def observe(
        self, index: NDArray[np.intp], load: Complex, dt: Floats, fresh: NDArray[np.bool_], begin: Complex
    ) -> None:
        """Readings of distinct houses that stand for the last `dt` seconds; `fresh` houses begin anew at `begin`."""
        weight = -np.expm1(-dt[None, :] * (np.log(2.0) / HALF_LIVES_S)[:, None])
        before = self.means[:, index]
        self.means[:, index] = np.where(fresh, begin, before + weight * (load - before))

    def steps(self, now: Complex) -> Complex:
        """[4, houses]: the present above the fastest mean, and each mean above the next slower one."""
        stack = np.concatenate([now[None, :], self.means])
        return np.asarray(stack[:-1] - stack[1:])

    @property
    def slowest(self) -> Complex:
        return np.asarray(self.means[-1])

    @property
    def steady(self) -> Complex:
        return np.asarray(self.means[STEADY])
