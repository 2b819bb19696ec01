"""The coming hours as a few blocks of growing length, and how much each counts. No forecast is made here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Lengths in minutes. Fine where fast appliances live and die, coarse where only the time of day is known.
BLOCK_MINUTES: tuple[float, ...] = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True)
class Horizon:
    """Blocks from now on. `starts_s` and `ends_s` in seconds from now, shape [blocks]; `weights_min` in minutes,
    shape [blocks].

    The weight of a block is its length discounted by exp(-t / patience): a move may be followed by another,
    so what lies behind the next likely move counts less.
    """

    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    weights_min: NDArray[np.float64]

    @property
    def minutes(self) -> NDArray[np.float64]:
        """Length of each block, min."""
        return (self.ends_s - self.starts_s) / 60.0


def horizon(patience_min: float, blocks: tuple[float, ...] = BLOCK_MINUTES) -> Horizon:
    """The horizon for a time constant of `patience_min` minutes."""
    ends = np.cumsum(np.asarray(blocks, dtype=np.float64))
    starts = ends - np.asarray(blocks)
    # The mean of exp(-t/patience) over the block, times its length: the integral of the discount.
    weights = patience_min * (np.exp(-starts / patience_min) - np.exp(-ends / patience_min))
    return Horizon(starts * 60.0, ends * 60.0, weights)


def patience_for(operations_per_house_day: float) -> float:
    """Minutes that a move is worth looking ahead, from the budget: the more moves to come, the fewer.

    On simulated feeders about 10 min serve best at two operations per house and day, and the optimum is flat.
    """
    return float(np.clip(14.0 / math.sqrt(max(operations_per_house_day, 0.1)), 3.0, 60.0))
