"""No sequence of commands, times and faults makes the interlock break its promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.contract import Phase, Result, SetCommand
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import InterlockSettings

LIMITS = InterlockSettings(dwell_s=5.0, operations_per_hour=4)
WALL = 1_800_000_000.0


@dataclass
class Witness:
    """Contacts that note the time of each order and may ignore it."""

    now: float = 0.0
    closed: set[Phase] = field(default_factory=lambda: {Phase.L1})
    deaf: bool = False
    opened: list[float] = field(default_factory=list)

    def open_all(self) -> None:
        self.opened.append(self.now)
        if not self.deaf:
            self.closed = set()

    def close(self, phase: Phase) -> None:
        assert not self.closed, "make before break"
        assert self.now - self.opened[-1] >= LIMITS.dead_time_s - 1e-9, "the dead time was cut short"
        if not self.deaf:
            self.closed.add(phase)

    def read(self) -> frozenset[Phase]:
        return frozenset(self.closed)


@dataclass(frozen=True)
class Act:
    wait_s: float
    seq: int
    phase: str
    origin: str
    age_s: float
    deaf: bool
    polls: int


phases = st.sampled_from(["L1", "L2", "L3", "L4"])
acts = st.builds(
    Act,
    wait_s=st.sampled_from([0.0, 0.01, 0.09, 0.11, 1.0, 5.0, 900.0]),
    seq=st.integers(0, 12),
    phase=phases,
    origin=phases,
    age_s=st.sampled_from([-5.0, 0.0, 9.9, 10.1]),
    deaf=st.booleans(),
    polls=st.integers(0, 4),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(acts, max_size=40))
def test_no_sequence_breaks_the_lock(script: list[Act]) -> None:
    board = Witness()
    lock = Interlock(board, LIMITS, -100.0)
    accepted: list[tuple[float, int]] = []
    for number, act in enumerate(script):
        board.now += act.wait_s
        board.deaf = act.deaf
        wall = WALL + board.now
        command = SetCommand(f"c{number}", act.seq, act.phase, act.origin, wall - act.age_s, wall - act.age_s + 10.0)
        known = lock.position
        answer = lock.command(command, wall=wall, now=board.now)
        if answer.result is Result.MOVING:
            assert known is not None
            assert known == act.origin != act.phase
            assert 0.0 <= act.age_s < 10.0
            accepted.append((board.now, act.seq))
        for _ in range(act.polls):
            board.now += 0.06
            lock.poll(board.now)
    for (earlier, seq), (later, next_seq) in pairwise(accepted):
        assert later - earlier >= LIMITS.dwell_s
        assert next_seq > seq
    for k, (when, _) in enumerate(accepted):
        assert sum(1 for t, _ in accepted[: k + 1] if when - t < 3600.0) <= LIMITS.operations_per_hour
