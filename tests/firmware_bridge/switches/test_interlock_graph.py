"""Every state that the interlock can reach is visited, whatever the contacts, the line and the clock do in between.

Time runs in whole ticks, so that states repeat and the search ends. In each state everything is tried that can happen:
the want is carried out, is lost, is carried out without word of it; readings fail; contacts weld, fall off, close by
themselves; commands come; the process is killed and born again from its memory.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from firmware_bridge.contract import Phase, SetCommand
from firmware_bridge.settings.bridge import InterlockLimits
from firmware_bridge.switches import interlock as module
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import Step, Want, What

L1, L2, L3 = Phase.L1, Phase.L2, Phase.L3
DEAD: Final = 2.0
LIMITS: Final = InterlockLimits(
    dead_time_s=DEAD, settle_s=2.0, dwell_s=0.0, watch_s=2.0, operations_per_hour=1000, operations_per_day=10_000
)
WALL: Final = 1_800_000_000.0
FAULTS_ALLOWED: Final = 2


@dataclass
class World:
    """The interlock, the truth about its contacts, and how much more may go wrong."""

    lock: Interlock
    opens: bool
    """Relays, or a device that changes over by itself."""
    now: float = 0.0
    closed: frozenset[Phase] = frozenset((L1,))
    welded: frozenset[Phase] = frozenset()
    opened: tuple[tuple[Phase, float], ...] = ()
    """When each contact that has been closed opened for the last time."""
    seen_open_from: float | None = None
    """Since when every reading has shown all contacts open; None where the last one did not, or failed."""
    last_seen: frozenset[Phase] | None = None
    intruded: bool = False
    """Whether a contact closed without an order: then two may be closed, and it is not the interlock's doing."""
    faults: int = 0

    def key(self) -> tuple[Any, ...]:
        """Equal for worlds that behave alike: all times relative to now, all that grows without end cut off."""
        lock = self.lock
        want = lock.want
        since = frozenset((p, self.now - t) for p, t in self.opened if self.now - t < DEAD)
        waiting = lock.step not in (Step.FIND, Step.REST, Step.CHECK)
        return (
            lock.step,
            lock.position,
            bool(lock.locked),
            lock.held,
            lock._move and (bool(lock._move.id), lock._move.origin, lock._move.target, lock._move.back),
            lock._under_way and (lock._under_way.origin, lock._under_way.target),
            lock._verified,
            lock._misses,
            lock._told,
            want.what,
            want.phase,
            round(max(-1.0, want.at - self.now), 3),
            round(max(-1.0, lock._deadline - self.now), 3) if waiting else None,
            round(max(-1.0, lock._limit - self.now), 3) if waiting else None,
            lock._doubted,
            None if self.seen_open_from is None else min(DEAD, self.now - self.seen_open_from),
            self.last_seen if lock.step is Step.CLOSING else None,
            self.closed,
            self.welded,
            since,
            self.intruded,
            self.faults,
        )


def set_closed(world: World, closed: frozenset[Phase]) -> None:
    kept = tuple((p, t) for p, t in world.opened if p not in world.closed)
    world.opened = kept + tuple((p, world.now) for p in world.closed - closed)
    world.closed = closed


def carry_out(world: World, want: Want) -> None:
    """What the contacts do at an order."""
    if want.what is What.OPEN:
        set_closed(world, world.closed & world.welded)
    elif want.phase is not None:
        set_closed(world, world.closed | {want.phase} if world.opens else frozenset((want.phase,)))


def judge_order(world: World, want: Want) -> None:
    """The promise. An order to close is only ever given where it cannot join two phases."""
    assert world.opens or want.what is not What.OPEN
    if want.what is not What.CLOSE or not world.opens:
        return
    # By what it has seen, whoever closed what:
    held = world.last_seen == frozenset((want.phase,))
    since = world.seen_open_from
    assert held or (since is not None and world.now - since >= DEAD), "ordered closed without having seen all open"
    if world.intruded:
        return
    # And by the truth, where no contact closed by itself:
    others = world.closed - {want.phase}
    assert not others, f"{want.phase} ordered closed while {others} is closed"
    for phase, when in world.opened:
        assert phase is want.phase or world.now - when >= DEAD, f"{want.phase} ordered closed too soon after {phase}"


def fork(world: World) -> World:
    """A copy that shares nothing that changes."""
    twin = copy.copy(world)
    twin.lock = copy.copy(world.lock)
    twin.lock._wear = copy.copy(world.lock._wear)
    twin.lock._wear._times = copy.copy(world.lock._wear._times)
    twin.lock._answers = copy.copy(world.lock._answers)
    return twin


