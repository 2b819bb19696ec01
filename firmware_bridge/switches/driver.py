"""Carries out what the interlock of one switch wants, on its board, and remembers on disk what must not be forgotten.

Order of things: what the interlock would forget in a crash is on disk before a contact is told to move. Ended at any
instant, a driver needs no farewell: the memory says what was under way, and the next start finds out how it ended.
Judgement is in `interlock`; nothing here decides whether a contact may move.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from firmware_bridge.contract import Phase, Result, SetCommand
from firmware_bridge.errors import BridgeError, LineDown
from firmware_bridge.host.clock import BridgeClock
from firmware_bridge.settings.bridge import InterlockLimits
from firmware_bridge.switches.authority import Authority
from firmware_bridge.switches.board import Board
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import Answer, Memory, Refusal, Step, UnderWay, Want, What
from firmware_bridge.switches.memory import Lockout, StateError, SwitchMemory

_log = logging.getLogger(__name__)

MOST_WAITING: Final = 20
"""More commands for one switch at one time are a flood, or a controller gone wild."""
MEMORY_S: Final = 3.0
"""A disk that takes longer hangs: nothing moves before it has answered."""
LOCKOUTS_EVERY_S: Final = 2.0
"""How often a person's lock-out is looked for, besides at each command; in real seconds."""


@dataclass(frozen=True, slots=True)
class _Order:
    """A person's order of a phase."""

    phase: Phase
    name: str


