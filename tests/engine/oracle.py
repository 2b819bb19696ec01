"""What the controller must never do, judged from what was said to it and what it answered, in true time.

Knows nothing of the engine's own bookkeeping: it keeps its own account of readings, reports, commands and clearances.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from edge_balancer.settings.root import Configuration
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Outputs
from edge_balancer.types.switching import Command, Mode, SwitchReport, SwitchResult

DAY_S: Final = 86_400.0
HOUR_S: Final = 3600.0
ENDS: Final = frozenset({EventKind.VERIFIED, EventKind.FAILED, EventKind.TIMED_OUT})
SLACK_S: Final = 1e-6


@dataclass
class Operation:
    """A command that was given, in true time."""

    at: float
    command: Command
    unsent: bool = False
    heard: bool = False
    """Its switch has said something about it."""
    done_at: float | None = None
    waiting_since: float = 0.0


@dataclass
class Oracle:
    """The account of one feeder. `true` times are seconds since the beginning, over all restarts and reboots."""

    config: Configuration
    mode: Mode
    operations: list[Operation] = field(default_factory=list)
    open: dict[str, Operation] = field(default_factory=dict)
    locked: dict[str, str] = field(default_factory=dict)
    reading_at: dict[str, float] = field(default_factory=dict)
    word: dict[str, SwitchReport] = field(default_factory=dict)
    """The last word of each switch since the last command to it."""
    position: dict[str, Phase | None] = field(default_factory=dict)
    offline: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    seq: int = 0

    def restarted(self, true: float) -> None:
        """Nothing that a switch or meter said before a restart counts as heard."""
        self.reading_at.clear()
        self.word.clear()
        self.position.clear()
        self.offline.clear()
        for operation in self.open.values():
            operation.waiting_since = true

    def judge(self, true: float, inputs: Inputs, outputs: Outputs) -> None:
        """Take one step. Raises AssertionError naming what was broken."""
        for request in inputs.modes:
            self.mode = request.mode
        for reading in inputs.readings:
            # `at` of a reading is engine time; the world hands in measurements of this instant or somewhat older ones.
            age = max(0.0, self._engine_now - reading.at)
            self.reading_at[reading.house] = max(self.reading_at.get(reading.house, -1e18), true - age)
        for three in inputs.three_phase:
            self.reading_at[three.house] = true
        for availability in inputs.availability:
            (self.offline.discard if availability.online else self.offline.add)(availability.house)
        for command_id in inputs.sent:
            for operation in self.open.values():
                if operation.command.id == command_id:
                    operation.waiting_since = true
        for report in inputs.reports:
            self._hear(true, report)
        cleared = {clear.house for clear in inputs.clears}
        planned: list[str] = []
        for event in outputs.events:
            self._event(true, event, inputs, cleared, planned)
        assert planned == [command.id for command in outputs.commands], "a command without its plan in the trail"
        self._patience(true)

    _engine_now: float = 0.0

    def at_engine_time(self, now: float) -> None:
        self._engine_now = now

    def _hear(self, true: float, report: SwitchReport) -> None:
        operation = self.open.get(report.house)
        ours = operation is not None and operation.command.id == report.id
        if ours and operation is not None:
            operation.heard = True
            if report.result in (SwitchResult.DONE, None) and report.phase is operation.command.phase:
                operation.done_at = true if operation.done_at is None else operation.done_at
            if report.result is SwitchResult.MOVING:
                return
        self.word[report.house] = report
        self.position[report.house] = report.phase

    def _event(self, true: float, event: Event, inputs: Inputs, cleared: set[str], planned: list[str]) -> None:
        house = event.house
        match event.kind:
            case EventKind.LOCKED:
                self.locked[house] = event.body["reason"]
            case EventKind.CLEARED:
                assert house in cleared, f"{house} was released, and nobody asked for it"
                self.locked.pop(house)
                if house not in self.open and (word := self.word.get(house)) is not None and word.phase is not None:
                    self.position[house] = word.phase
            case EventKind.PLANNED:
                planned.append(event.command)
                self._commanded(true, event, inputs)
            case kind if kind in ENDS:
                self._ended(event)
            case _:
                pass

    def _ended(self, event: Event) -> None:
        operation = self.open.pop(event.house)
        command = operation.command
        assert command.id == event.command
        word = self.word.get(event.house)
        if event.kind is EventKind.VERIFIED:
            assert operation.done_at is not None, "verified, and its switch never said done"
            assert self.reading_at[event.house] >= operation.done_at - SLACK_S, "verified without a reading since"
            assert word is not None, "verified, and its switch has not spoken"
            assert word.phase is command.phase, "verified, and its switch stands elsewhere"
        elif event.body.get("sent") is False:
            operation.unsent = True
            self.position[event.house] = command.origin if word is None else word.phase
        elif event.kind is EventKind.TIMED_OUT:
            self.position[event.house] = None

    def _patience(self, true: float) -> None:
        """A switch that stays silent is locked out in time, and a move that no meter shows."""
        for house, operation in self.open.items():
            if not operation.heard:
                silent = true - operation.waiting_since
                assert silent < self.config.switching.ack_timeout_s + SLACK_S, f"{house} may be silent for {silent} s"

    def _commanded(self, true: float, event: Event, inputs: Inputs) -> None:
        d, s = self.config.decision, self.config.switching
        command = self.commands[event.command]
        house = command.house
        settings = next(h for h in self.config.houses if h.id == house)
        assert event.house == house
        assert command.id not in self.ids, "a command was sent twice"
        assert command.seq > self.seq, "sequence numbers must rise"
        assert abs(command.expires - command.issued - s.expiry_s) < 1e-5, "expiry"
        assert command.issued == inputs.wall
        assert self.mode is Mode.AUTO, f"commanded in {self.mode}"
        assert settings.movable, f"{house} must never be moved"
        assert house not in self.locked, f"{house} is locked out: {self.locked.get(house)}"
        assert house not in self.open, f"{house} is under way"
        assert house not in self.offline, f"the switch of {house} is offline"
        assert self.position.get(house) is command.origin, f"{house} is not known to be on {command.origin}"
        assert command.phase is not command.origin
        assert len(self.open) < s.max_in_flight, "too many moves under way"
        assert self._fresh(true, house), f"the meter of {house} is stale"
        fresh = sum(self._fresh(true, h.id) for h in self.config.houses)
        assert fresh / len(self.config.houses) >= d.min_coverage, "coverage is too low"
        real = [operation for operation in self.operations if not operation.unsent]
        since = [true - operation.at for operation in real if operation.command.house == house]
        assert all(age >= d.dwell_s - SLACK_S for age in since), f"dwell of {house}: {since[-1]} s"
        day = sum(age < DAY_S - SLACK_S for age in since)
        assert day < d.max_operations_per_house_day, f"{house} had {day} operations within a day"
        hour = sum(true - operation.at < HOUR_S - SLACK_S for operation in real)
        assert hour < d.max_operations_per_feeder_hour, f"the feeder had {hour} operations within an hour"
        operation = Operation(true, command, waiting_since=true)
        self.operations.append(operation)
        self.open[house] = operation
        self.word.pop(house, None)
        self.ids.add(command.id)
        self.seq = command.seq

    def _fresh(self, true: float, house: str) -> bool:
        # The world's settings leave a meter's learned period no room: the limit is the same for all.
        return true - self.reading_at.get(house, -1e18) <= self.config.telemetry.max_age_s + SLACK_S

    commands: dict[str, Command] = field(default_factory=dict)
    """The commands of the step that is judged, by id."""
