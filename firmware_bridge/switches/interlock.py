"""The lock at the switch itself: it trusts nobody, the controller included, and never closes two phases.

A pure state machine. It says what it wants done to the contacts (`want`: read them, open all, close one), and is told
what came of it (`seen`, `did`, `failed`). Commands and time are handed in, answers come back as values. It does no I/O
and waits for nothing. What `memory` gives must be safe on disk before a want to open or close is carried out.

    FIND      --exactly one reads closed-->                   REST
              --none closed, and the last position known-->   OPENING, back to it (`restore`)
    REST      --command accepted-->                           CHECK
    CHECK     --the origin alone reads closed-->              OPENING     --anything else-->           rejected
    OPENING   --all ordered open, all read open-->            PAUSE       --one stays closed-->        back
    PAUSE     --read open all through the dead time-->        CLOSING     --one closes by itself-->    CLEARING, locked
    CLOSING   --exactly the target reads closed-->            REST, done  --it stays open-->           back
                                                                          --anything else-->           CLEARING, locked
    back:     the move failed and is told so at once; the switch is locked out, and goes once, by the same steps, to
              where the house was before
    CLEARING  --all read open-->                              REST, locked
    any       --contacts cannot be read for too long-->       FIND; in mid-move failed and locked

A phase-switching device changes over by itself (`opens` is false): from CHECK it goes to CLOSING, and nothing is ever
ordered open. A lock-out ends when a person says so (`unlock`), never by itself.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from firmware_bridge.contract import Phase, Result, SetCommand
from firmware_bridge.switches import freshness
from firmware_bridge.switches.interlock_types import (
    Answer,
    InterlockLimits,
    Memory,
    Refusal,
    Step,
    UnderWay,
    Want,
    What,
)
from firmware_bridge.switches.wear import Wear

# Duplicates of QoS 1 come within seconds of the first; this many ids are more than a switch sees in a day.
_REMEMBERED_IDS: Final = 128
_READ_EVERY_S: Final = 0.02
# What a lost reply may cost on a line, probe and quiet time included, and then some: a step is stretched by it at most.
_LOST_S: Final = 5.0
# An outage is over and the relays' supply steady; a board whose supply flickers must not make the contactors chatter.
_STEADY_S: Final = 60.0
_LONGEST_SEARCH_S: Final = 60.0
# So many readings in a row must fail, or differ from the last position, before the switch believes it.
_MISSES: Final = 3

_CONTRADICTION: Final = "the contacts contradict their own feedback"

NOTHING: Final[frozenset[Phase]] = frozenset()


@dataclass(frozen=True, slots=True)
class _Move:
    """A move under way. `back` where it only returns the house to where it was."""

    id: str
    origin: Phase | None
    target: Phase
    back: bool = False


class Interlock:
    """One switch. `now` is a monotonic clock in seconds, `wall` the wall clock in Unix seconds.

    Without `memory` the sequence begins anew (expiry then bounds a replay) and the start counts as an operation.
    """

    def __init__(
        self, limits: InterlockLimits, now: float, *, opens: bool = True, memory: Memory | None = None
    ) -> None:
        self._limits = limits
        self._opens = opens
        self._answers: OrderedDict[str, tuple[SetCommand, Answer | None]] = OrderedDict()
        kept = memory or Memory()
        self._seq = kept.seq
        self._wear = Wear(limits, now, memory)
        self._verified = kept.position
        self._under_way = kept.move
        self._told = False
        self._move: _Move | None = None
        self._checking: SetCommand | None = None
        self._checked_by = now
        self._ordered = False
        self._doubted = False
        self._misses = 0
        self._at = now
        self._deadline = now
        self._limit = now
        self._tries = 0
        self.unsure = False
        """Whether a person's lock-outs cannot be read at present: then nothing dark is brought back."""
        self.step = Step.FIND
        self.position: Phase | None = None
        """Where the house is, as last read back; None where that is not known."""
        self.locked = kept.locked
        """Why no command is taken; empty where commands are."""
        self.held = kept.held
        """Whether a person locked it out: then nothing is closed at all, also not to bring a dark house back."""

    def memory(self, now: float) -> Memory:
        """What to keep; see the module's first lines for when."""
        move = self._move
        under_way = UnderWay(move.id, move.origin, move.target) if move is not None else self._under_way
        ages = self._wear.ages_s(now)
        return Memory(self._seq, self.operations, ages, self._verified, under_way, self.locked, self.held)

    @property
    def operations(self) -> int:
        return self._wear.operations

    @property
    def moving(self) -> bool:
        return self.step not in (Step.FIND, Step.REST)

    @property
    def want(self) -> Want:
        """What to do next, and when. There is always something: at rest the contacts are watched."""
        if not self._ordered:
            if self.step in (Step.OPENING, Step.CLEARING):
                return Want(What.OPEN, self._at)
            if self.step is Step.CLOSING and self._move is not None:
                return Want(What.CLOSE, self._at, self._move.target)
        return Want(What.READ, self._at)

    def lock(self, reason: str, *, by_hand: bool = False) -> None:
        """Take no more commands; a move under way goes on to its end."""
        self.locked = reason if by_hand else self.locked or reason
        self.held = self.held or by_hand

    def unlock(self, now: float) -> None:
        """A person has looked: commands are taken again, as soon as the position has been read back.

        Sequence numbers begin anew: one absurd number must not bar a switch for good. Expiry still bounds a replay.
        """
        self.locked, self.held, self._seq = "", False, -1
        if not self.moving:
            self._to_find(now)

    # -- commands -----------------------------------------------------------------------------------------------------

    def command(self, command: SetCommand, *, wall: float, now: float) -> Answer | None:
        """Judge a command. None where it was accepted: the answer follows when the contacts have been looked at.

        The same command gets the same answer again.
        """
        known = self._answers.get(command.id)
        if known is not None:
            # QoS 1 may deliver twice. The same id with other contents is no duplicate but a forgery or a fault.
            if known[0] == command:
                return known[1]
            return self._refusal(command.id, Refusal.REPLAYED, "the id was used by another command")
        refusal = self._judge(command, wall, now)
        answer = None if refusal is None else self._refusal(command.id, *refusal)
        self._remember(command, answer)
        if answer is None:
            self._checking = command
            self._checked_by = now + freshness.left_s(command, wall)
            self.step = Step.CHECK
            self._at = now
        return answer

    def order(self, phase: Phase, *, name: str, now: float) -> Answer | None:
        """A person at the switch asks for a phase, also from the dark and out of a lock-out. None where it begins.

        Wear still counts. `name` becomes the command's id in the answers.
        """
        if self.held:
            return self._refusal(name, Refusal.LOCKED, self.locked)
        if self.step is not Step.REST:
            return self._refusal(name, Refusal.MOVING, "the position is being read, or another move is under way")
        if phase is self.position:
            return self._refusal(name, Refusal.ALREADY_THERE, f"the house is on {phase}")
        if refusal := self._wear.judge(now):
            return self._refusal(name, *refusal)
        self.locked = ""
        self._begin(_Move(name, self.position, phase), now)
        return None

    def _judge(self, command: SetCommand, wall: float, now: float) -> tuple[Refusal, str] | None:
        if self.locked:
            return Refusal.LOCKED, self.locked
        fresh = freshness.judge(command, self._seq, wall, self._limits)
        return fresh or self._judge_target(command) or self._wear.judge(now)

    def _judge_target(self, command: SetCommand) -> tuple[Refusal, str] | None:
        if command.phase not in Phase.__members__:
            return Refusal.UNKNOWN_PHASE, f"{command.phase!r} is not L1, L2 or L3"
        if self.moving:
            return Refusal.MOVING, "another command is under way"
        if self.position is None:
            return Refusal.POSITION_UNKNOWN, "the contacts do not show exactly one closed phase, or cannot be read"
        if command.origin != self.position:
            return Refusal.ORIGIN, f"from {command.origin!r}, but the house is on {self.position}"
        if command.phase == self.position:
            return Refusal.ALREADY_THERE, f"the house is on {self.position}"
        return None

    def _refusal(self, name: str, refusal: Refusal, detail: str) -> Answer:
        return Answer(self.position, name, Result.REJECTED, f"{refusal}: {detail}", refusal)

    def _remember(self, command: SetCommand, answer: Answer | None) -> None:
        self._answers[command.id] = (command, answer)
        if len(self._answers) > _REMEMBERED_IDS:
            self._answers.popitem(last=False)

    # -- what came of a want ------------------------------------------------------------------------------------------

    def did(self, now: float) -> None:
        """The wanted OPEN or CLOSE was carried out, as far as the board can tell."""
        self._ordered = True
        self._at = now
        # The contacts' time begins when they have been told.
        self._deadline = min(now + self._limits.settle_s, self._limit)

    def failed(self, reason: str, now: float, *, cheap: bool = False) -> Answer | None:
        """The wanted thing could not be done, or not be confirmed: an order may have been carried out all the same.

        `cheap` where the try cost the line nothing (it is down).
        """
        if self.step is Step.CHECK:
            return self.refuse(Refusal.POSITION_UNKNOWN, f"the contacts cannot be read: {reason}", now)
        if self.step is Step.FIND:
            # A board without power must not take the line from the meters.
            self._tries = 0 if cheap else min(self._tries + 1, 8)
            self._at = now + min(
                self._limits.watch_s * 2.0 ** max(0, self._tries - 1), max(_LONGEST_SEARCH_S, self._limits.watch_s)
            )
            return None
        if self.step is Step.REST:
            # That it cannot be reached is its availability; it stands where it stood, as far as anybody knows.
            self._missed(now)
            return None
        if self.step is Step.CLEARING:
            # Two phases may be joined: no long waiting here.
            self._at = now + (_READ_EVERY_S if now < self._deadline else min(1.0, self._limits.watch_s))
            return None
        self._at = now + _READ_EVERY_S
        if self.step is Step.PAUSE:
            # What was not seen open does not count as open: the dead time begins anew with the next reading.
            self._deadline = math.inf
        if not self._ordered and self.step in (Step.OPENING, Step.CLOSING):
            self._deadline = min(now + self._limits.settle_s, self._limit)
        if self.step is Step.CLOSING:
            # It may have been closed: look before it is ordered again.
            self._doubted = self._doubted or not self._ordered
            self._ordered = True
        return self._lost(f"the switch does not answer: {reason}", now) if now >= self._limit else None

    def refuse(self, refusal: Refusal, detail: str, now: float) -> Answer:
        """The command that is being looked at (CHECK) is not carried out after all; nothing has moved."""
        self._end_check(now)
        return self._settle_check(refusal, detail)

    def seen(self, closed: frozenset[Phase] | None, now: float) -> Answer | None:
        """The contacts that read closed; None where the board's own word contradicts itself."""
        if closed is not None and len(closed) > 1 and self.step is not Step.CLEARING:
            return self._doubled(closed, now)
        if self.step is Step.FIND:
            return self._found(closed, now)
        if self.step is Step.REST:
            return self._watched(closed, now)
        if self.step is Step.CHECK:
            return self._checked(closed, now)
        if self.step is Step.CLEARING:
            return self._cleared(closed, now)
        move = self._move
        assert move is not None  # noqa: S101 - the other steps are those of a move
        self._at = now + self._pace()
        if self.step is Step.OPENING:
            return self._opening(move, closed, now)
        if self.step is Step.PAUSE:
            return self._pause(closed, now)
        return self._closing(move, closed, now)

    def _doubled(self, closed: frozenset[Phase], now: float) -> Answer:
        """Two closed phases are a 400 V short circuit: a dark house is the lesser evil."""
        reason = f"{_names(closed)} read closed together"
        checked, self._checking = self._checking, None
        answer = self._clear(reason, now)
        return answer if checked is None else self._settle_check(Refusal.POSITION_UNKNOWN, reason, checked)

    # -- at rest ------------------------------------------------------------------------------------------------------

    def _found(self, closed: frozenset[Phase] | None, now: float) -> Answer | None:
        """The position at the start, or when the contacts can be read again."""
        if closed is None:
            self._misses += 1
            self._at = now + (_READ_EVERY_S if self._misses < _MISSES else self._limits.watch_s)
            if self._misses != _MISSES:
                return None
            self.lock(_CONTRADICTION)
            return Answer(None, reason=_CONTRADICTION)
        self._tries = 0
        before, self._under_way = self._under_way, None
        if closed:
            return self._found_on(next(iter(closed)), before, now)
        home = before.origin if before is not None else self._verified
        if home is None or self.held or not (self._limits.restore and self._opens):
            return self._found_dark(before, now)
        if worn := self._wear.worn(now):
            self.lock(f"the house is dark, and brought back too often: {worn[1]}")
            return self._found_dark(before, now)
        # A move that was cut off is ended at once: the house was lit a moment ago.
        wait_s = 0.0 if before is not None else self._wear.rest_left_s(now) - max(0.0, self._limits.dwell_s - _STEADY_S)
        if wait_s > 0.0 or self.unsure:
            self._under_way = before
            self._at = now + min(max(wait_s, _READ_EVERY_S), self._limits.watch_s)
            return None
        # Nothing is said until it is there: an outage must not look like a house that is lost. A move that the outage
        # cut off is told then too.
        name = "" if before is None or self._told else before.id
        told = self._told
        self._begin(_Move(name, home, home, back=True), now)
        self._told = told
        return None

    def _found_on(self, phase: Phase, before: UnderWay | None, now: float) -> Answer:
        self._rest_on(phase, now)
        if before is None:
            return Answer(phase, reason=self.locked)
        if phase is before.target and before.target is not before.origin:
            return self._about(before, phase, Result.DONE, "carried out, and found so after an interruption")
        return self._about(before, phase, Result.FAILED, f"interrupted; the house is on {phase}")

    def _found_dark(self, before: UnderWay | None, now: float) -> Answer:
        self._rest_on(None, now)
        self.lock("no contact is closed: the house is dark")
        return self._about(before, None, Result.FAILED, self.locked)

    def _about(self, before: UnderWay | None, phase: Phase | None, result: Result, reason: str) -> Answer:
        """An answer about a move that an interruption ended, unless it was told already."""
        if before is None or not before.id or self._told:
            return Answer(phase, reason=reason)
        return Answer(phase, before.id, result, reason)

    def _watched(self, closed: frozenset[Phase] | None, now: float) -> Answer | None:
        expected = NOTHING if self.position is None else frozenset((self.position,))
        if closed == expected:
            self._misses = 0
            self._at = now + self._limits.watch_s
            return None
        if closed is None:
            return Answer(None, reason=_CONTRADICTION) if self._missed(now) else None
        if self._misses + 1 < _MISSES:
            self._missed(now)
            return None
        self._rest_on(next(iter(closed), None), now)
        # Who opened them may be working on them: nothing brings this house back but a person.
        self._verified = self.position
        self.lock(f"the contacts moved without a command: {_names(closed) or 'none'} closed")
        return Answer(self.position, reason=self.locked)

    def _missed(self, now: float) -> bool:
        """One reading at rest was none, or was not what it should be. True where that is one too many."""
        self._misses += 1
        self._at = now + _READ_EVERY_S
        if self._misses < _MISSES:
            return False
        self._to_find(now + self._limits.watch_s)
        return True

    def _to_find(self, at: float) -> None:
        self.step = Step.FIND
        self.position = None
        self._misses = 0
        self._at = at

    def _rest_on(self, phase: Phase | None, now: float) -> None:
        self.step = Step.REST
        self.position = phase
        self._verified = phase if phase is not None else self._verified
        self._move = None
        self._misses = 0
        self._at = now + self._limits.watch_s

    # -- the move -----------------------------------------------------------------------------------------------------

    def _checked(self, closed: frozenset[Phase] | None, now: float) -> Answer:
        command = self._checking
        assert command is not None  # noqa: S101 - CHECK begins with one
        self._end_check(now)
        if now >= self._checked_by:
            return self._settle_check(Refusal.EXPIRED, "expired while the contacts were being read", command)
        if self.position is None or closed != frozenset((self.position,)):
            self._at = now  # the watch looks again at once, and judges
            return self._settle_check(Refusal.POSITION_UNKNOWN, _said(closed), command)
        self._seq = command.seq
        self._begin(_Move(command.id, self.position, Phase(command.phase)), now)
        answer = Answer(self.position, command.id, Result.MOVING)
        self._remember(command, answer)
        return answer

    def _end_check(self, now: float) -> None:
        self.step = Step.REST
        self._at = now + _READ_EVERY_S

    def _settle_check(self, refusal: Refusal, detail: str, command: SetCommand | None = None) -> Answer:
        command = command or self._checking
        assert command is not None  # noqa: S101 - CHECK begins with one
        self._checking = None
        answer = self._refusal(command.id, refusal, detail)
        self._remember(command, answer)
        return answer

    def _begin(self, move: _Move, now: float) -> None:
        self._checking = None
        self._wear.count(now)
        self._told = False
        self._go(move, now)

    def _go(self, move: _Move, now: float) -> None:
        self._move = move
        self._to(Step.OPENING if self._opens else Step.CLOSING, now, self._limits.settle_s)

    def _to(self, step: Step, now: float, within_s: float) -> None:
        self.step = step
        self._ordered = self._doubted = False
        self._at = now
        self._deadline = now + within_s
        # Readings that fail stretch a step; beyond this the switch counts as lost.
        self._limit = now + within_s + _LOST_S

    def _pace(self) -> float:
        """Time between two readings in a move: a long dead time needs no crowd of readings on a slow line."""
        return max(_READ_EVERY_S, self._limits.dead_time_s / 4.0) if self.step is Step.PAUSE else _READ_EVERY_S

    def _opening(self, move: _Move, closed: frozenset[Phase] | None, now: float) -> Answer | None:
        if closed == NOTHING:
            self._to(Step.PAUSE, now, self._limits.dead_time_s)
            self._at = min(now + self._pace(), self._deadline)
            return None
        if now < self._deadline:
            return None
        if closed is not None and move.origin is not None and closed == frozenset((move.origin,)):
            # It holds on: nothing else is closed, so it may be told to be closed again, without any pause.
            return self._go_back(move, f"{move.origin} did not open within {self._limits.settle_s:g} s", now, held=True)
        return self._clear(f"{_said(closed)} while all were ordered open", now)

    def _pause(self, closed: frozenset[Phase] | None, now: float) -> Answer | None:
        if closed is None:
            return self.failed(_CONTRADICTION, now)
        if closed:
            return self._clear(f"{_names(closed)} closed during the dead time", now)
        self._deadline = min(self._deadline, now + self._limits.dead_time_s)
        if now < self._deadline:
            self._at = min(self._at, self._deadline)
            return None
        self._to(Step.CLOSING, now, self._limits.settle_s)
        return None

    def _closing(self, move: _Move, closed: frozenset[Phase] | None, now: float) -> Answer | None:
        if closed == frozenset((move.target,)):
            return self._arrive(move, now)
        waiting = now < self._deadline
        if not self._opens:
            # On its way, a device may show anything but two phases.
            return None if waiting else self._stay(move, closed, now)
        if closed is None:
            return None if waiting else self._go_back(move, f"{move.target} did not close: {_CONTRADICTION}", now)
        if closed:
            return self._clear(f"{_names(closed)} read closed instead of {move.target}", now)
        if waiting:
            # The order may have been lost on the way; nothing is closed, so it may be given again.
            self._ordered, self._doubted = not self._doubted, False
            return None
        return self._go_back(move, f"{move.target} did not close within {self._limits.settle_s:g} s", now)

    def _arrive(self, move: _Move, now: float) -> Answer:
        self._rest_on(move.target, now)
        if move.back:
            reason = self.locked or f"back on {move.target}"
            return Answer(move.target, move.id, Result.FAILED if move.id else None, reason)
        return self._finish(move, Answer(move.target, move.id, Result.DONE))

    def _stay(self, move: _Move, closed: frozenset[Phase] | None, now: float) -> Answer:
        """A phase-switching device did not get there. It is left as it is."""
        reason = f"{move.target} was not reached within {self._limits.settle_s:g} s: {_said(closed)}"
        self._rest_on(next(iter(closed)) if closed is not None and len(closed) == 1 else None, now)
        self.lock(reason)
        return self._finish(move, Answer(self.position, move.id, Result.FAILED, reason))

    def _go_back(self, move: _Move, reason: str, now: float, *, held: bool = False) -> Answer:
        """The move failed: lock out, and return the house to where it was, once."""
        self.lock(reason)
        if move.back or move.origin is None:
            # `held`: its contact never opened, so the house is where it was.
            self._rest_on(move.origin if held else None, now)
            return self._failed(move, reason)
        answer = self._failed(move, reason)
        back = replace(move, id="", target=move.origin, back=True)
        self._move = back
        if held:
            self._to(Step.CLOSING, now, self._limits.settle_s)
        else:
            self._begin(back, now)
        return answer

    def _lost(self, reason: str, now: float) -> Answer:
        """In mid-move the switch cannot be reached: what it does next is found out when it answers again."""
        move = self._move
        assert move is not None  # noqa: S101 - in mid-move
        self.lock(reason)
        answer = self._failed(move, reason)
        self._under_way = UnderWay(move.id, move.origin, move.target)
        self._move = None
        self._to_find(now + self._limits.watch_s)
        return answer

    def _clear(self, reason: str, now: float) -> Answer:
        """Contacts are closed that must not be, or nobody knows: open all where that can be done, and lock out."""
        move, self._move = self._move, None
        # Where the house was is no longer where it belongs: only a person brings it back.
        self._under_way = self._verified = self.position = None
        self.lock(reason)
        if self._opens:
            self._to(Step.CLEARING, now, self._limits.settle_s)
        else:
            self._rest_on(None, now)
        return Answer(None, reason=reason) if move is None else self._failed(move, reason)

    def _cleared(self, closed: frozenset[Phase] | None, now: float) -> Answer | None:
        if closed == NOTHING:
            self._rest_on(None, now)
            return Answer(None, reason=f"{self.locked}; all contacts are open")
        # It may have been slow, or deaf: tell it again, for as long as it takes.
        self._ordered = now < self._deadline
        self._at = now + (_READ_EVERY_S if self._ordered else self._limits.watch_s)
        return None

    def _failed(self, move: _Move, reason: str) -> Answer:
        self.position = None if self.step is not Step.REST else self.position
        answer = self._finish(move, Answer(self.position, move.id, Result.FAILED if move.id else None, reason))
        self._told = True
        return answer

    def _finish(self, move: _Move, answer: Answer) -> Answer:
        known = self._answers.get(move.id)
        if known is not None:
            self._remember(known[0], answer)
        return answer


def _names(phases: frozenset[Phase]) -> str:
    return " and ".join(sorted(phases))


def _said(closed: frozenset[Phase] | None) -> str:
    return _CONTRADICTION if closed is None else f"{_names(closed) or 'none'} read closed"