def read(world: World) -> None:
    """A reading that comes through. Two closed contacts must lead to nothing but opening them."""
    world.last_seen = world.closed
    if world.closed:
        world.seen_open_from = None
    elif world.seen_open_from is None:
        world.seen_open_from = world.now
    world.lock.seen(world.closed, world.now)
    if len(world.closed) > 1:
        assert world.lock.locked
        assert world.lock.position is None
        assert world.lock.want.what is What.OPEN or world.lock.step is Step.CLEARING or not world.opens


def unread(world: World) -> None:
    """A reading that does not come. While closing, the dead time has been seen to its end."""
    if world.lock.step is not Step.CLOSING:
        world.seen_open_from = world.last_seen = None


def command(world: World, phase: Phase) -> World | None:
    """The controller asks for a phase. Ids and numbers start anew each time, so that states repeat."""
    lock = world.lock
    lock._seq = -1
    lock._answers.clear()
    wanted = SetCommand("c", 0, phase, str(lock.position), WALL, WALL + 100.0)
    return world if lock.command(wanted, wall=WALL, now=world.now) is None else None


def outcomes(world: World) -> Iterator[World]:
    """Every next world."""
    want = world.lock.want
    due = max(world.now, want.at)
    # The wanted thing happens, at its time or a little late.
    for late in (0.0, 1.0):
        then = fork(world)
        then.now = due + late
        judge_order(then, want)
        if want.what is What.READ:
            read(then)
        else:
            carry_out(then, want)
            then.lock.did(then.now)
        yield then
    if world.lock.step is Step.REST and world.lock.position is not None:
        for phase in (L1, L2, L3):
            asked = fork(world)
            if phase is not world.lock.position and command(asked, phase):
                yield asked
    yield from _killed(world)
    if world.faults < FAULTS_ALLOWED:
        for bad in _faults(world, want, due):
            bad.faults += 1
            yield bad


def _killed(world: World) -> Iterator[World]:
    """Killed, and born again from what it had to remember; with the relays as they were, or fallen off."""
    for fallen in (False, True):
        born = fork(world)
        born.lock = Interlock(LIMITS, world.now, opens=world.opens, memory=world.lock.memory(world.now))
        born.seen_open_from = born.last_seen = None
        if fallen:
            set_closed(born, born.closed & born.welded)
        yield born


def _faults(world: World, want: Want, due: float) -> Iterator[World]:
    for carried_out in (False, True):
        # No word of it: it may have been done all the same.
        lost = fork(world)
        lost.now = due + 1.0
        if want.what is not What.READ and carried_out:
            judge_order(lost, want)
            carry_out(lost, want)
        if want.what is What.READ:
            unread(lost)
        lost.lock.failed("no answer", lost.now)
        yield lost
    if want.what is What.READ:
        unsure = fork(world)
        unsure.now = due
        unread(unsure)
        unsure.lock.seen(None, unsure.now)
        yield unsure
    else:
        deaf = fork(world)
        deaf.now = due
        deaf.lock.did(deaf.now)
        yield deaf
    for phase in world.closed - world.welded:
        welded = fork(world)
        welded.welded |= {phase}
        yield welded
        fell = fork(world)
        set_closed(fell, fell.closed - {phase})
        yield fell
    for phase in world.welded:
        freed = fork(world)
        freed.welded -= {phase}
        yield freed
    for phase in {L1, L2, L3} - world.closed:
        intruder = fork(world)
        set_closed(intruder, intruder.closed | {phase})
        intruder.intruded = True
        yield intruder
    for hold in (True, False):
        person = fork(world)
        if hold:
            person.lock.lock("work", by_hand=True)
        else:
            person.lock.unlock(world.now)
        yield person


@pytest.mark.parametrize("opens", [True, False], ids=["relays", "a device"])
def test_no_reachable_state_orders_two_phases_together(opens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # Readings fall on the ticks, or the graph would never close.
    monkeypatch.setattr(module, "_READ_EVERY_S", 1.0)
    monkeypatch.setattr(module, "_LOST_S", 2.0)
    start = World(Interlock(LIMITS, 0.0, opens=opens), opens)
    seen = {start.key()}
    queue = deque([start])
    steps = 0
    visited: set[Step] = set()
    while queue:
        world = queue.popleft()
        visited.add(world.lock.step)
        assert len(world.closed) < 2 or world.intruded, "the interlock's own orders joined two phases"
        for then in outcomes(world):
            steps += 1
            key = then.key()
            if key not in seen:
                seen.add(key)
                queue.append(then)
    assert len(seen) > (2000 if opens else 300), f"the search did not get far: {len(seen)} states, {steps} transitions"
    expected = set(Step) if opens else set(Step) - {Step.OPENING, Step.PAUSE, Step.CLEARING}
    assert visited == expected
