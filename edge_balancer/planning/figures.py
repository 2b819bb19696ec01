"""What a neutral current amounts to over a time: the figures by which plans are compared. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_balancer.analysis.currents import Complexes, Floats


@dataclass(frozen=True, slots=True)
class Figures:
    """Magnitude of the neutral current in A: its mean and what it stays below for 95 % of the time."""

    mean_a: float
    p95_a: float


def figures(neutral: Complexes | Floats) -> Figures:
    """Of phasors or magnitudes (T,) on slots of one length."""
    if not len(neutral):
        return Figures(0.0, 0.0)
    magnitude = np.abs(neutral)
    return Figures(float(magnitude.mean()), quantile95(magnitude))


def quantile95(magnitude: Floats) -> float:
    """The smallest value that at least 95 % of `magnitude` (T,) do not exceed."""
    rank = rank95(len(magnitude))
    return float(np.partition(magnitude, rank)[rank])


def rank95(count: int) -> int:
    """Position of the 95th percentile among `count` sorted values."""
    return min(count - 1, max(0, int(np.ceil(0.95 * count)) - 1))
