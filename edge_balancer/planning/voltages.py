"""What a fixed assignment does to the voltages, estimated from the measured ones. Pure; not a power flow.

The phases' mean voltages differ by how differently they are loaded: the slope of the one over the other in the record
is the feeder's typical impedance Z. A phase that a plan loads with dI amperes more sinks by Z dI; a moved house leaves
the mean of its old phase and keeps its distance to that of the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.analysis.currents import PHASES, Floats
from edge_balancer.planning.history import History, Phases
from edge_balancer.settings.feeder import FeederSettings

_LEAST_SLOTS: Final = 60
# Ohm, between a strong and a very weak low-voltage feeder; a slope beyond it is noise.
_Z_RANGE: Final = (0.005, 1.5)


@dataclass(frozen=True, slots=True)
class VoltageFigures:
    """Lowest and highest slot mean of any house, V, and the house-hours beyond the feeder's limits."""

    lowest_v: float
    highest_v: float
    low_h: float
    high_h: float

    @property
    def beyond_h(self) -> float:
        return self.low_h + self.high_h


class VoltageModel:
    """Estimates the voltages that other assignments would have had over one history."""

    def __init__(self, history: History, feeder: FeederSettings) -> None:
        self._history = history
        self._low_v, self._high_v = feeder.volts(feeder.limits.low_pct), feeder.volts(feeder.limits.high_pct)
        self._then = history.was.astype(np.intp)
        self.measured = bool(np.isfinite(history.volts).any())
        self._active: Floats = history.own.real.astype(np.float64)
        self._loads = self._phase_sums(self._then)
        self._means = self._phase_means()
        learned = self._slope()
        self.learned = learned is not None
        """Whether `z_ohm` comes from the record; else it is the configured one."""
        self.z_ohm = feeder.source_impedance_ohm if learned is None else learned

    def figures(self, phase: Phases) -> VoltageFigures | None:
        """With every house on `phase` (H,) throughout; None where no voltage was measured."""
        if not self.measured:
            return None
        volts = self.estimate(phase)
        hours = self._history.step_s / 3600.0
        return VoltageFigures(
            float(np.nanmin(volts)),
            float(np.nanmax(volts)),
            float((volts < self._low_v).sum()) * hours,
            float((volts > self._high_v).sum()) * hours,
        )

    def estimate(self, phase: Phases) -> Floats:
        """Voltages (T, H) in V, NaN where the house's was not measured."""
        target = np.broadcast_to(phase.astype(np.intp), self._then.shape)
        # What the houses' own loads would make of the phases, where nothing was measured on one of them.
        between = np.where(np.isfinite(self._means), self._means, self._fallback())
        gained = self._phase_sums(target) - self._loads
        at = np.take_along_axis(between - self.z_ohm * gained, target, axis=1)
        result: Floats = self._history.volts + at - np.take_along_axis(between, self._then, axis=1)
        return result

    def _phase_sums(self, phase: np.ndarray[tuple[int, int], np.dtype[np.intp]]) -> Floats:
        return np.stack([(self._active * (phase == k)).sum(axis=1) for k in range(PHASES)], axis=1)

    def _phase_means(self) -> Floats:
        known = np.isfinite(self._history.volts)
        values = np.where(known, self._history.volts, 0.0).astype(np.float64)
        columns = []
        for k in range(PHASES):
            mine = known & (self._then == k)
            count = mine.sum(axis=1)
            columns.append((values * mine).sum(axis=1) / np.where(count > 0, count, np.nan))
        return np.stack(columns, axis=1)

    def _fallback(self) -> Floats:
        """Means (T, 3) as the loads alone let expect them, around what is known of that slot."""
        z = self.z_ohm
        unloaded = self._means + z * self._loads
        known = np.isfinite(unloaded)
        count = known.sum(axis=1)
        level = np.where(known, unloaded, 0.0).sum(axis=1) / np.maximum(count, 1)
        result: Floats = level[:, np.newaxis] - z * self._loads
        return result

    def _slope(self) -> float | None:
        """Ohm: least squares of voltage differences over current differences between phases, each with its offset."""
        across, over = 0.0, 0.0
        for a, b in ((0, 1), (1, 2), (2, 0)):
            volts = self._means[:, a] - self._means[:, b]
            known = np.isfinite(volts)
            if int(known.sum()) < _LEAST_SLOTS:
                continue
            amps = (self._loads[:, a] - self._loads[:, b])[known]
            centred = amps - amps.mean()
            across += float(centred @ (volts[known] - volts[known].mean()))
            over += float(centred @ centred)
        if over <= 0.0:
            return None
        z = -across / over
        return z if _Z_RANGE[0] <= z <= _Z_RANGE[1] else None
