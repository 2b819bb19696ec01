"""What a view says on the wire: status and phases. Runs in the server's thread, on copies; nothing is stored here."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_balancer import __version__
from edge_balancer.alerts.catalogue import AlertKind
from edge_balancer.analysis.feeder import NO_THREE_PHASE, Houses, ThreePhaseHouses, feeder_state
from edge_balancer.dashboard.api.model import (
    BrokerNow,
    Budget,
    FeederInfo,
    Health,
    ModeNow,
    PhaseNow,
    Phases,
    Status,
    StorageNow,
    Triple,
    Unswitched,
)
from edge_balancer.dashboard.api.record_model import Silence
from edge_balancer.dashboard.board import Floats, View
from edge_balancer.dashboard.zone import site_zone, utc_offset_s
from edge_balancer.settings.root import Configuration
from edge_balancer.types.events import Alert, Severity
from edge_balancer.types.readings import NAN, UNKNOWN_TRIPLE, ThreePhaseReading
from edge_balancer.types.snapshot import FeederState
from edge_balancer.types.switching import Mode

_MOST_REASONS: Final = 5
FEW_SWITCHES_OF: Final = 10
"""One switch that is left alone, or a tenth of them, is work for somebody, and no trouble of the feeder."""
_ONE_SWITCH: Final = frozenset({AlertKind.SWITCH_LOCKED, AlertKind.SWITCH_POSITION})


class Painter:
    """Turns views of one configuration into what the API says."""

    def __init__(self, config: Configuration) -> None:
        self.config = config
        houses = config.houses
        self.configured: NDArray[np.int8] = np.array(
            [-1 if house.three_phase or house.phase is None else int(house.phase) for house in houses], dtype=np.int8
        )
        self.three_phase = np.array([house.three_phase for house in houses], dtype=bool)
        self._three = np.flatnonzero(self.three_phase)
        self._zone = site_zone(config.alerts.telling.time_zone)
        self._movable = sum(house.movable for house in houses)

    def status(self, view: View) -> Status:
        config = self.config
        decision = config.decision
        return Status(
            version=__version__,
            t=view.wall,
            uptime_s=max(0.0, view.wall - view.started_wall),
            clock_synced=view.synced,
            feeder=self._feeder_info(view.wall),
            mode=ModeNow(view.mode, view.mode_by),
            halted=view.halted,
            settling=view.settling,
            houses_fresh=int(np.count_nonzero(view.houses.fresh)),
            houses_total=len(config.houses),
            budget=Budget(
                decision.operations_per_house_day,
                decision.max_operations_per_house_day,
                view.operations_day,
                view.operations_hour,
            ),
            broker=BrokerNow(view.broker, view.counts.connections),
            storage=StorageNow(view.storage_fault, view.head),
            advice=view.advice,
            alerts_active=len(view.alerts),
            automatic=decision.automatic,
            health=health(view, automatic=decision.automatic),
        )

    def _feeder_info(self, wall: float) -> FeederInfo:
        feeder = self.config.feeder
        return FeederInfo(
            id=feeder.id,
            timezone=self._zone or "UTC",
            utc_offset_s=utc_offset_s(self._zone, wall),
            nominal_voltage_v=feeder.nominal_voltage_v,
            rated_current_a=feeder.rated_current_a,
            neutral_limit_a=feeder.neutral_limit_a,
            v_low=feeder.volts(feeder.limits.low_pct),
            v_high=feeder.volts(feeder.limits.high_pct),
            houses=len(self.config.houses),
            movable=self._movable,
        )

    def phases(self, view: View) -> Phases:
        """The feeder at the view's instant, where the houses are and where they would be without any move."""
        houses = view.houses
        now = self._state(view, houses.phase, view.transformer)
        without = self._state(view, self.configured, self._without_moves(view))
        load, solar = self._load_and_solar(view)
        l1, l2, l3 = (
            PhaseNow(**msgspec.structs.asdict(state), load_w=load_w, solar_w=solar_w)
            for state, load_w, solar_w in zip(now.phases, load.tolist(), solar.tolist(), strict=True)
        )
        return Phases(
            t=view.wall,
            l1=l1,
            l2=l2,
            l3=l3,
            i_n=now.i_n,
            imbalance=now.imbalance,
            coverage=now.coverage,
            mode=view.mode,
            vuf=now.vuf,
            pvur=now.pvur,
            current_unbalance=now.current_unbalance,
            loading=now.loading,
            reverse_power=now.reverse_power,
            injection_spread=now.injection_spread,
            metered=now.metered,
            houses_fresh=now.houses_fresh,
            houses_total=now.houses_total,
            unswitched=Unswitched(without.i_n, without.imbalance, _powers(without)),
        )

    def _state(self, view: View, phase: NDArray[np.int8], transformer: ThreePhaseReading | None) -> FeederState:
        houses = view.houses
        three = NO_THREE_PHASE
        if len(self._three):
            heard = houses.fresh[self._three][:, np.newaxis]
            three = ThreePhaseHouses(
                np.where(heard, houses.p3[self._three], np.nan), houses.q3[self._three], houses.v3[self._three]
            )
        return feeder_state(
            view.wall,
            Houses(houses.p, houses.q, houses.v, phase, houses.fresh),
            three,
            transformer,
            self.config.feeder,
            view.mode,
            len(self.config.houses),
        )

    def _without_moves(self, view: View) -> ThreePhaseReading | None:
        """What the transformer's meter would show: its powers, with the houses' loads put back to where they began."""
        reading, houses = view.transformer, view.houses
        if reading is None:
            return None
        p = np.where(houses.fresh & ~self.three_phase, np.nan_to_num(houses.p), 0.0)
        q = np.where(houses.fresh & ~self.three_phase, np.nan_to_num(houses.q), 0.0)
        return msgspec.structs.replace(
            reading,
            p=_triple(np.array(reading.p) + _per_phase(p, self.configured) - _per_phase(p, houses.phase)),
            q=_triple(np.array(reading.q) + _per_phase(q, self.configured) - _per_phase(q, houses.phase)),
            i=UNKNOWN_TRIPLE,
            i_n=NAN,
        )

    def _load_and_solar(self, view: View) -> tuple[Floats, Floats]:
        """[3] of the houses that draw and of those that feed in, W."""
        houses = view.houses
        p = np.where(houses.fresh & ~self.three_phase, np.nan_to_num(houses.p), 0.0)
        load = _per_phase(np.maximum(p, 0.0), houses.phase)
        solar = _per_phase(np.maximum(-p, 0.0), houses.phase)
        if len(self._three):
            p3 = np.where(houses.fresh[self._three][:, np.newaxis], np.nan_to_num(houses.p3[self._three]), 0.0)
            load += np.maximum(p3, 0.0).sum(axis=0)
            solar += np.maximum(-p3, 0.0).sum(axis=0)
        return load, solar


