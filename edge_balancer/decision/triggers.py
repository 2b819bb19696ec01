"""When moves are looked for: imbalance, voltage, uneven solar injection; each with hysteresis and confirmation.
Pure: time is handed in."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.injection import export_per_phase, uneven_injection
from edge_balancer.decision.guard import Situation
from edge_balancer.settings.root import Configuration
from edge_balancer.types.decisions import Trigger

VOLTAGE_RELEASE_V: Final = 1.0
"""A voltage must come this far back inside its limit before its trigger is released."""


class Threshold:
    """On once the value has stayed at or above `level` for `confirm_s`; off again below `release`."""

    def __init__(self, level: float, release: float, confirm_s: float) -> None:
        self.level = level
        self._release = release
        self._confirm_s = confirm_s
        self._since: float | None = None
        self.on = False

    def update(self, now: float, value: float) -> bool:
        """Take the value at `now` (monotonic s) and tell whether the trigger is on. NaN leaves it as it is, but a
        confirmation under way begins anew: nobody saw the value stay."""
        if value != value:
            self._since = None
            return self.on
        if value >= self.level:
            if self._since is None:
                self._since = now
            if now >= self._since + self._confirm_s:
                self.on = True
        else:
            self._since = None
            if value < self._release:
                self.on = False
        return self.on

    def due(self) -> float | None:
        """When the confirmation will be complete if nothing changes; None where nothing is pending."""
        return None if self.on or self._since is None else self._since + self._confirm_s


class Triggers:
    """The three triggers of one feeder."""

    def __init__(self, config: Configuration) -> None:
        d, feeder = config.decision, config.feeder
        level = config.neutral_trigger_a
        # One phase exporting this much more than another puts twice the trigger's current into the neutral.
        spread_w = 2.0 * level * feeder.nominal_voltage_v
        self._nominal_v = feeder.nominal_voltage_v
        self._high_v = feeder.volts(feeder.limits.high_pct)
        self._low_v = feeder.volts(feeder.limits.low_pct)
        self._imbalance = Threshold(level, level * d.neutral_release, d.confirm_s)
        self._injection = Threshold(spread_w, spread_w * d.neutral_release, d.confirm_s)
        self._voltage = Threshold(0.0, -VOLTAGE_RELEASE_V, d.voltage_confirm_s)

    def update(self, s: Situation, neutral_a: float, phase: NDArray[np.int8]) -> tuple[Trigger, float, float] | None:
        """The trigger that is on, the value seen and the limit; None where all is calm. The gravest is named."""
        imbalance = self._imbalance.update(s.now, neutral_a)
        spread = uneven_injection(export_per_phase(s.load_va.real, phase)).spread_w
        injection = self._injection.update(s.now, spread)
        volts, limit, beyond = self._worst_voltage(s)
        if self._voltage.update(s.now, beyond):
            return Trigger.VOLTAGE, volts, limit
        # Solar is named where the spread of the export explains at least half of the neutral current.
        if injection and spread / self._nominal_v >= 0.5 * neutral_a:
            return Trigger.INJECTION, spread, self._injection.level
        if imbalance:
            return Trigger.IMBALANCE, neutral_a, self._imbalance.level
        return None

    def _worst_voltage(self, s: Situation) -> tuple[float, float, float]:
        """The phase voltage farthest beyond (or nearest to) its limit, that limit, and how far beyond, V; NaN where
        none is measured."""
        beyond = np.append(s.v_max - self._high_v, self._low_v - s.v_min)
        if np.isnan(beyond).all():
            return float("nan"), float("nan"), float("nan")
        worst = int(np.nanargmax(beyond))
        volts, limit = (s.v_max[worst], self._high_v) if worst < 3 else (s.v_min[worst - 3], self._low_v)
        return float(volts), limit, float(beyond[worst])

    def due(self) -> float | None:
        """When the next pending confirmation completes, monotonic s."""
        pending = (self._imbalance.due(), self._injection.due(), self._voltage.due())
        return min((t for t in pending if t is not None), default=None)