class SwitchDriver:
    """One switch. `run` is its task; `tell` and `on_available` are called in the event loop.

    Several drivers may share a line or a board: each waits only for its own requests.
    """

    def __init__(
        self,
        house: str,
        board: Board,
        interlock: Interlock,
        memory: SwitchMemory,
        clock: BridgeClock,
        tell: Callable[[Answer], None],
        *,
        heeded: int = 0,
        authority: Authority | None = None,
        on_available: Callable[[bool], None] | None = None,
        lockouts_every_s: float = LOCKOUTS_EVERY_S,
    ) -> None:
        """`heeded` is the last lock-out order that was followed, as `start_interlock` gives it."""
        self.house = house
        self.available = False
        """Whether the switch can be reached; False until its position was read."""
        self.turned = time.monotonic()
        """When its loop last began a turn, in real seconds: long ago where something it waits for never comes."""
        self._board = board
        self._interlock = interlock
        self._memory = memory
        self._clock = clock
        self._tell = tell
        self._authority = authority
        self._on_available = on_available
        self._heeded = heeded
        self._inbox: deque[SetCommand | _Order] = deque()
        self._woken = asyncio.Event()
        self._stopping = False
        self._ended = asyncio.Event()
        self._kept: tuple[Memory, int] | None = None
        self._unwritten = ""
        self._lockouts_every_s = lockouts_every_s
        self._lockouts_at = clock.monotonic()

    @property
    def position(self) -> Phase | None:
        return self._interlock.position

    @property
    def locked(self) -> str:
        """Why no command is taken; empty where commands are."""
        return self._interlock.locked

    @property
    def operations(self) -> int:
        return self._interlock.operations

    def submit(self, command: SetCommand) -> None:
        """Hand in a command; what becomes of it is told."""
        if self._authority is not None and (reason := self._authority.refusal(self.house, command)) is not None:
            self._say(Answer(self.position, command.id, Result.REJECTED, reason, Refusal.UNSIGNED))
            return
        if len(self._inbox) >= MOST_WAITING:
            reason = f"{Refusal.MOVING}: {MOST_WAITING} commands wait already"
            self._say(Answer(self.position, command.id, Result.REJECTED, reason, Refusal.MOVING))
            return
        self._take(command)

    def order(self, phase: Phase, name: str) -> None:
        """A person at the bridge asks for a phase. `name` stands for the command's id in the answers."""
        self._take(_Order(phase, name))

    async def run(self) -> None:
        """Until `stop`. Raises only what nobody expects."""
        try:
            # Before anything else: somebody may be working on the contacts, and have locked them while nobody ran.
            await self._heed()
            while not self._stopping or self._interlock.moving:
                self.turned = time.monotonic()
                want = self._interlock.want
                now = self._clock.monotonic()
                due = now >= want.at
                # Before commands: a move under way (a flood of them must not keep a house in the dark), and finding out
                # where the house is.
                first = due and (self._interlock.moving or self._interlock.step is Step.FIND)
                if self._inbox and not self._stopping and not first:
                    await self._judge(self._inbox.popleft())
                elif due:
                    await self._carry_out(want)
                elif now >= self._lockouts_at and not self._interlock.moving:
                    await self._heed()
                    await self._keep_at_rest()
                else:
                    await self._sleep(want.at if self._interlock.moving else min(want.at, self._lockouts_at))
            await self._keep_at_rest()
        finally:
            self._ended.set()

    async def stop(self, within_s: float = 10.0) -> bool:
        """Take no more commands, and let a move under way come to its end. False where it did not within the time (in
        real seconds): then cancel the task, and the next start recovers."""
        self._stopping = True
        self._woken.set()
        try:
            async with asyncio.timeout(within_s):
                await self._ended.wait()
        except TimeoutError:
            return False
        while self._inbox:
            name = _id_of(self._inbox.popleft())
            self._say(Answer(self.position, name, Result.REJECTED, "the bridge is stopping"))
        return True

    def _take(self, item: SetCommand | _Order) -> None:
        self._inbox.append(item)
        self._woken.set()

    async def _sleep(self, until: float) -> None:
        self._woken.clear()
        if self._inbox or (self._stopping and not self._interlock.moving):
            return
        real_s = max(0.0, until - self._clock.monotonic()) / self._clock.speed
        try:
            async with asyncio.timeout(real_s):
                await self._woken.wait()
        except TimeoutError:
            pass

    # -- commands -----------------------------------------------------------------------------------------------------

    async def _judge(self, item: SetCommand | _Order) -> None:
        interlock = self._interlock
        if not interlock.moving:
            await self._heed()
        if interlock.unsure and not interlock.locked:
            reason = f"{Refusal.MEMORY}: whether somebody has locked it out cannot be read"
            self._say(Answer(self.position, _id_of(item), Result.REJECTED, reason, Refusal.MEMORY))
            return
        if isinstance(item, _Order):
            await self._judge_order(item)
            return
        answer = interlock.command(item, wall=self._clock.wall(), now=self._clock.monotonic())
        if interlock.step is not Step.CHECK or answer is not None:
            self._say(answer)
            return
        now = self._clock.monotonic()
        foreseen = replace(
            _counted(interlock.memory(now)),
            seq=item.seq,
            move=UnderWay(item.id, interlock.position, Phase(item.phase)),
        )
        # Written before the contacts are looked at, so that nothing lies between that look and the first contact.
        if problem := await self._keep(foreseen):
            self._say(interlock.refuse(Refusal.MEMORY, problem, self._clock.monotonic()))

    async def _judge_order(self, item: _Order) -> None:
        now = self._clock.monotonic()
        if self._interlock.step is Step.REST and not self._interlock.held:
            foreseen = replace(
                _counted(self._interlock.memory(now)),
                move=UnderWay(item.name, self._interlock.position, item.phase),
                locked="",
            )
            if problem := await self._keep(foreseen):
                reason = f"{Refusal.MEMORY}: {problem}"
                self._say(Answer(self.position, item.name, Result.REJECTED, reason, Refusal.MEMORY))
                return
        answer = self._interlock.order(item.phase, name=item.name, now=self._clock.monotonic())
        if answer is None:
            answer = Answer(self.position, item.name, Result.MOVING)
        self._say(answer)
        if not self._interlock.moving:
            await self._keep_at_rest()

    async def _heed(self) -> None:
        """Follow what a person has ordered from another process."""
        self._lockouts_at = self._clock.monotonic() + self._lockouts_every_s * self._clock.speed
        try:
            last = await asyncio.to_thread(self._memory.lockout, self.house)
        except StateError as error:
            self._complain(str(error))
            # Somebody may have locked it out, and have his hands in it.
            self._interlock.unsure = True
            return
        self._interlock.unsure = False
        if last is None or last.number == self._heeded:
            return
        self._heeded = last.number
        if last.locked:
            self._interlock.lock(lockout_text(last), by_hand=True)
        else:
            self._interlock.unlock(self._clock.monotonic())
        text = self._interlock.locked or f"released by {last.operator}"
        _log.info("switch of %s: %s", self.house, text)
        if last.locked:
            self._say(Answer(self.position, reason=text))
        # Once released, what is said next is where it stands: that is read anew now.

    # -- wants --------------------------------------------------------------------------------------------------------

    async def _carry_out(self, want: Want) -> None:
        if self._interlock.step is Step.FIND:
            # What is found may be brought back to its phase, and a lock-out forbids that.
            await self._heed()
        reached = self.available
        try:
            if want.what is What.READ:
                closed = await self._board.read()
                answer = self._interlock.seen(closed, self._clock.monotonic())
                # While its position is being found out it is not there for anybody.
                reached = self._interlock.step is not Step.FIND
            else:
                answer = await self._move(want)
        except BridgeError as error:
            down = isinstance(error, LineDown)
            answer = self._interlock.failed(str(error), self._clock.monotonic(), cheap=down)
            reached = reached and not isinstance(error, LineDown) and self._interlock.step is not Step.FIND
        # The state first: who hears that the switch is there finds its position already told.
        self._say(answer)
        self._reached(reached)
        if not self._interlock.moving:
            await self._keep_at_rest()

    async def _move(self, want: Want) -> Answer | None:
        memory = self._interlock.memory(self._clock.monotonic())
        # A return to where the house was, and opening what must not be closed, end a danger: they wait for no disk.
        # What is kept of the move before serves a start in between, and the end is written down.
        urgent = memory.move is None or memory.move.origin is memory.move.target
        if not urgent and (problem := await self._keep(memory)):
            return self._interlock.failed(problem, self._clock.monotonic())
        if want.what is What.OPEN:
            await self._board.open_all()
        elif want.phase is not None:
            await self._board.close(want.phase)
        self._interlock.did(self._clock.monotonic())
        return None

    def _reached(self, reached: bool) -> None:
        if reached is self.available:
            return
        self.available = reached
        if self._on_available is not None:
            self._on_available(reached)

    def _say(self, answer: Answer | None) -> None:
        if answer is not None:
            self._tell(answer)

    # -- memory -------------------------------------------------------------------------------------------------------

    async def _keep_at_rest(self) -> None:
        await self._keep(self._interlock.memory(self._clock.monotonic()))

    async def _keep(self, memory: Memory) -> str:
        """Write it down unless that is there already; what is wrong where it cannot be done."""
        # Ages go on by themselves.
        essence = (replace(memory, ages_s=()), self._heeded)
        if essence == self._kept:
            return ""
        wall, monotonic = self._clock.wall(), self._clock.monotonic()
        self._kept = None
        try:
            async with asyncio.timeout(MEMORY_S):
                await asyncio.to_thread(
                    self._memory.save, self.house, memory, wall=wall, monotonic=monotonic, heeded=self._heeded
                )
        except TimeoutError:
            problem = f"the disk did not take its memory within {MEMORY_S:g} s"
            self._complain(problem)
            return problem
        except StateError as error:
            self._complain(str(error))
            return str(error)
        self._kept = essence
        self._unwritten = ""
        return ""

    def _complain(self, problem: str) -> None:
        """Once, not at every try."""
        if problem != self._unwritten:
            _log.error("switch of %s takes no command: %s", self.house, problem)
            self._unwritten = problem


def start_interlock(
    house: str, board: Board, limits: InterlockLimits, memory: SwitchMemory, clock: BridgeClock
) -> tuple[Interlock, int]:
    """The interlock of a house with what was kept of it, and the last lock-out order that it had followed.

    Where the memory cannot be read the switch is locked out: it must not forget its limits and go on.
    """
    now = clock.monotonic()
    try:
        kept = memory.load(house, wall=clock.wall(), monotonic=now)
    except StateError as error:
        interlock = Interlock(limits, now, opens=board.opens)
        interlock.lock(str(error))
        return interlock, 0
    if kept is None:
        return Interlock(limits, now, opens=board.opens), 0
    return Interlock(limits, now, opens=board.opens, memory=kept.memory), kept.heeded


def lockout_text(order: Lockout) -> str:
    """For answers and pages."""
    return f"locked out by {order.operator or 'somebody'}" + (f": {order.reason}" if order.reason else "")


def _counted(memory: Memory) -> Memory:
    return replace(memory, operations=memory.operations + 1, ages_s=(*memory.ages_s, 0.0))


def _id_of(item: SetCommand | _Order) -> str:
    return item.id if isinstance(item, SetCommand) else item.name
