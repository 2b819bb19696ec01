"""The lock at the switch itself: it trusts nobody, the controller included, and never closes two phases.

A pure state machine. Commands and time are handed in, the contacts are reached through a small protocol, answers come
back as values. It does not know MQTT, does not wait, and does not keep its memory over a restart by itself (`memory`).

    REST     --command accepted: open all-->         OPENING
    OPENING  --all read back open-->                 PAUSE      --still one closed after settle_s--> failed
    PAUSE    --dead time over, still all open,
               close the target-->                   CLOSING    --a contact closed by itself-->      failed
    CLOSING  --exactly the target reads closed-->    REST, done --anything else-->                   failed

After `failed` the position is unknown and every command is refused until a person has looked (`inspect`).
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from firmware_bridge.contract import Phase, Result, SetCommand, instant
from firmware_bridge.switches.interlock_types import Answer, Contacts, InterlockSettings, Memory, Refusal, Step

_HOUR_S: Final = 3600.0
# Duplicates of QoS 1 come within seconds of the first; this many ids are more than a switch sees in a day.
_REMEMBERED_IDS: Final = 128


@dataclass(frozen=True, slots=True)
class _Move:
    command: SetCommand
    target: Phase
    deadline: float


class Interlock:
    """One switch. `now` is a monotonic clock in seconds, `wall` the wall clock in Unix seconds.

    Without `memory` the sequence begins anew (expiry then bounds a replay) and the start counts as an operation.
    """

    def __init__(
        self, contacts: Contacts, settings: InterlockSettings, now: float, memory: Memory | None = None
    ) -> None:
        self._contacts = contacts
        self._settings = settings
        self._answers: OrderedDict[str, tuple[SetCommand, Answer]] = OrderedDict()
        self._seq = -1 if memory is None else memory.seq
        self._times = deque(now - age for age in memory.ages_s) if memory else deque[float]()
        self._quiet_since = now if memory is None else max(self._times, default=-math.inf)
        self._move: _Move | None = None
        self._next_read = now
        self.step = Step.REST
        self.operations = 0 if memory is None else memory.operations
        self.position: Phase | None = None
        self.inspect()

    def inspect(self) -> Phase | None:
        """Take the position from the contacts, at the start or when a person has looked; None unless one is closed."""
        if self.step is Step.REST:
            closed = self._contacts.read()
            self.position = next(iter(closed)) if len(closed) == 1 else None
        return self.position

    def memory(self, now: float) -> Memory:
        return Memory(self._seq, self.operations, tuple(now - t for t in self._times))

    @property
    def due(self) -> float | None:
        """When `poll` is wanted next; None at rest."""
        if self._move is None:
            return None
        return self._move.deadline if self.step is Step.PAUSE else self._next_read

    # -- commands -----------------------------------------------------------------------------------------------------

    def command(self, command: SetCommand, *, wall: float, now: float) -> Answer:
        """Judge a command, and begin the move if nothing forbids it. The same command gets the same answer again."""
        known = self._answers.get(command.id)
        if known is not None:
            # QoS 1 may deliver twice. The same id with other contents is no duplicate but a forgery or a fault.
            if known[0] == command:
                return known[1]
            return self._refuse(command, Refusal.REPLAYED, "the id was used by another command")
        refusal = self._judge(command, wall, now)
        if refusal is not None:
            answer = self._refuse(command, *refusal)
        else:
            answer = self._begin(command, now)
        self._remember(command, answer)
        return answer

    def _judge(self, command: SetCommand, wall: float, now: float) -> tuple[Refusal, str] | None:
        return self._judge_freshness(command, wall) or self._judge_target(command) or self._judge_wear(now)

    def _judge_freshness(self, command: SetCommand, wall: float) -> tuple[Refusal, str] | None:
        limits = self._settings
        try:
            issued, expires = instant(command.issued), instant(command.expires)
        except ValueError as error:
            return Refusal.MALFORMED_TIME, str(error)
        if not (math.isfinite(issued) and math.isfinite(expires)):
            return Refusal.MALFORMED_TIME, "issued and expires must be finite"
        if issued > wall + limits.future_s:
            return Refusal.FUTURE, f"issued {issued - wall:.1f} s ahead of this clock"
        if wall >= expires:
            return Refusal.EXPIRED, f"expired {wall - expires:.1f} s ago"
        if expires - issued > limits.validity_s:
            return (
                Refusal.VALIDITY,
                f"valid for {expires - issued:.0f} s, at most {limits.validity_s:.0f} s are believed",
            )
        if command.seq <= self._seq:
            return Refusal.SEQUENCE, f"sequence number {command.seq}, {self._seq} was seen before"
        return None

    def _judge_target(self, command: SetCommand) -> tuple[Refusal, str] | None:
        if command.phase not in Phase.__members__:
            return Refusal.UNKNOWN_PHASE, f"{command.phase!r} is not L1, L2 or L3"
        if self.step is not Step.REST:
            return Refusal.MOVING, "another command is under way"
        if self.position is not None and self._contacts.read() != {self.position}:
            self.position = None
        if self.position is None:
            return Refusal.POSITION_UNKNOWN, "the contacts do not show exactly one closed phase, or a move failed"
        if command.origin != self.position:
            return Refusal.ORIGIN, f"from {command.origin!r}, but the house is on {self.position}"
        if command.phase == self.position:
            return Refusal.ALREADY_THERE, f"the house is on {self.position}"
        return None

    def _judge_wear(self, now: float) -> tuple[Refusal, str] | None:
        limits = self._settings
        left = self._quiet_since + limits.dwell_s - now
        if left > 0.0:
            return Refusal.DWELL, f"{left:.1f} s left of {limits.dwell_s:g} s"
        while self._times and now - self._times[0] >= _HOUR_S:
            self._times.popleft()
        if len(self._times) >= limits.operations_per_hour:
            return Refusal.RATE, f"{len(self._times)} operations in the last hour, at most {limits.operations_per_hour}"
        return None

    def _refuse(self, command: SetCommand, refusal: Refusal, detail: str) -> Answer:
        return Answer(self.position, command.id, Result.REJECTED, f"{refusal}: {detail}", refusal)

    def _remember(self, command: SetCommand, answer: Answer) -> None:
        self._answers[command.id] = (command, answer)
        if len(self._answers) > _REMEMBERED_IDS:
            self._answers.popitem(last=False)

    # -- the move -----------------------------------------------------------------------------------------------------

    def _begin(self, command: SetCommand, now: float) -> Answer:
        # Counted before anything moves: an attempt wears the contacts whether or not it ends well.
        self._seq = command.seq
        self._times.append(now)
        self._quiet_since = now
        self.operations += 1
        self._move = _Move(command, Phase(command.phase), now + self._settings.settle_s)
        self._next_read = now
        self.step = Step.OPENING
        self._contacts.open_all()
        return Answer(self.position, command.id, Result.MOVING)

    def poll(self, now: float) -> Answer | None:
        """Go on with a move as far as `now` allows; the answer when it ends.

        At rest it watches: the answer, once, if a contact moved by itself.
        """
        move = self._move
        if move is None:
            return self._watch()
        closed = self._contacts.read()
        self._next_read = now + self._settings.read_every_s
        if self.step is Step.OPENING:
            return self._opening(move, closed, now)
        if self.step is Step.PAUSE:
            return self._pause(move, closed, now)
        return self._closing(move, closed, now)

    def _watch(self) -> Answer | None:
        if self.position is None or self._contacts.read() == {self.position}:
            return None
        self.position = None
        return Answer(None, reason="the contacts moved without a command")

    def _opening(self, move: _Move, closed: frozenset[Phase], now: float) -> Answer | None:
        if closed:
            late = f"{_names(closed)} did not open within {self._settings.settle_s:g} s"
            return self._fail(move, late) if now >= move.deadline else None
        self._to(Step.PAUSE, move, now + self._settings.dead_time_s)
        return None

    def _pause(self, move: _Move, closed: frozenset[Phase], now: float) -> Answer | None:
        if closed:
            return self._fail(move, f"{_names(closed)} closed during the dead time")
        if now < move.deadline:
            return None
        self._to(Step.CLOSING, move, now + self._settings.settle_s)
        self._next_read = now
        self._contacts.close(move.target)
        return None

    def _closing(self, move: _Move, closed: frozenset[Phase], now: float) -> Answer | None:
        if closed - {move.target}:
            # Two closed phases are a 400 V short circuit: a dark house is the lesser evil.
            self._contacts.open_all()
            return self._fail(move, f"{_names(closed)} read closed instead of {move.target}")
        if not closed:
            late = f"{move.target} did not close within {self._settings.settle_s:g} s"
            return self._fail(move, late) if now >= move.deadline else None
        self.position = move.target
        return self._end(move, Answer(move.target, move.command.id, Result.DONE))

    def _to(self, step: Step, move: _Move, deadline: float) -> None:
        self.step = step
        self._move = _Move(move.command, move.target, deadline)

    def _fail(self, move: _Move, reason: str) -> Answer:
        self.position = None
        return self._end(move, Answer(None, move.command.id, Result.FAILED, reason))

    def _end(self, move: _Move, answer: Answer) -> Answer:
        self._move = None
        self.step = Step.REST
        self._remember(move.command, answer)
        return answer


def _names(phases: frozenset[Phase]) -> str:
    return " and ".join(sorted(phases))
