"""The life of a command, as a state table. Time and testimony are handed in; nothing is sent here.

    PLANNED --sent--> SENT --done--> ACKNOWLEDGED --meter agrees--> VERIFIED
       |unsent          |rejected, failed     |meter contradicts, or is silent too long
       v                v silent too long     v
    ABANDONED        FAILED / TIMED_OUT     FAILED        (both lock the house out; a clean rejection only after three)

A command is never sent twice. One that was found open after a restart waits, as SENT, for its switch to speak.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from edge_balancer.settings.policy import SwitchingSettings
from edge_balancer.switching.evidence import CONTRADICTIONS
from edge_balancer.switching.picture import Before, Finding, Testimony
from edge_balancer.types.events import EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Command, SwitchReport, SwitchResult

GRACE_S: Final = 5.0
"""After the broker's return, retained states of the switches come within this time."""
REJECTIONS: Final = 3
"""A switch that refuses this many commands in a row, each time staying where it was, is locked out: something is
wrong with it."""


class Stage(enum.StrEnum):
    PLANNED = "planned"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"


@dataclass(slots=True)
class Flight:
    """One command under way."""

    command: Command
    planned_at: float
    before: Before | None
    """None for a command found open after a restart: only a living meter can then be asked."""
    verify_for_s: float
    stage: Stage = Stage.PLANNED
    sent_at: float = 0.0
    acknowledged_at: float = 0.0
    restored: bool = False
    contradictions: int = 0
    paused_s: float = 0.0
    """Time without a broker, during which its switch could not be heard."""
    alive_seen: bool = False
    judged_at: float = field(default=float("-inf"))
    """The reading that was judged last: one reading is one testimony."""
    accused_at: float = field(default=float("-inf"))
    """The same of contradictions, each of which rests on a reading of the house itself."""
    last_words: str = "no reading since the switch reported"

    @property
    def expected(self) -> Phase:
        """Where its switch should stand by its own account."""
        return self.command.phase if self.stage is Stage.ACKNOWLEDGED else self.command.origin

    @property
    def patience_s(self) -> float:
        """How long the meters may take to confirm it; once contradicted it waits for a second reading."""
        return self.verify_for_s * (2.0 if self.contradictions else 1.0)


@dataclass(frozen=True, slots=True)
class Change:
    """A step in a command's life: what to record, and what it means for the house."""

    kind: EventKind
    command: Command
    body: dict[str, Any]
    over: bool = False
    """The command's life has ended."""
    lock: str = ""
    """Why the house must be locked out; empty where it need not."""
    stayed: bool = False
    """The house is known to have stayed on its old phase. Where a move failed and this is False, its position is in
    doubt."""
    refuted: bool = False
    """The meters contradict the switch: what it says of this command is not believed, then or later."""
    likely: Phase | None = None
    """Where the house most likely is while its position is in doubt; its old phase where None."""


