"""How loaded the transformer is, and how much of the feeder the houses' meters show.

Judges nothing: limits belong to the guard and to the alerts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_balancer.analysis.currents import Complexes, Floats


def phase_loading_pct(i: Floats, rated_current_a: float) -> Floats:
    """Loading of each phase in percent of the transformer's rated current, from line current magnitudes (..., 3) in
    A.
    """
    return 100.0 * np.abs(i) / rated_current_a


def total_loading_pct(p: Floats, q: Floats, rated_va: float) -> Floats:
    """Loading of the transformer as a whole, percent: 100 |sum S| / rated, from W and var per phase (..., 3) -> (...).

    It hides an overloaded phase behind idle ones, so it is never the only figure. NaN in `q` counts as 0.
    """
    q_total = np.where(np.isfinite(q), q, 0.0).sum(axis=-1)
    result: Floats = 100.0 * np.hypot(p.sum(axis=-1), q_total) / rated_va
    return result


def coverage_of_houses(fresh: int, total: int) -> float:
    """Fraction (0 to 1) of the feeder's houses with a fresh reading; 0 where no house is configured."""
    return fresh / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class PowerCoverage:
    """The houses' sum against the transformer's meter."""

    residual_va: Complexes
    """What the houses' meters do not show, per phase (3,), W + j var: unmetered consumers, line losses, houses gone
    stale.
    """
    fraction: Floats
    """Part of each phase's power that the houses' meters show (3,), 0 to 1; NaN where the phase is too near zero to
    tell.
    """
    total: float
    """The same over all phases; NaN where it is too near zero to tell."""


def power_coverage(houses_va: Complexes, transformer_va: Complexes, floor_va: float) -> PowerCoverage:
    """Compare the houses' sum per phase (3,) with the transformer's (3,), both W + j var.

    fraction = 1 - |residual| / |transformer|, not below 0. With solar a phase passes through zero while its houses are
    far from it, so a phase below `floor_va` at the transformer gives NaN, and the total weighs residuals and powers as
    sums of magnitudes.
    """
    residual = transformer_va - houses_va
    shown, missed = np.abs(transformer_va), np.abs(residual)
    fraction = np.where(shown >= floor_va, np.clip(1.0 - missed / np.maximum(shown, floor_va), 0.0, 1.0), np.nan)
    return PowerCoverage(residual, fraction, metered_share(houses_va, transformer_va, floor_va))


def metered_share(houses_va: Complexes, transformer_va: Complexes, floor_va: float) -> float:
    """The `total` of `power_coverage` by itself."""
    whole = float(np.add.reduce(np.abs(transformer_va)))
    missed = float(np.add.reduce(np.abs(transformer_va - houses_va)))
    return max(0.0, 1.0 - missed / whole) if whole >= floor_va and whole > 0 else float("nan")
