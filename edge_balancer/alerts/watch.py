"""Looks at the feeder once a tick and gathers the conditions that may become alerts. The judgement is in
`conditions` and `lifecycle`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.alerts import conditions, own_conditions
from edge_balancer.alerts.catalogue import AlertKind, key_of
from edge_balancer.alerts.lifecycle import AlertBook, Condition
from edge_balancer.alerts.own_watch import OwnWatch
from edge_balancer.alerts.texts import texts_of
from edge_balancer.analysis.phases.check import Doubt
from edge_balancer.analysis.weeks import WeekOfWindows, WeekVerdict, voltage_limits
from edge_balancer.analysis.windows import WINDOW_S, TenMinuteMeans
from edge_balancer.settings.root import Configuration
from edge_balancer.switching.roster import Roster
from edge_balancer.telemetry.latest import LatestReadings
from edge_balancer.types.demotion import Demotion
from edge_balancer.types.events import Alert
from edge_balancer.types.ports import Inputs, Restored
from edge_balancer.types.snapshot import FeederState
from edge_balancer.types.switching import AlertAck, SwitchReport

MEANS_HOLD_S: Final = 2.0 * WINDOW_S
"""A ten-minute mean speaks for the feeder until the next one; when telemetry has stopped, it speaks no longer."""
VOLTAGE_KINDS: Final = frozenset(
    {
        AlertKind.VOLTAGE_HIGH,
        AlertKind.VOLTAGE_LOW,
        AlertKind.VOLTAGE_EXTREME_HIGH,
        AlertKind.VOLTAGE_EXTREME_LOW,
    }
)
METER_KINDS: Final = frozenset({AlertKind.STALE_METERS, AlertKind.METER_SILENT})


class Watch:
    """The alerts of one feeder. Times are monotonic seconds, `wall` Unix seconds."""

    def __init__(self, config: Configuration, roster: Roster, restored: Restored) -> None:
        self._config = config
        self._roster = roster
        self._book = AlertBook(config.alerts, tuple(restored.alerts))
        self._texts = texts_of(config.alerts.telling.language)
        self._own = OwnWatch(config.alerts, self._texts, restored.unannounced_starts, bool(config.transformer_meters))
        self._voltages = TenMinuteMeans(len(roster))
        self._vuf = TenMinuteMeans(1)
        self._mean_v = np.full(len(roster), np.nan)
        self._mean_vuf = float("nan")
        self._week = WeekOfWindows(len(roster), voltage_limits(config.feeder))
        self._judged_at = -np.inf
        self._started: float | None = None
        feeder = config.feeder
        self._single = ~roster.three_phase
        self._movable = roster.switchable & ~roster.critical & ~roster.three_phase
        self._mean_limits_v = feeder.volts(feeder.limits.low_pct), feeder.volts(feeder.limits.high_pct)
        self._extreme_limits_v = (
            feeder.volts(feeder.limits.extreme_low_pct),
            feeder.volts(feeder.limits.extreme_high_pct),
        )
        self._mean_outside = False

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts that stand."""
        return self._book.alerts

    def week(self, wall: float) -> WeekVerdict:
        """How the last week's ten-minute voltages of each house stand to EN 50160."""
        return self._week.verdict(wall)

    def acknowledge(self, ack: AlertAck, wall: float) -> Alert | None:
        return self._book.acknowledge(ack.key, ack.operator, wall)

    def hear(self, now: float, report: SwitchReport) -> None:
        """A switch spoke: perhaps of a command that it took for forged. Only houses that are known come so far."""
        if report.house in self._roster.index:
            self._own.hear(now, report)

    def look(
        self,
        now: float,
        inputs: Inputs,
        feeder: FeederState,
        fresh: NDArray[np.bool_],
        latest: LatestReadings,
        doubts: Iterable[Doubt] = (),
        demotion: Demotion | None = None,
    ) -> list[Alert]:
        """The alerts that changed. `fresh` [houses]: whose reading may be used; `doubts`: records that the voltages
        contradict; `demotion`: why a learned forecast was set aside."""
        if self._started is None:
            self._started = now
        roster, wall, texts = self._roster, inputs.wall, self._texts
        volts = np.where(fresh & self._single, latest.v, np.nan)
        # A house without supply (its own breaker) is no voltage violation of the feeder.
        lit = volts > 0.5 * self._config.feeder.nominal_voltage_v
        alive = np.where(lit, volts, np.nan)
        self._follow_windows(wall, alive, feeder.vuf)
        # What is within its limits is of no interest unless an alert may end with it.
        open_kinds = self._book.open_kinds
        found: list[Condition] = [
            conditions.severe_imbalance(
                feeder.i_n if feeder.houses_fresh else float("nan"), self._config.feeder, self._config.alerts, texts
            ),
            conditions.voltage_unbalance(self._mean_vuf, self._config.feeder, texts),
            conditions.frequent_switching(roster.operations_hour, self._config.alerts, texts),
            *conditions.wrong_phase_records(doubts, texts),
            *conditions.switching_halted(self._roster.halted, texts),
            *conditions.storage_trouble(inputs.storage_fault, texts),
            *own_conditions.model_demoted(demotion, texts),
            *self._switches(),
            *self._own.look(now, inputs, None if latest.transformer is None else latest.transformer.at, open_kinds),
        ]
        if self._mean_outside or not VOLTAGE_KINDS.isdisjoint(open_kinds) or _outside(alive, self._extreme_limits_v):
            found += conditions.voltages(roster.ids, roster.phase, self._mean_v, alive, self._config.feeder, texts)
        if not METER_KINDS.isdisjoint(open_kinds) or not fresh.all():
            age = np.minimum(now - latest.at, now - self._started)
            found += conditions.stale_meters(roster.ids, fresh, age, self._config.alerts, texts)
        dead = np.isfinite(volts) & ~lit
        if dead.any():
            found += conditions.supply_lost(roster.ids, roster.phase, lit, dead, texts)
        return [*self._released(), *self._book.observe(now, wall, found)]

    def _follow_windows(self, wall: float, volts: NDArray[np.float64], vuf: float | None) -> None:
        if not abs(wall - self._judged_at) <= MEANS_HOLD_S:
            self._mean_v = np.full(len(self._roster), np.nan)
            self._mean_vuf = float("nan")
            self._mean_outside = False
        for window in self._voltages.add(wall, volts):
            self._judged_at = wall
            self._mean_v = window.judged_mean
            self._mean_outside = _outside(self._mean_v, self._mean_limits_v)
            self._week.record(window)
        for window in self._vuf.add(wall, np.array([np.nan if vuf is None else vuf])):
            self._mean_vuf = float(window.judged_mean[0])

    def _switches(self) -> list[Condition]:
        roster = self._roster
        found = [
            conditions.switch_locked(roster.ids[house], reason, self._texts)
            for house, reason in sorted(roster.lock_reason.items())
        ]
        silent = self._movable & ~roster.known & ~roster.locked & ~roster.in_flight
        # While most switches have not spoken yet, the controller has just started or the field is not connected: that
        # is one fact (diagnostics show it), not an alert for every house.
        if 2 * int(silent.sum()) < int(self._movable.sum()):
            found += [
                conditions.switch_position(roster.ids[house], roster.phase_of(house), None, self._texts)
                for house in np.flatnonzero(silent).tolist()
            ]
        return found

    def _released(self) -> list[Alert]:
        """Lock-outs, and a halt, that a person has cleared since."""
        over: list[Alert] = []
        for alert in self._book.alerts:
            kind, _, house = alert.key.partition("/")
            if kind == AlertKind.SWITCHING_HALTED and not self._roster.halted:
                resolved = self._book.clear(alert.key)
                over += [] if resolved is None else [resolved]
            if kind != AlertKind.SWITCH_LOCKED:
                continue
            index = self._roster.index.get(house)
            if index is None or not self._roster.locked[index]:
                resolved = self._book.clear(key_of(AlertKind.SWITCH_LOCKED, house))
                if resolved is not None:
                    over.append(resolved)
        return over


def _outside(volts: NDArray[np.float64], limits_v: tuple[float, float]) -> bool:
    """Whether any voltage is beyond the low or the high limit; NaN is not."""
    low, high = limits_v
    return bool(np.fmin.reduce(volts, initial=np.nan) < low or np.fmax.reduce(volts, initial=np.nan) > high)