class Flights:
    """All commands under way, at most one for a house."""

    def __init__(self, settings: SwitchingSettings) -> None:
        self._settings = settings
        self._by_house: dict[str, Flight] = {}
        self._rejections: dict[str, int] = {}
        self.clock_synced = True
        """Whether our wall clock, by which the switches judge expiry, can be trusted."""
        self._ticked_at: float | None = None

    def forgive(self, house: str) -> None:
        """A person has looked at its switch: earlier refusals count no more."""
        self._rejections.pop(house, None)

    def __len__(self) -> int:
        return len(self._by_house)

    def __iter__(self) -> Iterator[Flight]:
        return iter(list(self._by_house.values()))

    def of(self, house: str) -> Flight | None:
        return self._by_house.get(house)

    def unanswered(self) -> list[str]:
        """Houses whose switch has not said done yet: where they stand is open."""
        return [house for house, flight in self._by_house.items() if flight.stage is not Stage.ACKNOWLEDGED]

    def plan(self, command: Command, now: float, before: Before, verify_for_s: float) -> None:
        """A command was decided; it must be journalled, then sent."""
        self._by_house[command.house] = Flight(command, now, before, verify_for_s)

    def restore(self, command: Command, now: float, verify_for_s: float) -> None:
        """A command from before a restart whose end is unknown: it may have been sent, and is not sent again."""
        flight = Flight(command, now, None, verify_for_s, Stage.SENT, sent_at=now, restored=True)
        self._by_house[command.house] = flight

    def sent(self, command_id: str, now: float) -> Change | None:
        flight = self._find(command_id)
        if flight is None or flight.stage is not Stage.PLANNED:
            return None
        flight.stage, flight.sent_at = Stage.SENT, now
        return Change(EventKind.SENT, flight.command, {})

    def unsent(self, command_id: str) -> Change | None:
        """It could not leave and never will: the house has stayed where it was."""
        flight = self._find(command_id)
        if flight is None or flight.stage is not Stage.PLANNED:
            return None
        return self._end(flight, EventKind.FAILED, {"reason": "it could not be sent", "sent": False}, stayed=True)

    def hear(self, report: SwitchReport, now: float) -> Change | None:
        """A switch spoke about itself."""
        flight = self._by_house.get(report.house)
        if flight is None:
            return None
        command = flight.command
        if report.id != command.id:
            return self._hear_stranger(flight, report, now)
        if flight.stage is Stage.ACKNOWLEDGED:
            again = report.phase is command.phase and report.result in (SwitchResult.DONE, None)
            if again or report.result is SwitchResult.MOVING:
                return None  # the same answer again, or an earlier one: QoS 1 may deliver twice
            return self._end(
                flight, EventKind.FAILED, _said(report), lock=f"after its done it reports {_words(report)}"
            )
        match report.result:
            case SwitchResult.MOVING:
                return None
            case None if report.phase is command.origin:
                return None  # it repeats where it stands before it acts
            case SwitchResult.DONE | None if report.phase is command.phase:
                flight.stage, flight.acknowledged_at = Stage.ACKNOWLEDGED, now
                self._rejections.pop(command.house, None)
                return Change(EventKind.ACKNOWLEDGED, command, _said(report))
            case SwitchResult.REJECTED if report.phase is command.origin:
                count = self._rejections[command.house] = self._rejections.get(command.house, 0) + 1
                lock = f"it refused {count} commands in a row, last: {report.reason or 'no reason given'}"
                # With a clock that may be wrong, ours could be why commands look expired: not the switch's fault.
                lock = lock if count >= REJECTIONS and self.clock_synced else ""
                return self._end(flight, EventKind.FAILED, _said(report), lock=lock, stayed=True)
            case _:
                stayed = report.phase is command.origin
                return self._end(
                    flight, EventKind.FAILED, _said(report), lock=f"it reports {_words(report)}", stayed=stayed
                )

    def _hear_stranger(self, flight: Flight, report: SwitchReport, now: float) -> Change | None:
        """A report that answers another command, or none."""
        if flight.stage is Stage.ACKNOWLEDGED and report.phase is not flight.command.phase:
            # It fell back, or somebody moved it: what the meter says now proves nothing about our move.
            return self._end(
                flight, EventKind.FAILED, _said(report), lock=f"after its done it reports {_words(report)}"
            )
        # After a restart: the switch stands where it stood and speaks of something else. Once the open command has
        # expired it can no longer be carried out, so the house is free again. A state that the broker has merely kept
        # proves nothing, unless it bears a later date than the command's end.
        expired = now >= flight.sent_at + self._settings.expiry_s
        speaks = report.at >= flight.sent_at + self._settings.expiry_s and not report.retained
        dated = report.t is not None and report.t >= flight.command.expires
        stands = report.phase is flight.command.origin
        if flight.restored and flight.stage is Stage.SENT and stands and expired and (speaks or dated):
            return self._end(flight, EventKind.FAILED, {"reason": "it was never carried out"}, stayed=True)
        return None

    def tick(
        self,
        now: float,
        latest: Callable[[str], SwitchReport | None],
        testify: Callable[[Flight], Testimony],
        *,
        connected: bool = True,
    ) -> list[Change]:
        """Let time pass: time-outs, and verification of what was acknowledged. While the broker is away no switch can
        answer: that time is not counted."""
        changes: list[Change] = []
        if not connected:
            self._pause(now)
        self._ticked_at = now
        for flight in list(self._by_house.values()):
            change = self._tick_one(flight, now, latest, testify)
            if change is not None:
                changes.append(change)
        return changes

    def _pause(self, now: float) -> None:
        """Move the time-outs on, so that a switch has some seconds to be heard once the broker is back."""
        since = now - self._ticked_at if self._ticked_at is not None else 0.0
        for flight in self._by_house.values():
            if flight.stage is not Stage.ACKNOWLEDGED:
                flight.paused_s += max(0.0, since)
                flight.paused_s = max(flight.paused_s, now + GRACE_S - self._unpaused_deadline(flight))

    def _unpaused_deadline(self, flight: Flight) -> float:
        start = flight.sent_at if flight.stage is Stage.SENT else flight.planned_at
        return start + self._settings.ack_timeout_s

    def _tick_one(
        self,
        flight: Flight,
        now: float,
        latest: Callable[[str], SwitchReport | None],
        testify: Callable[[Flight], Testimony],
    ) -> Change | None:
        settings = self._settings
        if flight.stage is Stage.ACKNOWLEDGED:
            return self._verify(flight, now, testify(flight))
        if flight.restored and (report := latest(flight.command.house)) is not None and report.id != flight.command.id:
            change = self._hear_stranger(flight, report, now)
            if change is not None:
                return change
        if now >= self._unpaused_deadline(flight) + flight.paused_s:
            reason = f"its switch gave no answer within {settings.ack_timeout_s:g} s"
            return self._end(flight, EventKind.TIMED_OUT, {"reason": reason}, lock=reason)
        return None

    def _verify(self, flight: Flight, now: float, testimony: Testimony) -> Change | None:
        accuses = testimony.finding is Finding.CONTRADICTS
        heard_at = flight.accused_at if accuses else flight.judged_at
        if testimony.at > heard_at and testimony.finding is not Finding.NOTHING:
            flight.last_words = testimony.witness
            flight.alive_seen = testimony.finding is Finding.ALIVE
            # A mere sign of life neither outweighs a contradiction nor anticipates a better witness.
            alive = flight.alive_seen and not testimony.better_expected and not flight.contradictions
            if testimony.finding is Finding.AGREES or alive:
                return self._verified(flight, testimony.witness, testimony.finding)
            if accuses:
                flight.accused_at = testimony.at
                flight.contradictions += 1
                if flight.contradictions >= CONTRADICTIONS:
                    reason = f"its switch reports done, but {testimony.witness}"
                    return self._end(flight, EventKind.FAILED, {"reason": reason}, lock=reason, refuted=True)
            else:
                flight.judged_at = testimony.at
        # Where a second reading says nothing, one odd reading locks nobody out.
        if now >= flight.acknowledged_at + flight.patience_s:
            if flight.alive_seen:
                return self._verified(flight, flight.last_words, Finding.ALIVE)
            reason = (
                "its switch reports done, but the meter did not confirm it within "
                f"{flight.patience_s:.0f} s: {flight.last_words}"
            )
            return self._end(flight, EventKind.FAILED, {"reason": reason}, lock=reason, likely=flight.command.phase)
        return None

    def _verified(self, flight: Flight, witness: str, strength: Finding) -> Change:
        body = {"phase": str(flight.command.phase), "evidence": witness, "strength": str(strength)}
        return self._end(flight, EventKind.VERIFIED, body)

    def due(self) -> float | None:
        """When the next time-out strikes, monotonic s."""
        times = [
            flight.acknowledged_at + flight.patience_s
            if flight.stage is Stage.ACKNOWLEDGED
            else self._unpaused_deadline(flight) + flight.paused_s
            for flight in self._by_house.values()
        ]
        return min(times, default=None)

    def _find(self, command_id: str) -> Flight | None:
        return next((f for f in self._by_house.values() if f.command.id == command_id), None)

    def _end(
        self,
        flight: Flight,
        kind: EventKind,
        body: dict[str, Any],
        *,
        lock: str = "",
        stayed: bool = False,
        likely: Phase | None = None,
        refuted: bool = False,
    ) -> Change:
        del self._by_house[flight.command.house]
        return Change(kind, flight.command, body, over=True, lock=lock, stayed=stayed, refuted=refuted, likely=likely)


def _said(report: SwitchReport) -> dict[str, Any]:
    return {
        "result": str(report.result) if report.result else None,
        "phase": str(report.phase) if report.phase is not None else None,
        "reason": report.reason,
        "operations": report.operations,
    }


def _words(report: SwitchReport) -> str:
    where: Phase | str = report.phase if report.phase is not None else "an unknown position"
    result = report.result or "nothing"
    return f"{result} at {where}" + (f" ({report.reason})" if report.reason else "")
