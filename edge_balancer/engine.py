"""One step of the controller: `step(now, inputs) -> outputs`. No I/O, no clock of its own, no chance.

The daemon, the twin, `replay` and the tests drive this same function; the same inputs give the same outputs, to the
byte.
It strings the parts together in the order in which the data flows; the judgement is in the parts.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_balancer.alerts.watch import Watch
from edge_balancer.analysis.feeder import NO_THREE_PHASE, Houses, ThreePhaseHouses, feeder_state
from edge_balancer.analysis.outage import OutageWatch
from edge_balancer.analysis.phases.check import Doubt, RecordCheck
from edge_balancer.decision.desk import DecisionDesk
from edge_balancer.decision.guard import Guard, Situation
from edge_balancer.forecast.advisor import Advisor
from edge_balancer.forecast.civil_time import CivilTime
from edge_balancer.forecast.interface import MissingModel, Model
from edge_balancer.settings.root import Configuration
from edge_balancer.switching.desk import SwitchDesk
from edge_balancer.switching.modes import ModeDesk
from edge_balancer.switching.picture import Picture
from edge_balancer.switching.ration import Row
from edge_balancer.switching.roster import Roster
from edge_balancer.telemetry.latest import LatestReadings
from edge_balancer.telemetry.minutes import MinuteMeans
from edge_balancer.telemetry.rings import HouseRing, PhaseRing
from edge_balancer.types.decisions import Decision
from edge_balancer.types.events import Alert, Event, EventKind
from edge_balancer.types.ports import Inputs, Outputs, Restored
from edge_balancer.types.snapshot import FeederState, MinuteMean
from edge_balancer.types.switching import ClearRequest, Command, Mode
from edge_balancer.types.tojson import to_json

TICK_S: Final = 1.0
"""Slow work (the feeder's state, alerts, minute means) is done at most this often; decisions follow every reading."""
SEQ_EPOCH: Final = 1_735_689_600
"""1 January 2025. Sequence numbers start at the seconds since then, so that a controller with an empty store still
counts on
from what its switches have seen."""


class Engine:
    """The controller of one feeder."""

    def __init__(
        self,
        config: Configuration,
        session: uuid.UUID,
        restored: Restored,
        now: float,
        advisor: Advisor | None = None,
        model: Model | MissingModel | None = None,
    ) -> None:
        """`session` is a fresh random id of this run: ids of commands and decisions derive from it. `now` in
        monotonic s. `advisor` forecasts in the survival blend's place; `model`, a learned forecast, corrects the
        blend under supervision. At most one of them may be given."""
        self._config = config
        self.roster = Roster(config.houses)
        self._three_phase = np.flatnonzero(self.roster.three_phase)
        self.latest = LatestReadings(self.roster.ids, config.telemetry)
        self.houses_ring = HouseRing(len(self.roster), config.telemetry.ring_hours, config.telemetry.grid_s)
        self.phase_ring = PhaseRing(config.telemetry.ring_hours, config.telemetry.grid_s)
        self._minutes = MinuteMeans(self.roster.ids)
        self._guard = Guard(config, self.roster)
        self._decisions = DecisionDesk(config, self.roster, self.latest, self._guard, session, advisor, model)
        self._switches = SwitchDesk(config, self.roster, self.latest, session)
        self._modes = ModeDesk(restored.mode or config.decision.mode, self._switches)
        self._outage = OutageWatch(config.decision.min_coverage, config.decision.outage_cooldown_s)
        self.watch = Watch(config, self.roster, restored)
        self._now, self._wall = now, restored.wall
        self._civil = CivilTime()
        self._next_tick = now
        self._tick_s = min(TICK_S, config.mqtt.publish_s)
        self._restore(restored, now)

    @property
    def mode(self) -> Mode:
        return self._modes.mode

    @property
    def modes_refused(self) -> int:
        """Wishes for another mode that were refused since the start: it was changed too often."""
        return self._modes.refused

    def _restore(self, restored: Restored, now: float) -> None:
        self._switches.at(now, restored.wall, True)
        for name, phase in restored.phases.items():
            house = self.roster.index.get(name)
            if house is not None and not self.roster.three_phase[house]:
                self.roster.phase[house] = int(phase)
        # After the positions: what is checked is where the houses are on record from here on.
        self._records = self._record_check()
        for name, reason in restored.locked.items():
            if name in self.roster.index:
                self.roster.lock(self.roster.index[name], reason)
        self.roster.halted = restored.halted
        for past in restored.moves:
            house = self.roster.index.get(past.house)
            if house is not None:
                # A move recorded "in the future" by a clock since set back counts as just made: the careful reading.
                self.roster.record_operation(house, now - max(0.0, restored.wall - past.wall))
        self._switches.seq = max(restored.seq, int(restored.wall) - SEQ_EPOCH, 0)
        for command in restored.open_commands:
            self._switches.restore(command)
        if restored.after_outage:
            self._outage.begin(now)
        self._resume_outage(restored, now)
        self._decisions.relearn(restored.learned)
        self._records.relearn(restored.learned.get("records"))
        self._doubt()

    def _record_check(self) -> RecordCheck:
        """Of no house where voltages are not to be believed (a replay's do not follow its moves)."""
        believed = self._config.switching.voltage_evidence
        single = np.flatnonzero(~self.roster.three_phase & (self.roster.phase >= 0) & believed)
        ids = [self.roster.ids[house] for house in single]
        return RecordCheck(ids, self.roster.phase[single], self.roster.switchable[single])

    def _doubt(self) -> None:
        self.roster.doubt[:] = 0.0
        for doubt in self._records.doubts.values():
            self.roster.doubt[self.roster.index[doubt.house]] = doubt.confidence

    def _resume_outage(self, restored: Restored, now: float) -> None:
        """An outage, or the cool-down after one, does not end with a restart."""
        outage = restored.learned.get("outage")
        if not isinstance(outage, dict):
            return
        left, at = outage.get("left_s"), outage.get("wall")
        if left is None:
            self._outage.resume(now, None)
        elif isinstance(left, (int, float)) and isinstance(at, (int, float)):
            # A clock that was set back meanwhile makes it longer, never shorter than it was.
            self._outage.resume(now, max(0.0, float(left) - max(0.0, restored.wall - float(at))))

    @property
    def advice(self) -> str:
        """Which forecast advises at present."""
        return self._decisions.advice.name

    @property
    def forecast_fault(self) -> str:
        """Why the learned forecast that is configured does not advise; empty where it does, or none is."""
        return self._decisions.advice.fault

    def forecast_report(self) -> dict[str, Any]:
        """Whose forecast is used, and how a learned one stands, as JSON types."""
        return self._decisions.advice.diagnostics()

    @property
    def distance_ohm(self) -> NDArray[np.float64]:
        """[houses] loop resistance from each house back to the transformer, ohm; NaN where not known."""
        return self._decisions.distance_ohm

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Records of houses' phases that the voltages contradict."""
        return tuple(self._records.doubts.values())

    @property
    def settling(self) -> bool:
        """Whether the feeder is left alone because of an outage or the cool-down after it."""
        return self._now < self._outage.until

    def learned(self) -> dict[str, Any]:
        """What forecast, price and the check of the records have learned, and the state of an outage, as JSON types,
        to be given back in `Restored`."""
        learned = self._decisions.learned()
        learned["records"] = self._records.learned()
        if self.settling:
            left = None if self._outage.open else self._outage.until - self._now
            learned["outage"] = {"left_s": left, "wall": self._wall}
        return learned

    def rest(self) -> list[Event]:
        """Rows of the audit trail that still wait their turn: for the end."""
        return self._switches.rest()

    def step(self, now: float, inputs: Inputs) -> Outputs:
        """Take what happened up to `now` (monotonic s) and say what must be done."""
        self._now, self._wall = now, inputs.wall
        self.roster.forget(now)
        self._switches.at(now, inputs.wall, inputs.synced)
        self._switches.write_due()
        # Before all that a mode may allow or forbid in this step.
        for request in inputs.modes:
            if self._modes.take(request) and request.mode is Mode.AUTO:
                self._switches.resume(request.by)
        self._hear(inputs)
        # Before this step's readings are taken: they belong to the minute in which they came.
        minutes, feeder_minutes = self._minutes.turn(inputs.wall, self.roster.phase)
        self._check_records(minutes)
        self._measure(inputs)
        fresh = self.latest.fresh(now)
        self._switches.tick(lambda: self._picture(now, fresh), connected=inputs.connected)
        s = self._situation(now, fresh)
        decisions, commands = self._decide(inputs, s)
        alerts, feeder = self._tick(now, inputs, s)
        return Outputs(
            events=tuple(self._switches.drain()),
            commands=tuple(commands),
            decisions=tuple(decisions),
            alerts=alerts,
            feeder=feeder,
            mode=self._modes.news(),
            minutes=minutes,
            feeder_minutes=feeder_minutes,
            due=min((t for t in (self._decisions.due(), self._switches.flights.due()) if t is not None), default=None),
        )

    def _hear(self, inputs: Inputs) -> None:
        """What was sent, what the switches say, what people released: in that order, as it came about."""
        for command_id in inputs.sent:
            self._switches.sent(command_id)
        for command_id in inputs.unsent:
            self._switches.unsent(command_id)
        for availability in inputs.availability:
            self._switches.heard_availability(availability)
        for report in inputs.reports:
            self._switches.hear(report)
            self.watch.hear(self._now, report)
        for clear in inputs.clears:
            if clear.house in self.roster.index:
                self._switches.clear(clear)
                self._release(clear)

    def _release(self, clear: ClearRequest) -> None:
        """A person has looked at a house of which the record was in doubt: it is believed until judged anew."""
        doubt = self._records.release(clear.house)
        if doubt is not None:
            self._doubt()
            body = {"operator": clear.operator, "reason": clear.reason, "doubted": str(doubt.recorded)}
            self._switches.record(EventKind.CLEARED, body, clear.house)

    def _check_records(self, minutes: Sequence[MinuteMean]) -> None:
        if not minutes:
            return
        moving = [self.roster.ids[house] for house in np.flatnonzero(self.roster.in_flight).tolist()]
        self._records.take(minutes, moving, self.latest.usual_period_s)
        self._doubt()

    def _measure(self, inputs: Inputs) -> None:
        rounds = self.latest.take(inputs.readings)
        for batch in rounds:
            self.houses_ring.add_round(batch.index, batch.p, batch.q, batch.at)
            self._minutes.add(batch)
        if inputs.three_phase:
            self.latest.take_three_phase(inputs.three_phase)
            self._minutes.add_three_phase(inputs.three_phase)
        self._decisions.observe(rounds, self._now, self._civil.at(self._now, inputs.wall, inputs.synced))

    def _situation(self, now: float, fresh: NDArray[np.bool_]) -> Situation:
        coverage = int(np.count_nonzero(fresh)) / len(fresh) if len(fresh) else 0.0
        nominal = self._config.feeder.nominal_voltage_v
        dead = fresh & (self.latest.v < 0.5 * nominal)
        self._outage.update(now, coverage, _darkest(self.roster.phase, fresh, dead))
        return self._decisions.situation(now, self.mode, fresh, coverage, self._outage.until)

    def _picture(self, now: float, fresh: NDArray[np.bool_]) -> Picture:
        latest, roster = self.latest, self.roster
        moving = np.zeros(len(roster), dtype=bool)
        moving[[roster.index[house] for house in self._switches.flights.unanswered()]] = True
        nominal = self._config.feeder.nominal_voltage_v
        return Picture(
            now=now,
            at=latest.at,
            p=latest.p,
            v=latest.v,
            fresh=fresh,
            phase=roster.phase,
            transformer=latest.fresh_transformer(now),
            moving=moving,
            nominal_v=nominal,
            p3=latest.p3,
            period_s=latest.period,
            last_move=roster.last_move,
            source_ohm=self._config.feeder.source_impedance_ohm,
        )

    def _decide(self, inputs: Inputs, s: Situation) -> tuple[list[Decision], list[Command]]:
        """People's wishes first, then the controller's own; each decision is judged in the situation the one before
        has left."""
        decisions: list[Decision] = []
        commands: list[Command] = []
        for wish in inputs.requests:
            if wish.house not in self.roster.index:
                continue
            body = {"phase": str(wish.phase), "operator": wish.operator, "reason": wish.reason}
            body |= _said("", wish.order)
            decision = self._decisions.request(inputs.wall, s, wish)
            decisions.append(decision)
            # One that is refused is on record too, unless somebody asks and asks.
            self._switches.record_few(
                "request",
                Row(EventKind.REQUEST, body, wish.house),
                Row(EventKind.DECISION, to_json(decision)),
                at_once=decision.commanded or bool(wish.order),
            )
            commands += self._command(decision, s)
            if decision.commanded:  # one that is refused leaves everything as it was
                s = self._situation(s.now, s.fresh)
        own = self._decisions.consider(inputs.wall, s)
        if own is not None:
            decisions.append(own)
            self._switches.record(EventKind.DECISION, to_json(own))
            commands += self._command(own, s)
        return decisions, commands

    def _command(self, decision: Decision, s: Situation) -> list[Command]:
        if not decision.commanded:
            return []
        return self._switches.command(decision, self._picture(s.now, s.fresh))

    def _tick(self, now: float, inputs: Inputs, s: Situation) -> tuple[tuple[Alert, ...], FeederState | None]:
        """Work that need not follow every reading."""
        for silence in inputs.silences:
            silenced = {"keys": silence.pattern, "minutes": silence.minutes, "operator": silence.operator}
            row = Row(EventKind.SILENCE, silenced | _said("", silence.order))
            self._switches.record_few("silence", row, at_once=bool(silence.order))
        for ack in inputs.acks:
            seen = {"key": ack.key, "operator": ack.operator} | _said("", ack.order)
            self._switches.record_few("ack", Row(EventKind.ALERT_ACK, seen), at_once=bool(ack.order))
        heard = (self.watch.acknowledge(ack, inputs.wall) for ack in inputs.acks)
        acknowledged = [alert for alert in heard if alert is not None]
        if now < self._next_tick:
            return self._told(acknowledged), None
        self._next_tick = now + self._tick_s
        feeder = self.feeder_state(inputs.wall, s)
        self._minutes.add_feeder(feeder)
        self.houses_ring.advance(now)
        self.phase_ring.add_state(now, feeder)
        alerts = self.watch.look(
            now,
            self._with_refusals(inputs),
            feeder,
            s.fresh,
            self.latest,
            self._records.doubts.values(),
            self._decisions.advice.demotion,
        )
        return self._told([*acknowledged, *alerts]), feeder

    def _with_refusals(self, inputs: Inputs) -> Inputs:
        """Orders that were refused here count as those that were not understood."""
        refused = inputs.refused_orders + self.modes_refused
        return msgspec.structs.replace(inputs, refused_orders=refused) if self.modes_refused else inputs

    def _told(self, alerts: list[Alert]) -> tuple[Alert, ...]:
        for alert in alerts:
            self._switches.record(EventKind.ALERT, to_json(alert))
        return tuple(alerts)

    def feeder_state(self, wall: float, s: Situation) -> FeederState:
        """The feeder at this instant, as published."""
        latest, roster = self.latest, self.roster
        three = self._three_phase
        shared = NO_THREE_PHASE
        if len(three):
            heard = s.fresh[three][:, np.newaxis]
            shared = ThreePhaseHouses(np.where(heard, latest.p3[three], np.nan), latest.q3[three], latest.v3[three])
        return feeder_state(
            wall,
            Houses(latest.p, latest.q, latest.v, roster.phase, s.fresh),
            shared,
            latest.fresh_transformer(s.now),
            self._config.feeder,
            self.mode,
            len(roster),
        )


def _said(reason: str, order: str) -> dict[str, str]:
    """What an order may say besides, for the record: only what was said."""
    return {name: said for name, said in (("reason", reason), ("order", order)) if said}


def _darkest(phase: NDArray[np.int8], fresh: NDArray[np.bool_], dead: NDArray[np.bool_]) -> float:
    """Fraction of the reporting houses without supply, of the worst phase that has at least two of them, or of all."""
    if not dead.any():
        return 0.0
    share = float(dead.sum() / max(1, int(fresh.sum())))
    for which in range(3):
        on = fresh & (phase == which)
        if np.count_nonzero(dead & on) >= 2:
            share = max(share, float((dead & on).sum() / on.sum()))
    return share
