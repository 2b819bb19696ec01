"""What a controller's days amount to electrically: figures and a time series, collected as the days go by. Pure.

What the controller did is in `conduct`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.planning.figures import quantile95
from edge_balancer.simulation.physics import Steps
from edge_balancer.simulation.world import World
from edge_balancer.twin.grid.model import Floats

WINDOW_S: Final = 600
"""Voltages and unbalance are judged by their ten-minute means (EN 50160)."""
_KWH: Final = 3.6e6


@dataclass(frozen=True, slots=True)
class Figures:
    """One controller over the judged days. Voltages and the unbalance factor are ten-minute means."""

    neutral_mean_a: float
    neutral_p95_a: float
    neutral_rms_a: float
    """What heats the neutral as much as it was heated."""
    neutral_max_a: float
    phase_max_a: float
    v_min: float
    v_max: float
    over_voltage_min: float
    """Minutes of single houses above the feeder's upper limit, added up."""
    under_voltage_min: float
    vuf_mean_pct: float
    """Mean of the watched bus at which it is greatest."""
    vuf_p95_pct: float
    loss_kwh: float
    pv_kwh: float
    pv_lost_kwh: float
    source_kwh: float
    """Taken from the medium voltage, less what was fed back."""
    net_kwh: float
    """Drawn by the houses, less what their roofs fed in."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """[T] means over slots of `run.series_step_s`, but for the extremes."""

    neutral_a: Floats
    phase_a: Floats
    """[T, 3]"""
    v_min: Floats
    v_max: Floats
    vuf_pct: Floats
    """[T, B]"""
    loss_w: Floats
    net_w: Floats
    pv_w: Floats
    pv_lost_w: Floats


class Outcome:
    """Takes stretches of judged steps, each a whole number of ten minutes, in order of time."""

    def __init__(self, world: World) -> None:
        limits, nominal = world.config.feeder.limits, world.nominal_v
        self._low, self._high = nominal * (1.0 + limits.low_pct / 100.0), nominal * (1.0 + limits.high_pct / 100.0)
        self._step_s = world.scenario.run.step_s
        self._slot = world.scenario.run.series_step_s // self._step_s
        self._neutral: list[Floats] = []
        self._waiting: list[Steps] = []
        self._slots: list[Series] = []
        self._vuf: list[Floats] = []
        self._energy = np.zeros(5)
        self._phase_max = 0.0
        self._v_min, self._v_max = np.inf, -np.inf
        self._over = self._under = 0

    def add(self, steps: Steps) -> None:
        self._neutral.append(steps.neutral_a.astype(np.float32))
        self._phase_max = max(self._phase_max, float(steps.phase_a.max()))
        per = WINDOW_S // self._step_s
        square = steps.v_square.reshape(-1, per, steps.v_square.shape[1])
        there = ~np.isnan(square)
        count = there.sum(axis=1)
        volts = np.sqrt(np.where(there, square, 0.0).sum(axis=1) / np.maximum(count, 1))
        known = count > 0
        self._v_min = min(self._v_min, float(volts[known].min(initial=np.inf)))
        self._v_max = max(self._v_max, float(volts[known].max(initial=-np.inf)))
        self._over += int(np.count_nonzero(known & (volts > self._high)))
        self._under += int(np.count_nonzero(known & (volts < self._low)))
        self._vuf.append(steps.vuf_pct.reshape(-1, per, steps.vuf_pct.shape[1]).mean(axis=1))
        powers = (steps.loss_w, steps.pv_w, steps.pv_lost_w, steps.source_w, steps.net_w)
        self._energy += np.array([float(power.sum()) for power in powers]) * self._step_s / _KWH
        self._waiting.append(steps)
        if sum(len(one.neutral_a) for one in self._waiting) % self._slot == 0:
            self._slots.append(_slots(self._waiting, self._slot))
            self._waiting = []

    def figures(self) -> Figures:
        neutral = np.concatenate(self._neutral).astype(np.float64)
        vuf = np.concatenate(self._vuf)
        worst = vuf[:, int(np.argmax(vuf.mean(axis=0)))] if vuf.shape[1] else np.zeros(1)
        loss, pv, lost, source, net = self._energy.tolist()
        return Figures(
            neutral_mean_a=float(neutral.mean()),
            neutral_p95_a=quantile95(neutral),
            neutral_rms_a=float(np.sqrt((neutral**2).mean())),
            neutral_max_a=float(neutral.max()),
            phase_max_a=self._phase_max,
            v_min=self._v_min,
            v_max=self._v_max,
            over_voltage_min=self._over * WINDOW_S / 60.0,
            under_voltage_min=self._under * WINDOW_S / 60.0,
            vuf_mean_pct=float(worst.mean()),
            vuf_p95_pct=quantile95(worst),
            loss_kwh=loss,
            pv_kwh=pv,
            pv_lost_kwh=lost,
            source_kwh=source,
            net_kwh=net,
        )

    def neutral(self) -> Floats:
        """[T] A of every judged step."""
        return np.concatenate(self._neutral).astype(np.float64)

    def series(self) -> Series:
        columns = Series.__slots__
        return Series(*(np.concatenate([getattr(one, name) for one in self._slots]) for name in columns))


def _slots(steps: list[Steps], per: int) -> Series:
    def whole(name: str) -> Floats:
        values = np.concatenate([getattr(one, name) for one in steps])
        return np.asarray(values.reshape(-1, per, *values.shape[1:]))

    return Series(
        neutral_a=whole("neutral_a").mean(axis=1),
        phase_a=whole("phase_a").mean(axis=1),
        v_min=whole("v_min").min(axis=1),
        v_max=whole("v_max").max(axis=1),
        vuf_pct=whole("vuf_pct").mean(axis=1),
        loss_w=whole("loss_w").mean(axis=1),
        net_w=whole("net_w").mean(axis=1),
        pv_w=whole("pv_w").mean(axis=1),
        pv_lost_w=whole("pv_lost_w").mean(axis=1),
    )
