"""Phase switches as they are in the field: slow, sometimes failing, silent, stuck, or saying what is not so. Sans I/O.

A command goes in; what the contacts do and what the switch reports come out at their times. Where a house really is
stands here alone: the controller learns of it from reports, which may lie, and from meters. Deterministic by seed.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import ClearRequest, Command, SwitchReport, SwitchResult

_TAG: Final = 83
TECHNICIAN: Final = "simulated technician"


class Fault(enum.StrEnum):
    """What lasts until somebody repairs it."""

    NONE = "none"
    STUCK = "stuck"
    """The contacts never move again; the switch notices and answers `failed`."""
    LYING = "lying"
    """The contacts never move again; the switch answers `done` and gives the position that was wanted."""


@dataclass(frozen=True, slots=True)
class SwitchOptions:
    """How the switches of a feeder are. Fractions are of the commands."""

    delay_s: tuple[float, float] = (1.0, 3.0)
    """Range of the times from a command to its `done`, drawn for each move."""
    dead_s: float = 0.2
    """The house is dark for so long between its old phase and its new one; at most the shortest delay."""
    failing: float = 0.0
    """Answered `failed`; the house stays, and the next command may succeed."""
    silent: float = 0.0
    """Never answered; the house stays."""
    sticking: float = 0.0
    """The switch sticks: see `Fault.STUCK`."""
    lying: float = 0.0
    """The switch begins to lie: see `Fault.LYING`."""
    repair_s: float = 86_400.0
    """From the summons of a technician until the switch is repaired and released."""

    def __post_init__(self) -> None:
        least, most = self.delay_s
        if not 0.0 <= least <= most < np.inf:
            raise ValueError(f"delay_s = {least:g} to {most:g}: give a range of seconds, the shorter first")
        if not 0.0 <= self.dead_s <= least:
            raise ValueError(f"dead_s = {self.dead_s:g}: give seconds from 0 to the shortest delay, {least:g}")
        if not self.repair_s >= 0.0:
            raise ValueError(f"repair_s = {self.repair_s:g}: give seconds from 0")
        for name in ("failing", "silent", "sticking", "lying"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} = {getattr(self, name):g} is a fraction: give a value from 0 to 1")
        if self.failing + self.silent + self.sticking + self.lying > 1.0:
            raise ValueError("failing, silent, sticking and lying add up to more than 1: lower them")


@dataclass(frozen=True, slots=True)
class Contact:
    """A house is dark from `opens` to `closes` (s, on the clock of the commands) and on `phase` from then on."""

    house: str
    opens: float
    closes: float
    origin: Phase
    phase: Phase


@dataclass(frozen=True, slots=True)
class _Answer:
    command: Command
    result: SwitchResult | None
    moves: bool
    phase: Phase | None = None
    reason: str = ""


class PhaseSwitches:
    """Where every house really is."""

    def __init__(self, phases: Mapping[str, Phase], options: SwitchOptions, seed: int) -> None:
        self.phases = dict(phases)
        """Where the contacts of each house stand (a house on its way: where it was)."""
        self.options = options
        self.faults: dict[str, Fault] = {}
        """Only houses that have one."""
        self.moved: list[tuple[float, Command]] = []
        """Completed operations: when the house was on its new phase, and by which command."""
        self._seed = seed
        self._number = {house: k for k, house in enumerate(self.phases)}
        self._commands: dict[str, int] = {}
        self._said: dict[str, Phase] = {}
        """What lying switches believe."""
        self._busy: dict[str, float] = {}
        self._due: list[tuple[float, int, _Answer]] = []
        self._repairs: list[tuple[float, str, str]] = []

    def report_all(self, now: float) -> list[SwitchReport]:
        """What real switches leave on the broker: where they stand, by their own account."""
        return [
            SwitchReport(house, self._said.get(house, phase), now, retained=True)
            for house, phase in self.phases.items()
        ]

    def damage(self, house: str, fault: Fault) -> None:
        """From now on `house` has this fault."""
        self.faults.pop(house, None)
        if fault is not Fault.NONE:
            self.faults[house] = fault

    def take(self, command: Command, now: float) -> Contact | None:
        """A command arrives. Gives what its contacts will do, or None where they will not move."""
        house = command.house
        count = self._commands[house] = self._commands.get(house, 0) + 1
        rng = np.random.default_rng([self._seed, _TAG, self._number[house], count])
        draw, at = float(rng.random()), now + float(rng.uniform(*self.options.delay_s))
        if now > command.expires:
            self._answer(at, _Answer(command, SwitchResult.REJECTED, False, reason="expired"))
            return None
        if self._busy.get(house, -np.inf) > now:
            self._answer(at, _Answer(command, SwitchResult.REJECTED, False, reason="busy with another command"))
            return None
        answer = self._outcome(command, draw)
        self._busy[house] = at
        self._answer(at, answer)
        if not answer.moves or self.phases[house] is command.phase:
            return None
        return Contact(house, at - self.options.dead_s, at, self.phases[house], command.phase)

    def _answer(self, at: float, answer: _Answer) -> None:
        heapq.heappush(self._due, (at, answer.command.seq, answer))

    def _outcome(self, command: Command, draw: float) -> _Answer:
        o, house = self.options, command.house
        if house not in self.faults:
            if draw < o.failing:
                return _Answer(command, SwitchResult.FAILED, False, reason="simulated failure")
            if draw < o.failing + o.silent:
                return _Answer(command, None, False)
            if draw < o.failing + o.silent + o.sticking:
                self.faults[house] = Fault.STUCK
            elif draw < o.failing + o.silent + o.sticking + o.lying:
                self.faults[house] = Fault.LYING
        match self.faults.get(house):
            case Fault.STUCK:
                return _Answer(command, SwitchResult.FAILED, False, reason="the contacts do not move")
            case Fault.LYING:
                return _Answer(command, SwitchResult.DONE, False, phase=command.phase)
            case _:
                return _Answer(command, SwitchResult.DONE, True)

    def summon(self, house: str, now: float, reason: str = "switch repaired") -> None:
        """The controller has locked a house out, or doubts its record: a technician is on the way, who repairs what is
        broken. `reason` is what the release will say. One at a time comes to a house."""
        if all(house != other for _, other, _ in self._repairs):
            heapq.heappush(self._repairs, (now + self.options.repair_s, house, reason))

    def next_due(self) -> float | None:
        """When something will have happened."""
        return min((queue[0][0] for queue in (self._due, self._repairs) if queue), default=None)

    def speak(self, now: float) -> tuple[list[SwitchReport], list[ClearRequest]]:
        """What has happened up to `now`: reports of switches, and lock-outs cleared by the technician."""
        reports, clears = [], []
        while self._due and self._due[0][0] <= now:
            at, _, answer = heapq.heappop(self._due)
            command = answer.command
            if answer.moves and self.phases[command.house] is not command.phase:
                self.phases[command.house] = command.phase
                self.moved.append((at, command))
            if answer.phase is not None:
                self._said[command.house] = answer.phase
            if answer.result is not None:
                where = self._said.get(command.house, self.phases[command.house])
                reports.append(SwitchReport(command.house, where, now, command.id, answer.result, answer.reason))
        while self._repairs and self._repairs[0][0] <= now:
            _, house, reason = heapq.heappop(self._repairs)
            self.faults.pop(house, None)
            self._said.pop(house, None)
            clears.append(ClearRequest(house, TECHNICIAN, reason))
            reports.append(SwitchReport(house, self.phases[house], now))
        return reports, clears
