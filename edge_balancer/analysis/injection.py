"""Power that flows back: the feeder into the grid, and solar spread unevenly over the phases.

From net loads at the houses' meters; what a house generates and uses itself is not seen here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_balancer.analysis.currents import Floats, PhaseIndex, phase_sums


@dataclass(frozen=True, slots=True)
class Injection:
    """Export of the houses per phase and how unevenly it is spread."""

    export_w: tuple[float, float, float]
    """What the exporting houses of each phase feed in, W, positive."""
    spread_w: float
    """Most minus least of the three, W."""
    spread_pct: float
    """The spread in percent of the whole export: 0 where even, 100 where one phase has it all."""


def export_per_phase(p: Floats, phase: PhaseIndex) -> Floats:
    """What the exporting houses of each phase feed in, W, positive: (3,) from net loads (n,) in W.

    Houses with NaN or without a phase (-1) are left out. A house that draws does not lessen its neighbour's export:
    this is what lifts the voltage at the exporters, not the net flow.
    """
    return phase_sums(np.maximum(-np.where(np.isfinite(p), p, 0.0), 0.0), phase)


def uneven_injection(export_w: Floats, floor_w: float = 100.0) -> Injection:
    """The spread of the export per phase (3,) in W. A whole export below `floor_w` has a spread of 0 %: not worth a
    ratio.
    """
    a, b, c = export_w.tolist()
    spread = max(a, b, c) - min(a, b, c)
    total = a + b + c
    return Injection((a, b, c), spread, 100.0 * spread / total if total >= floor_w and total > 0 else 0.0)


def reverse_power_w(p: Floats) -> Floats:
    """Power that flows towards the grid, W, positive; 0 where the flow is the usual way.

    `p` in W along the last axis is summed, (..., n) -> (...): the phases at the transformer's meter, or the houses.
    NaN is left out.
    """
    result: Floats = np.maximum(-np.add.reduce(np.where(np.isnan(p), 0.0, p), axis=-1), 0.0)
    return result