def health(view: View, *, automatic: bool = True) -> Health:
    """How the controller and its feeder are, in one word. `automatic`: as the configuration has it."""
    fails = [f"the store cannot save: {view.storage_fault}"] if view.storage_fault else []
    warns = [f"switching is halted: {view.halted}"] if view.halted else []
    if not view.connected:
        fails.append(f"the broker's connection is {view.broker}")
    if not view.synced:
        warns.append("the clock is not synchronised")
    if view.settling:
        warns.append("the feeder is left alone after an outage")
    if view.mode is not Mode.AUTO:
        warns.append(f"the mode is {view.mode}: nothing is moved by itself")
    elif not automatic:
        warns.append("nothing is moved by itself: decision.automatic is false in the configuration")
    switches = sum(_is_of_one_switch(alert) for alert in view.alerts)
    few = switches <= max(1, len(view.houses.phase) // FEW_SWITCHES_OF)
    for alert in view.alerts:
        # Somebody must go there; but the feeder is as well as the other houses can make it.
        if alert.severity is Severity.CRITICAL and not (few and _is_of_one_switch(alert)):
            fails.append(alert.text)
        elif alert.severity is not Severity.INFO:
            warns.append(alert.text)
    level: Any = "fail" if fails else "warn" if warns else "ok"
    return Health(level, tuple((fails + warns)[:_MOST_REASONS]))


def _is_of_one_switch(alert: Alert) -> bool:
    return alert.key.partition("/")[0] in _ONE_SWITCH


def silences_now(view: View) -> tuple[Silence, ...]:
    """The silences in force, as those who tell people last said."""
    return tuple(
        Silence(str(one.get("pattern", "")), float(one.get("until") or 0.0), str(one.get("by", "")))
        for one in view.silences
    )


def _per_phase(value: Floats, phase: NDArray[np.int8]) -> Floats:
    """[3] sums over the houses whose phase is known."""
    known = phase >= 0
    return np.bincount(phase[known], value[known], 3).astype(np.float64)


def _powers(state: FeederState) -> Triple:
    a, b, c = (phase.p for phase in state.phases)
    return a, b, c


def _triple(values: NDArray[Any]) -> Triple:
    a, b, c = values.tolist()
    return a, b, c
