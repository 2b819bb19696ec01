"""Neutral current that no move changes: three-phase houses, and what the transformer carries beyond all meters."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.decision.guard import Situation
from edge_balancer.telemetry.latest import LatestReadings
from edge_balancer.types.phases import ROTATION
from edge_balancer.types.readings import ThreePhaseReading

RESIDUAL_TAU_S: Final = 600.0
"""Single comparisons of the transformer with house readings from other seconds are noise: the residual is a mean over
about this time."""
DOUBT: Final = 3.0
"""So many comparisons are taken to have shown no unmetered load before the first one: a single one is hardly
believed."""


class UnmeteredCurrent:
    """Follows the fixed part of the neutral current, A (complex)."""

    def __init__(self, latest: LatestReadings, nominal_v: float) -> None:
        self._latest = latest
        self._nominal_v = nominal_v
        self._residual = 0j
        self._residual_at: float | None = None
        self._comparisons = 0
        self._metered: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    def current(self, s: Situation) -> complex:
        """The fixed part at this instant. Without a fresh transformer reading only the metered three-phase houses
        count."""
        three_phase = self._three_phase()
        reading = self._latest.fresh_transformer(s.now)
        if reading is None or not np.array_equal(self._metered, s.heard):
            # A house that is heard for the first time leaves what no meter shows: compared before, it would count
            # twice. One that falls silent keeps its estimate and changes nothing here.
            self._residual, self._residual_at, self._comparisons = 0j, None, 0
            self._metered = s.heard.copy()
        if reading is not None and reading.at != self._residual_at and not np.isnan(reading.p).any():
            self._follow(reading, complex((s.phase_current_a * ROTATION).sum()) + three_phase)
        return three_phase + self._residual * (self._comparisons / (self._comparisons + DOUBT))

    def _three_phase(self) -> complex:
        latest = self._latest
        rows = np.flatnonzero(latest.p3.any(axis=1))
        if not len(rows):
            return 0j
        per_phase = (latest.p3[rows] - 1j * latest.q3[rows]).sum(axis=0) / self._nominal_v
        return complex((per_phase * ROTATION).sum())

    def _follow(self, reading: ThreePhaseReading, metered: complex) -> None:
        q = np.nan_to_num(np.array(reading.q), nan=0.0)
        total = complex(((np.array(reading.p) - 1j * q) / self._nominal_v * ROTATION).sum())
        self._comparisons += 1
        share = 1.0 / self._comparisons
        if self._residual_at is not None:
            share = max(share, float(-np.expm1(-(reading.at - self._residual_at) / RESIDUAL_TAU_S)))
        self._residual += share * (total - metered - self._residual)
        self._residual_at = reading.at
