"""No sequence of commands, times, faults and restarts makes the interlock break its promises."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.contract import Phase, Result, SetCommand
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import InterlockLimits, Memory
from tests.support.contacts import ScriptedContacts, carry_out

LIMITS = InterlockLimits(dwell_s=5.0, operations_per_hour=4, operations_per_day=6)
WALL = 1_800_000_000.0


class Witness(ScriptedContacts):
    """Contacts that object to an order that could join two phases."""

    now = 0.0
    opened_at = -1000.0

    def obey(self, order: str, phase: Phase | None) -> None:
        was = set(self.closed)
        if phase is not None:
            assert self.closed <= {phase}, "make before break"
            assert phase in self.closed or self.now - self.opened_at >= LIMITS.dead_time_s - 1e-9, "dead time cut short"
        super().obey(order, phase)
        if was and not self.closed:
            self.opened_at = self.now


@dataclass(frozen=True)
class Act:
    wait_s: float
    seq: int
    phase: str
    origin: str
    age_s: float
    fault: str
    wants: int


phases = st.sampled_from(["L1", "L2", "L3", "L4"])
acts = st.builds(
    Act,
    wait_s=st.sampled_from([0.0, 0.01, 0.09, 0.11, 1.0, 5.0, 900.0, 50_000.0]),
    seq=st.integers(0, 12),
    phase=phases,
    origin=phases,
    age_s=st.sampled_from([-5.0, 0.0, 9.9, 10.1]),
    fault=st.sampled_from(["", "", "", "unplugged", "contradicts", "welded", "killed", "unlocked"]),
    wants=st.integers(0, 12),
)


def afflict(lock: Interlock, contacts: Witness, act: Act) -> Interlock:
    contacts.unplugged = act.fault == "unplugged"
    contacts.contradicts = act.fault == "contradicts"
    contacts.welded = set(contacts.closed) if act.fault == "welded" else set()
    if act.fault == "unlocked":
        lock.unlock(contacts.now)
    if act.fault == "killed":
        return Interlock(LIMITS, contacts.now, memory=lock.memory(contacts.now))
    return lock


@settings(max_examples=200, deadline=None)
@given(st.lists(acts, max_size=40))
def test_no_sequence_breaks_the_lock(script: list[Act]) -> None:
    contacts = Witness()
    lock = Interlock(LIMITS, 0.0, memory=Memory())
    begun: list[tuple[float, int]] = []
    released = 0
    asked: dict[str, tuple[Act, Phase | None]] = {}
    for number, act in enumerate(script):
        contacts.now += act.wait_s
        lock = afflict(lock, contacts, act)
        # Who releases the switch lets its numbers begin anew.
        released += act.fault == "unlocked"
        wall = WALL + contacts.now
        command = SetCommand(f"c{number}", act.seq, act.phase, act.origin, wall - act.age_s, wall - act.age_s + 10.0)
        asked[command.id] = (act, lock.position)
        lock.command(command, wall=wall, now=contacts.now)
        for _ in range(act.wants):
            contacts.now = max(contacts.now, lock.want.at)
            answer = carry_out(lock, contacts, contacts.now)
            if answer is not None and answer.result is Result.MOVING:
                # Perhaps to an earlier command: the contacts are looked at when the line has time.
                order, known = asked[answer.id]
                assert known == order.origin != order.phase
                assert 0.0 <= order.age_s < 10.0
                begun.append((contacts.now, 100 * released + order.seq))
    for (earlier, seq), (later, next_seq) in pairwise(begun):
        assert later - earlier >= LIMITS.dwell_s
        assert next_seq > seq
    for k, (when, _) in enumerate(begun):
        assert sum(1 for t, _ in begun[: k + 1] if when - t < 3600.0) <= LIMITS.operations_per_hour
        assert sum(1 for t, _ in begun[: k + 1] if when - t < 86_400.0) <= LIMITS.operations_per_day
