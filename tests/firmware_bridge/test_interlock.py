"""The switch's own lock: what it refuses, how it moves, and what it does when a contact does not obey."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import msgspec
import pytest

from firmware_bridge.contract import Phase, Result, SetCommand
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import Answer, InterlockSettings, Memory, Refusal, Step

WALL = 1_800_000_000.0
LIMITS = InterlockSettings()
L1, L2, L3 = Phase.L1, Phase.L2, Phase.L3


@dataclass
class Board:
    """Contacts whose behaviour a test scripts; it records each order it gets."""

    closed: set[Phase] = field(default_factory=lambda: {L1})
    welded: set[Phase] = field(default_factory=set)
    dead_coils: set[Phase] = field(default_factory=set)
    crossed: dict[Phase, set[Phase]] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)

    def open_all(self) -> None:
        self.orders.append("open")
        self.closed &= self.welded

    def close(self, phase: Phase) -> None:
        self.orders.append(f"close {phase}")
        if phase not in self.dead_coils:
            self.closed |= self.crossed.get(phase, {phase})

    def read(self) -> frozenset[Phase]:
        return frozenset(self.closed)


def order(**changes: object) -> SetCommand:
    base = SetCommand(id="c1", seq=1, phase="L2", origin="L1", issued=WALL, expires=WALL + 10)
    return msgspec.structs.replace(base, **changes)


def rested(board: Board | None = None, limits: InterlockSettings = LIMITS) -> Interlock:
    """An interlock that may move at once at now = 0."""
    return Interlock(board or Board(), limits, -limits.dwell_s)


def finish(lock: Interlock, now: float) -> Answer:
    """Poll when due until the move ends."""
    for _ in range(1000):
        assert lock.due is not None
        now = max(now, lock.due)
        answer = lock.poll(now)
        if answer is not None:
            return answer
    raise AssertionError("the move never ended")


REFUSALS = [
    ("expired", order(issued=WALL - 20, expires=WALL - 0.1), Refusal.EXPIRED),
    ("expiring this instant", order(expires=WALL), Refusal.EXPIRED),
    ("issued in the future", order(issued=WALL + 2.1, expires=WALL + 12), Refusal.FUTURE),
    ("valid for a day", order(expires=WALL + 86400), Refusal.VALIDITY),
    ("not a time", order(issued="soon"), Refusal.MALFORMED_TIME),
    ("a time without offset", order(expires="2030-01-01T00:00:00"), Refusal.MALFORMED_TIME),
    ("not a number", order(expires=float("nan")), Refusal.MALFORMED_TIME),
    ("a phase that is none", order(phase="L4"), Refusal.UNKNOWN_PHASE),
    ("an empty phase", order(phase=""), Refusal.UNKNOWN_PHASE),
    ("from elsewhere", order(origin="L3"), Refusal.ORIGIN),
    ("already there", order(phase="L1"), Refusal.ALREADY_THERE),
]


@pytest.mark.parametrize(("command", "refusal"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_refuses_and_touches_nothing(command: SetCommand, refusal: Refusal) -> None:
    board = Board()
    lock = rested(board)
    answer = lock.command(command, wall=WALL, now=0.0)
    assert (answer.result, answer.refusal, answer.phase) == (Result.REJECTED, refusal, L1)
    assert answer.reason.startswith(refusal.value)
    assert board.orders == []
    assert lock.operations == 0


def test_iso_times_are_understood() -> None:
    command = order(issued="2027-01-15T08:00:00+00:00", expires="2027-01-15T09:00:10+01:00")
    assert rested().command(command, wall=WALL, now=0.0).result is Result.MOVING


def test_moves_break_before_make() -> None:
    board = Board()
    lock = rested(board)
    assert lock.command(order(), wall=WALL, now=0.0) == Answer(L1, "c1", Result.MOVING)
    assert board.orders == ["open"]
    assert lock.poll(0.02) is None
    assert lock.step is Step.PAUSE
    assert lock.poll(0.02 + LIMITS.dead_time_s - 0.001) is None
    assert board.orders == ["open"], "closed before the dead time was over"
    assert lock.poll(0.02 + LIMITS.dead_time_s) is None
    assert board.orders == ["open", "close L2"]
    assert lock.poll(0.2) == Answer(L2, "c1", Result.DONE)
    assert (lock.position, lock.operations, lock.due) == (L2, 1, None)


def test_waits_for_a_slow_contact_to_open() -> None:
    board = Board(welded={L1})
    lock = rested(board)
    lock.command(order(), wall=WALL, now=0.0)
    assert lock.poll(0.3) is None
    board.closed = set()
    assert finish(lock, 0.4).result is Result.DONE


FAULTS = [
    ("a welded contact", Board(welded={L1}), {L1}, ["open"]),
    ("a dead coil", Board(dead_coils={L2}), set(), ["open", "close L2"]),
    ("the wrong contact closes", Board(crossed={L2: {L3}}), set(), ["open", "close L2", "open"]),
    ("two contacts close", Board(crossed={L2: {L2, L3}}), set(), ["open", "close L2", "open"]),
]


@pytest.mark.parametrize(("board", "left", "orders"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_deviation_fails_and_locks(board: Board, left: set[Phase], orders: list[str]) -> None:
    lock = rested(board)
    lock.command(order(), wall=WALL, now=0.0)
    answer = finish(lock, 0.0)
    assert (answer.result, answer.phase) == (Result.FAILED, None)
    assert board.orders == orders
    assert board.closed == left
    again = lock.command(order(id="c2", seq=2), wall=WALL, now=1000.0)
    assert again.refusal is Refusal.POSITION_UNKNOWN
    assert board.orders == orders, "it tried again"


def test_a_contact_that_closes_in_the_dead_time_stops_the_move() -> None:
    board = Board()
    lock = rested(board)
    lock.command(order(), wall=WALL, now=0.0)
    lock.poll(0.0)
    board.closed = {L3}
    answer = lock.poll(0.05)
    assert answer is not None
    assert answer.result is Result.FAILED
    assert board.orders == ["open"]


def test_a_person_may_release_it_once_one_contact_is_closed() -> None:
    board = Board(welded={L1})
    lock = rested(board)
    lock.command(order(), wall=WALL, now=0.0)
    finish(lock, 0.0)
    board.welded.clear()
    assert lock.inspect() is L1
    assert lock.command(order(id="c2", seq=2), wall=WALL, now=100.0).result is Result.MOVING


@pytest.mark.parametrize("closed", [set(), {L1, L2}], ids=["none closed", "two closed"])
def test_an_unclear_position_at_the_start_is_unknown(closed: set[Phase]) -> None:
    lock = rested(Board(closed=closed))
    assert lock.command(order(), wall=WALL, now=0.0).refusal is Refusal.POSITION_UNKNOWN


def test_a_contact_that_moves_by_itself_is_told_once_and_locks() -> None:
    board = Board()
    lock = rested(board)
    assert lock.poll(1.0) is None
    board.closed = {L3}
    told = lock.poll(2.0)
    assert told == Answer(None, reason="the contacts moved without a command")
    assert lock.poll(3.0) is None
    assert lock.command(order(), wall=WALL, now=4.0).refusal is Refusal.POSITION_UNKNOWN


def test_a_drift_between_polls_is_seen_by_the_command() -> None:
    board = Board()
    lock = rested(board)
    board.closed = {L2}
    assert lock.command(order(), wall=WALL, now=0.0).refusal is Refusal.POSITION_UNKNOWN


def test_a_duplicate_gets_the_same_answer_and_moves_nothing() -> None:
    board = Board()
    lock = rested(board)
    first = lock.command(order(), wall=WALL, now=0.0)
    assert lock.command(order(), wall=WALL, now=0.01) == first
    done = finish(lock, 0.01)
    assert lock.command(order(), wall=WALL + 100, now=100.0) == done
    assert board.orders == ["open", "close L2"]
    refused = lock.command(order(id="c2"), wall=WALL, now=101.0)
    assert refused.refusal is Refusal.SEQUENCE
    assert lock.command(order(id="c2"), wall=WALL, now=102.0) == refused


def test_an_id_used_again_for_something_else_is_a_replay() -> None:
    lock = rested()
    lock.command(order(), wall=WALL, now=0.0)
    finish(lock, 0.0)
    answer = lock.command(order(seq=9, phase="L3", origin="L2"), wall=WALL, now=100.0)
    assert answer.refusal is Refusal.REPLAYED


@pytest.mark.parametrize(("seq", "accepted"), [(1, False), (0, False), (2, True), (500, True)])
def test_sequence_numbers_must_rise(seq: int, accepted: bool) -> None:
    lock = rested()
    lock.command(order(), wall=WALL, now=0.0)
    finish(lock, 0.0)
    answer = lock.command(order(id="c2", seq=seq, phase="L3", origin="L2"), wall=WALL, now=100.0)
    assert answer.result is (Result.MOVING if accepted else Result.REJECTED)
    assert answer.refusal is (None if accepted else Refusal.SEQUENCE)


def test_a_refused_command_does_not_use_up_its_number() -> None:
    lock = rested()
    lock.command(order(seq=2**60, phase="L9"), wall=WALL, now=0.0)
    assert lock.command(order(id="c2", seq=3), wall=WALL, now=0.0).result is Result.MOVING


def test_a_second_command_during_a_move_is_refused() -> None:
    lock = rested()
    lock.command(order(), wall=WALL, now=0.0)
    assert lock.command(order(id="c2", seq=2), wall=WALL, now=0.05).refusal is Refusal.MOVING
    assert finish(lock, 0.05).result is Result.DONE


@pytest.mark.parametrize(("after_s", "refusal"), [(59.9, Refusal.DWELL), (60.0, None)])
def test_dwell_counts_from_the_last_operation_and_from_the_start(after_s: float, refusal: Refusal | None) -> None:
    started = Interlock(Board(), LIMITS, 0.0)
    assert started.command(order(), wall=WALL, now=after_s).refusal is refusal
    moved = rested()
    moved.command(order(), wall=WALL, now=0.0)
    finish(moved, 0.0)
    assert moved.command(order(id="c2", seq=2, phase="L3", origin="L2"), wall=WALL, now=after_s).refusal is refusal


def test_at_most_so_many_operations_an_hour() -> None:
    limits = dataclasses.replace(LIMITS, dwell_s=0.0, operations_per_hour=3)
    lock = rested(limits=limits)
    places = ["L1", "L2", "L3", "L1", "L2"]
    for k in range(3):
        command = order(id=f"c{k}", seq=k, origin=places[k], phase=places[k + 1])
        assert lock.command(command, wall=WALL, now=k * 10.0).result is Result.MOVING
        finish(lock, k * 10.0)
    assert lock.command(order(id="x", seq=8, phase="L2"), wall=WALL, now=3599.0).refusal is Refusal.RATE
    assert lock.command(order(id="y", seq=9, phase="L2"), wall=WALL, now=3600.0).result is Result.MOVING


def test_its_memory_outlives_a_restart() -> None:
    board = Board()
    lock = rested(board)
    lock.command(order(seq=7), wall=WALL, now=0.0)
    finish(lock, 0.0)
    memory = lock.memory(20.0)
    assert memory == Memory(seq=7, operations=1, ages_s=(20.0,))
    born_again = Interlock(board, LIMITS, 1000.0, memory)
    back = order(id="c2", seq=8, origin="L2", phase="L1")
    assert born_again.command(msgspec.structs.replace(back, seq=7), wall=WALL, now=1050.0).refusal is Refusal.SEQUENCE
    assert born_again.command(msgspec.structs.replace(back, id="c3"), wall=WALL, now=1039.0).refusal is Refusal.DWELL
    assert born_again.command(msgspec.structs.replace(back, id="c4"), wall=WALL, now=1040.0).result is Result.MOVING
    assert born_again.operations == 2


@pytest.mark.parametrize("change", [{"dead_time_s": 0.0}, {"read_every_s": 0.0}])
def test_limits_that_would_endanger_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(LIMITS, **change)  # type: ignore[arg-type]
