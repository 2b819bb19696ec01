"""The switching desk: turns decided moves into commands, hears the switches, and keeps roster and record in step.
Sends nothing."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from edge_balancer.settings.root import Configuration
from edge_balancer.switching.evidence import before_move, testify
from edge_balancer.switching.flights import Change, Flight, Flights, Stage
from edge_balancer.switching.picture import Finding, Move, Picture, Testimony
from edge_balancer.switching.ration import Ration, Row
from edge_balancer.switching.roster import Roster
from edge_balancer.switching.transformer_witness import TransformerLog
from edge_balancer.switching.voltage_witness import ALIVE
from edge_balancer.telemetry.latest import LatestReadings
from edge_balancer.types.decisions import Decision
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.switching import Availability, ClearRequest, Command, SwitchReport, SwitchResult

VERIFY_PERIODS = 2.5
"""A move is verified on a reading taken after it: a meter that reports seldom needs this many of its periods."""
MOST_VERIFY_PERIODS = 20.0
BY_CHANCE = 1e-6
"""Where a meter's readings are lost now and then, it is waited for until so few of its silences last as long: silence
locks a house out, and a bad radio must not. A feeder makes a hundred moves a day for years; and where the known share
of lost readings, a mean of the last fifty, is half of the true one, one silence in some ten thousand still lasts
longer."""

HALT_AFTER = 5
HALT_SHARE = 0.1
"""So many switches in a row that fail (or this share of them, if that is more), with none between that answers:
automatic switching stops until a person has looked."""


class SwitchDesk:
    """Owns the roster and the commands under way. Every method that records returns nothing: `events` collects until
    drained."""

    def __init__(self, config: Configuration, roster: Roster, latest: LatestReadings, session: uuid.UUID) -> None:
        self._config = config
        self.roster = roster
        self._latest = latest
        self._session = session
        self.flights = Flights(config.switching)
        self._transformer = TransformerLog()
        self._reports: dict[str, SwitchReport] = {}
        self._events: list[Event] = []
        self._ration = Ration()
        self._finished: dict[str, str] = {}
        """House -> its last command that has ended: what still arrives about it is late."""
        self._refuted: dict[str, str] = {}
        """House -> a command that its switch calls done and the meters do not."""
        self._failed_in_a_row: set[str] = set()
        self.seq = 0
        self._now, self._wall, self._synced = 0.0, 0.0, True

    def at(self, now: float, wall: float, synced: bool) -> None:
        """The instant that everything recorded from here on bears."""
        self._now, self._wall, self._synced = now, wall, synced
        self.flights.clock_synced = synced

    def drain(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def record(self, kind: EventKind, body: dict[str, Any], house: str = "", command: str = "") -> None:
        """Write a row for the audit trail."""
        if house:
            # A position that waits its turn is older than this, and must not stand behind it.
            self.record_waiting(_positions(house))
        self._events.append(Event(kind, self._now, self._wall, self._synced, house, command, body))

    def record_few(self, account: str, *rows: Row, at_once: bool = False) -> None:
        """Write rows that anybody may provoke (`ration`): now, or later with how many gave way. `at_once` where
        somebody waits for them."""
        self._write(self._ration.offer(account, self._now, rows, at_once=at_once))

    def may_record(self, account: str) -> bool:
        """Whether the ration of an account allows one more row now; whoever is told so writes it."""
        return self._ration.spend(account, self._now)

    def record_waiting(self, account: str) -> None:
        """Write what waits on an account: what is written next rests on it."""
        self._write(self._ration.release(account))

    def write_due(self) -> None:
        """Write what has waited its turn."""
        self._write(self._ration.due(self._now))

    def rest(self) -> list[Event]:
        """All that waits, at the end."""
        self._write(self._ration.rest())
        return self.drain()

    def _write(self, rows: Iterable[Row]) -> None:
        self._events += [Event(r.kind, self._now, self._wall, self._synced, r.house, r.command, r.body) for r in rows]

    def command(self, decision: Decision, picture: Picture) -> list[Command]:
        """Commands for a decision's moves. They count as operations from here on, and the houses as moved."""
        commands = []
        # All witnesses are heard before the first house is booked on its new phase: a booked house that still stands
        # on its old one would look like unmetered load.
        before = [before_move(picture, self.roster.index[move.house]) for move in decision.moves]
        for move, witnesses in zip(decision.moves, before, strict=True):
            self.seq += 1
            command = Command(
                id=str(uuid.uuid5(self._session, f"command:{self.seq}")),
                seq=self.seq,
                house=move.house,
                phase=move.target,
                origin=move.origin,
                issued=self._wall,
                expires=self._wall + self._config.switching.expiry_s,
                decision=decision.id,
            )
            house = self.roster.index[move.house]
            self.flights.plan(command, self._now, witnesses, self._verify_for_s(house))
            self._book(house, command)
            # From here on only what it says after the command tells where it is.
            self._reports.pop(command.house, None)
            self.roster.record_operation(house, self._now)
            self.record(EventKind.PLANNED, _planned(command), command.house, command.id)
            commands.append(command)
        return commands

    def restore(self, command: Command) -> None:
        """A command found open after a restart: it may be under way, and is not sent again."""
        house = self.roster.index.get(command.house)
        if house is None or self.roster.three_phase[house]:
            return
        self.flights.restore(command, self._now, self._verify_for_s(house))
        self._book(house, command)

    def _book(self, house: int, command: Command) -> None:
        """Take the house as moved while its command is under way: the next decision must not move another in its
        place."""
        self.roster.phase[house] = int(command.phase)
        self.roster.in_flight[house] = True

    def sent(self, command_id: str) -> None:
        self._apply(self.flights.sent(command_id, self._now))

    def unsent(self, command_id: str) -> None:
        self._apply(self.flights.unsent(command_id))

    def hear(self, report: SwitchReport) -> None:
        """A switch spoke about itself: that is where the house is, whatever we believed."""
        house = self.roster.index.get(report.house)
        if house is None or self.roster.three_phase[house]:
            return
        roster = self.roster
        flight = self.flights.of(report.house)
        if self._is_late(report) or (flight is None and self._is_foreign_trouble(house, report)):
            return
        expected = flight.expected if flight else roster.phase_of(house)
        ours = flight is not None and report.id == flight.command.id
        if not (report.result is SwitchResult.MOVING and ours):
            self._reports[report.house] = report
        change = self.flights.hear(report, self._now)
        self._apply(change)
        if report.result is SwitchResult.MOVING and ours and change is None:
            return  # between two positions, as it should be
        if report.phase is None:
            if change is None or not change.lock:
                self._lock(house, f"its switch does not know its position{_because(report)}")
            roster.known[house] = False
            return
        if not ours and report.phase is not expected:
            body = {
                "phase": str(report.phase),
                "from": str(expected) if expected is not None else None,
                "id": report.id,
            }
            self.record_few(_positions(report.house), Row(EventKind.POSITION, body, report.house, report.id))
            # Somebody moved it: its inverter reconnects and its compressors rest as after a move of ours.
            roster.last_move[house] = self._now
        roster.known[house] = True
        if self.flights.of(report.house) is None:
            roster.phase[house] = int(report.phase)

    def _is_late(self, report: SwitchReport) -> bool:
        """Whether newer words of the same switch are known: a retained state from before, a duplicate of QoS 1."""
        before = self._reports.get(report.house)
        if report.retained and before is not None and before.t is not None and report.t is not None:
            return report.t < before.t
        return (
            report.result is SwitchResult.MOVING and report.id != "" and report.id == self._finished.get(report.house)
        )

    def _is_foreign_trouble(self, house: int, report: SwitchReport) -> bool:
        """What a switch does without our bidding. True where its report says nothing about where the house stands."""
        roster = self.roster
        if report.id != "" and report.id == self._refuted.get(report.house):
            roster.known[house] = False
            return True
        if report.result is SwitchResult.MOVING:
            roster.known[house] = False  # somebody moves it; its next report says where to
            return True
        if (
            report.result is SwitchResult.FAILED
            and not report.retained
            and report.id != self._finished.get(report.house)
        ):
            self._lock(house, f"its switch failed by itself{_because(report)}")
        return False

    def heard_availability(self, availability: Availability) -> None:
        house = self.roster.index.get(availability.house)
        if house is not None:
            self.roster.offline[house] = not availability.online

    def clear(self, request: ClearRequest) -> None:
        """A person releases a locked-out house. Its position must be known: the switch's last word counts."""
        house = self.roster.index[request.house]
        if not self.roster.locked[house]:
            return
        self.roster.clear(house)
        self.flights.forgive(request.house)
        self.resume(request.operator)
        report = self._reports.get(request.house)
        if report is not None and report.phase is not None and self.flights.of(request.house) is None:
            self.roster.phase[house] = int(report.phase)
            self.roster.known[house] = True
        body = {"operator": request.operator, "reason": request.reason}
        if request.order:
            body["order"] = request.order
        self.record(EventKind.CLEARED, body, request.house)

    def resume(self, by: str) -> None:
        """A person, `by`, has looked: automatic switching may go on."""
        self._failed_in_a_row.clear()
        if self.roster.halted:
            self.record(EventKind.RESUMED, {"by": by, "reason": self.roster.halted})
            self.roster.halted = ""

    def tick(self, look: Callable[[], Picture], *, connected: bool) -> None:
        """Let time pass: time-outs and verification. `look` shows the meters; it is asked only where the transformer
        has been read, or a move waits for them."""
        reading = self._latest.transformer
        spoke = reading is not None and reading.at > self._transformer.newest
        awaited = any(flight.stage is Stage.ACKNOWLEDGED for flight in self.flights)
        picture = look() if spoke or awaited else None
        if picture is not None:
            self._transformer.take(picture)

        def ask(flight: Flight) -> Testimony:
            assert picture is not None, "only what is acknowledged is asked for"  # noqa: S101
            return self._ask(flight, picture)

        for change in self.flights.tick(self._now, self._reports.get, ask, connected=connected):
            self._apply(change)

    def _ask(self, flight: Flight, picture: Picture) -> Testimony:
        command = flight.command
        house = self.roster.index[command.house]
        if flight.before is None:  # found open after a restart: nobody took down what was before
            alive = picture.at[house] >= flight.acknowledged_at and not picture.v[house] < ALIVE * picture.nominal_v
            finding = Finding.ALIVE if alive else Finding.NOTHING
            return Testimony(
                finding, "the meter measures; what was before the restart is not known", float(picture.at[house])
            )
        move = Move(house, int(command.origin), int(command.phase), flight.acknowledged_at)
        use_voltage = self._config.switching.voltage_evidence
        return testify(picture, move, flight.before, self._transformer, use_voltage=use_voltage)

    def _apply(self, change: Change | None) -> None:
        if change is None:
            return
        command = change.command
        self.record(change.kind, change.body, command.house, command.id)
        house = self.roster.index[command.house]
        if not change.over:
            if change.kind is EventKind.ACKNOWLEDGED:
                self._failed_in_a_row.clear()
            return
        self.roster.in_flight[house] = False
        self._finished[command.house] = command.id
        if change.refuted:
            self._refuted[command.house] = command.id
        if change.kind is not EventKind.VERIFIED:
            # Best guess where it is in doubt; `known` says how far to trust it, and a report of the switch overrides
            # both.
            said = None if change.refuted else self._reports.get(command.house)
            where = (
                (command.origin if change.likely is None else change.likely)
                if said is None or said.phase is None
                else said.phase
            )
            self.roster.phase[house] = int(where)
            self.roster.known[house] = change.stayed and (said is None or said.phase is not None)
        if change.lock:
            self._lock(house, change.lock, command.id)
            self._count_failure(command.house)

    def _count_failure(self, house: str) -> None:
        """One switch that fails is its own affair; several in a row are the gateway's, the radio's or the cabinet's."""
        self._failed_in_a_row.add(house)
        if len(self._failed_in_a_row) >= max(HALT_AFTER, HALT_SHARE * self.roster.movable) and not self.roster.halted:
            names = ", ".join(sorted(self._failed_in_a_row))
            self.roster.halted = f"the switches of {names} failed one after another, and none answered between"
            self.record(EventKind.HALTED, {"reason": self.roster.halted})

    def _lock(self, house: int, reason: str, command: str = "") -> None:
        if self.roster.lock(house, reason):
            self.record(EventKind.LOCKED, {"reason": reason}, self.roster.ids[house], command)

    def _verify_for_s(self, house: int) -> float:
        """How long the meter may take to confirm a move, s. One that has spoken only once may be the slowest of all."""
        period = float(self._latest.period[house])
        late = float(self._latest.late[house])
        periods = math.log(BY_CHANCE) / math.log(late) if 0.0 < late < 1.0 else 0.0
        periods = min(max(periods, VERIFY_PERIODS), MOST_VERIFY_PERIODS)
        slowest = periods * period if period == period else self._config.telemetry.max_age_s
        return max(self._config.switching.verify_timeout_s, slowest)


def _positions(house: str) -> str:
    """The account of its rows."""
    return f"position/{house}"


def _planned(command: Command) -> dict[str, Any]:
    return {
        "seq": command.seq,
        "phase": str(command.phase),
        "from": str(command.origin),
        "issued": command.issued,
        "expires": command.expires,
        "decision": command.decision,
    }


def _because(report: SwitchReport) -> str:
    return f": {report.reason}" if report.reason else ""
