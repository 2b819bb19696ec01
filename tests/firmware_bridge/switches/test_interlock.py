"""The switch's own lock: what it refuses, how it moves, and what it does when a contact does not obey."""

from __future__ import annotations

import msgspec
import pytest

from firmware_bridge.contract import Phase, Result, SetCommand
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import (
    Answer,
    InterlockLimits,
    Memory,
    Refusal,
    Step,
    UnderWay,
    What,
)
from tests.support.contacts import ScriptedContacts, carry_out, until

WALL = 1_800_000_000.0
LIMITS = InterlockLimits(settle_s=0.5)
L1, L2, L3 = Phase.L1, Phase.L2, Phase.L3
LONG_S = 5.0


def order(**changes: object) -> SetCommand:
    base = SetCommand(id="c1", seq=1, phase="L2", origin="L1", issued=WALL, expires=WALL + 10)
    return msgspec.structs.replace(base, **changes)


def rested(
    contacts: ScriptedContacts, limits: InterlockLimits = LIMITS, memory: Memory | None = None, now: float = 0.0
) -> Interlock:
    """An interlock that has read its position and may move at once at `now`."""
    lock = Interlock(limits, now, memory=memory or Memory())
    carry_out(lock, contacts, now)
    return lock


def told(lock: Interlock, contacts: ScriptedContacts, command: SetCommand, now: float = 0.0) -> Answer:
    """What the switch says first to a command: its refusal, or that it moves."""
    answer = lock.command(command, wall=WALL, now=now)
    if answer is None:
        assert lock.want.what is What.READ
        answer = carry_out(lock, contacts, now)
    assert answer is not None
    return answer


def moved(lock: Interlock, contacts: ScriptedContacts, command: SetCommand, now: float = 0.0) -> list[Answer]:
    """Everything the switch says to a command and in the seconds after."""
    first = told(lock, contacts, command, now)
    return [first, *until(lock, contacts, now + LONG_S)]


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
    contacts = ScriptedContacts()
    lock = rested(contacts)
    answer = lock.command(command, wall=WALL, now=0.0)
    assert answer is not None
    assert (answer.result, answer.refusal, answer.phase) == (Result.REJECTED, refusal, L1)
    assert answer.reason.startswith(refusal.value)
    until(lock, contacts, 60.0)
    assert contacts.orders == []
    assert lock.operations == 0


def test_iso_times_are_understood() -> None:
    command = order(issued="2027-01-15T08:00:00+00:00", expires="2027-01-15T09:00:10+01:00")
    contacts = ScriptedContacts()
    assert told(rested(contacts), contacts, command).result is Result.MOVING


def test_moves_break_before_make() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    assert told(lock, contacts, order()) == Answer(L1, "c1", Result.MOVING)
    assert contacts.orders == [], "moved before it could be remembered"
    said = until(lock, contacts, 1.0)
    assert said == [Answer(L2, "c1", Result.DONE)]
    (opened, first), (closed, second) = contacts.log
    assert (first, second) == ("open", "close L2")
    assert closed - opened >= LIMITS.dead_time_s - 1e-9
    assert (lock.position, lock.operations, lock.step) == (L2, 1, Step.REST)


def test_waits_for_a_slow_contact_to_open() -> None:
    contacts = ScriptedContacts(welded={L1})
    lock = rested(contacts)
    told(lock, contacts, order())
    assert until(lock, contacts, 0.3) == []
    contacts.closed = set()
    assert until(lock, contacts, 1.0)[-1].result is Result.DONE
    assert contacts.log[-1][0] >= 0.3 + LIMITS.dead_time_s


def test_a_reading_that_is_none_does_not_count_as_open() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    told(lock, contacts, order())
    until(lock, contacts, 0.05)
    assert lock.step is Step.PAUSE
    contacts.unplugged = True
    until(lock, contacts, 0.3)
    contacts.unplugged = False
    until(lock, contacts, 2.0)
    assert contacts.log[-1][1] == "close L2"
    assert contacts.log[-1][0] >= 0.3 + LIMITS.dead_time_s - 0.03


FAULTS = [
    ("a welded contact", ScriptedContacts(welded={L1}), L1, {L1}, ["open", "close L1"]),
    ("a dead coil", ScriptedContacts(dead_coils={L2}), L1, {L1}, ["open", "close L2", "open", "close L1"]),
    ("no coil works", ScriptedContacts(dead_coils={L1, L2}), None, set(), ["open", "close L2", "open", "close L1"]),
    ("the wrong contact closes", ScriptedContacts(crossed={L2: {L3}}), None, set(), ["open", "close L2", "open"]),
    ("two contacts close", ScriptedContacts(crossed={L2: {L2, L3}}), None, set(), ["open", "close L2", "open"]),
]


@pytest.mark.parametrize(
    ("contacts", "position", "closed", "orders"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_deviation_fails_at_once_and_locks(
    contacts: ScriptedContacts, position: Phase | None, closed: set[Phase], orders: list[str]
) -> None:
    lock = rested(contacts)
    said = moved(lock, contacts, order())
    assert [a.result for a in said if a.id] == [Result.MOVING, Result.FAILED]
    assert contacts.orders == orders
    assert contacts.closed == closed
    assert (lock.position, lock.step) == (position, Step.REST)
    assert said[-1].phase is position
    for (opened, _), (again, what) in zip(contacts.log[::2], contacts.log[1::2], strict=False):
        assert again - opened >= LIMITS.dead_time_s - 1e-9 or what == "open" or contacts.welded
    refused = told(lock, contacts, order(id="c2", seq=2, origin=position or "L1"), 1000.0)
    assert refused.refusal is Refusal.LOCKED
    until(lock, contacts, 2000.0)
    assert contacts.orders == orders, "it tried again"


def test_a_contact_that_closes_in_the_dead_time_opens_all_and_locks() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    told(lock, contacts, order())
    until(lock, contacts, 0.05)
    contacts.closed = {L3}
    assert until(lock, contacts, 1.0)[0].result is Result.FAILED
    assert contacts.orders == ["open", "open"]
    assert contacts.closed == set()
    assert lock.locked


def test_two_closed_contacts_are_opened_whenever_they_are_seen_and_as_long_as_it_takes() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    contacts.closed, contacts.welded = {L1, L3}, {L3}
    said = until(lock, contacts, 60.0)
    assert [answer.phase for answer in said] == [None]
    assert set(contacts.orders) == {"open"}
    assert len(contacts.orders) > 5
    contacts.welded = set()
    assert "all contacts are open" in until(lock, contacts, 120.0)[-1].reason
    assert lock.step is Step.REST
    assert lock.locked


def test_a_person_releases_it_and_the_position_is_read_anew() -> None:
    contacts = ScriptedContacts(welded={L1})
    lock = rested(contacts)
    moved(lock, contacts, order())
    contacts.welded.clear()
    lock.unlock(100.0)
    assert until(lock, contacts, 100.0) == [Answer(L1)]
    assert told(lock, contacts, order(id="c2", seq=2), 100.0).result is Result.MOVING


def test_a_dark_house_is_brought_back_by_a_person_alone() -> None:
    contacts = ScriptedContacts(closed=set())
    lock = rested(contacts)
    assert lock.locked
    assert told(lock, contacts, order()).refusal is Refusal.LOCKED
    assert lock.order(L3, name="by hand", now=1.0) is None
    assert until(lock, contacts, 2.0) == [Answer(L3, "by hand", Result.DONE)]
    assert contacts.orders == ["open", "close L3"]
    assert not lock.locked


def test_a_lock_out_by_hand_forbids_everything_until_it_is_lifted() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts, memory=Memory(position=L1))
    lock.lock("work on the line", by_hand=True)
    assert told(lock, contacts, order()).refusal is Refusal.LOCKED
    refused = lock.order(L2, name="by hand", now=0.0)
    assert refused is not None
    assert refused.refusal is Refusal.LOCKED
    kept = lock.memory(1.0)
    contacts.closed = set()
    again = rested(contacts, memory=kept, now=10.0)
    until(again, contacts, 1000.0)
    assert contacts.orders == [], "it closed a contact somebody may be working on"
    again.unlock(1000.0)
    until(again, contacts, 1001.0)
    assert (again.locked, contacts.closed) == ("", {L1}), "whoever lifts the lock says that all is well"


@pytest.mark.parametrize("closed", [set(), {L1, L2}], ids=["none closed", "two closed"])
def test_an_unclear_position_at_the_first_start_locks(closed: set[Phase]) -> None:
    contacts = ScriptedContacts(closed=set(closed))
    lock = rested(contacts)
    until(lock, contacts, 1.0)
    assert told(lock, contacts, order()).refusal is Refusal.LOCKED
    assert contacts.closed == set()


def test_a_contact_that_moves_by_itself_is_told_once_and_locks() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    assert until(lock, contacts, 10.0) == []
    contacts.closed = {L3}
    said = until(lock, contacts, 60.0)
    assert said == [Answer(L3, reason="the contacts moved without a command: L3 closed")]
    assert told(lock, contacts, order(origin="L3"), 60.0).refusal is Refusal.LOCKED
    assert contacts.orders == []


def test_a_contact_that_somebody_opened_stays_open_also_over_a_restart() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    contacts.closed = set()
    until(lock, contacts, 60.0)
    assert lock.locked
    again = rested(contacts, memory=lock.memory(60.0), now=100.0)
    until(again, contacts, 1000.0)
    assert contacts.orders == []


def test_a_single_wrong_reading_at_rest_is_not_believed() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    contacts.closed = {L3}
    assert carry_out(lock, contacts, lock.want.at) is None
    contacts.closed = {L1}
    assert until(lock, contacts, 60.0) == []
    assert not lock.locked


def test_a_drift_since_the_last_look_is_seen_before_the_move() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    contacts.closed = {L2}
    assert told(lock, contacts, order()).refusal is Refusal.POSITION_UNKNOWN
    assert contacts.orders == []


def test_a_command_that_expires_while_the_line_is_busy_is_not_carried_out() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    assert lock.command(order(), wall=WALL, now=0.0) is None
    late = carry_out(lock, contacts, 10.0)
    assert late is not None
    assert late.refusal is Refusal.EXPIRED
    assert contacts.orders == []


def test_a_switch_that_cannot_be_read_refuses() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    contacts.unplugged = True
    assert told(lock, contacts, order()).refusal is Refusal.POSITION_UNKNOWN
    assert until(lock, contacts, 30.0) == [], "that it cannot be reached is told by its availability"
    assert lock.position is None
    assert told(lock, contacts, order(id="c2", seq=2), 30.0).refusal is Refusal.POSITION_UNKNOWN
    contacts.unplugged = False
    assert until(lock, contacts, 60.0) == [Answer(L1)]


def test_a_duplicate_gets_the_same_answer_and_moves_nothing() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    assert lock.command(order(), wall=WALL, now=0.0) is None
    assert lock.command(order(), wall=WALL, now=0.0) is None, "still being looked at"
    first = carry_out(lock, contacts, 0.0)
    assert lock.command(order(), wall=WALL, now=0.01) == first
    done = until(lock, contacts, 1.0)[-1]
    assert lock.command(order(), wall=WALL + 100, now=100.0) == done
    assert contacts.orders == ["open", "close L2"]
    refused = lock.command(order(id="c2"), wall=WALL, now=101.0)
    assert refused is not None
    assert refused.refusal is Refusal.SEQUENCE
    assert lock.command(order(id="c2"), wall=WALL, now=102.0) == refused


def test_an_id_used_again_for_something_else_is_a_replay() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    moved(lock, contacts, order())
    answer = lock.command(order(seq=9, phase="L3", origin="L2"), wall=WALL, now=100.0)
    assert answer is not None
    assert answer.refusal is Refusal.REPLAYED


@pytest.mark.parametrize(("seq", "accepted"), [(1, False), (0, False), (2, True), (500, True)])
def test_sequence_numbers_must_rise(seq: int, accepted: bool) -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    moved(lock, contacts, order())
    answer = told(lock, contacts, order(id="c2", seq=seq, phase="L3", origin="L2"), 100.0)
    assert answer.result is (Result.MOVING if accepted else Result.REJECTED)
    assert answer.refusal is (None if accepted else Refusal.SEQUENCE)


def test_a_refused_command_does_not_use_up_its_number() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    told(lock, contacts, order(seq=2**60, phase="L9"))
    assert told(lock, contacts, order(id="c2", seq=3)).result is Result.MOVING


def test_a_second_command_during_a_move_is_refused() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    told(lock, contacts, order())
    assert told(lock, contacts, order(id="c2", seq=2), 0.05).refusal is Refusal.MOVING
    assert until(lock, contacts, 2.0)[-1].result is Result.DONE


@pytest.mark.parametrize(("after_s", "refusal"), [(59.9, Refusal.DWELL), (60.0, None)])
def test_dwell_counts_from_the_last_operation_and_from_a_start_without_memory(
    after_s: float, refusal: Refusal | None
) -> None:
    contacts = ScriptedContacts()
    started = Interlock(LIMITS, 0.0)
    carry_out(started, contacts, 0.0)
    assert told(started, contacts, order(), after_s).refusal is refusal
    contacts = ScriptedContacts()
    lock = rested(contacts)
    moved(lock, contacts, order())
    assert told(lock, contacts, order(id="c2", seq=2, phase="L3", origin="L2"), after_s).refusal is refusal


@pytest.mark.parametrize(
    ("limits", "span_s"),
    [
        (InterlockLimits(dwell_s=0.0, operations_per_hour=3), 3600.0),
        (InterlockLimits(dwell_s=0.0, operations_per_hour=100, operations_per_day=3), 86_400.0),
    ],
    ids=["an hour", "a day"],
)
def test_at_most_so_many_operations_in(limits: InterlockLimits, span_s: float) -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts, limits)
    places = ["L1", "L2", "L3", "L1", "L2"]
    for k in range(3):
        command = order(id=f"c{k}", seq=k, origin=places[k], phase=places[k + 1])
        assert moved(lock, contacts, command, k * 10.0)[-1].result is Result.DONE
    assert told(lock, contacts, order(id="x", seq=8, phase="L2"), span_s - 1.0).refusal is Refusal.RATE
    assert told(lock, contacts, order(id="y", seq=9, phase="L2"), span_s).result is Result.MOVING


def test_its_memory_outlives_a_restart() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    moved(lock, contacts, order(seq=7))
    memory = lock.memory(20.0)
    assert memory == Memory(seq=7, operations=1, ages_s=(20.0,), position=L2)
    again = rested(contacts, memory=memory, now=1000.0)
    back = order(id="c2", seq=8, origin="L2", phase="L1")
    assert told(again, contacts, msgspec.structs.replace(back, seq=7), 1050.0).refusal is Refusal.SEQUENCE
    assert told(again, contacts, msgspec.structs.replace(back, id="c3"), 1039.0).refusal is Refusal.DWELL
    assert told(again, contacts, msgspec.structs.replace(back, id="c4"), 1040.0).result is Result.MOVING
    assert again.operations == 2


UNDER_WAY = Memory(seq=1, operations=1, ages_s=(100.0,), position=L1, move=UnderWay("c1", L1, L2))
INTERRUPTIONS = [
    ("before it opened", {L1}, [Answer(L1, "c1", Result.FAILED, "interrupted; the house is on L1")], L1, []),
    (
        "after it closed",
        {L2},
        [Answer(L2, "c1", Result.DONE, "carried out, and found so after an interruption")],
        L2,
        [],
    ),
    (
        "in the dead time",
        set(),
        [Answer(L1, "c1", Result.FAILED, "back on L1")],
        L1,
        ["open", "close L1"],
    ),
]


@pytest.mark.parametrize(
    ("closed", "said", "position", "orders"), [i[1:] for i in INTERRUPTIONS], ids=[i[0] for i in INTERRUPTIONS]
)
def test_a_move_cut_off_by_a_power_cut_ends_in_a_safe_known_state(
    closed: set[Phase], said: list[Answer], position: Phase, orders: list[str]
) -> None:
    contacts = ScriptedContacts(closed=set(closed))
    lock = Interlock(LIMITS, 1000.0, memory=UNDER_WAY)
    assert until(lock, contacts, 1010.0) == said
    assert (lock.position, lock.locked, contacts.orders) == (position, "", orders)
    assert lock.memory(1010.0).move is None


def test_relays_that_fell_off_with_their_supply_come_back_to_the_last_phase() -> None:
    contacts = ScriptedContacts(closed=set())
    lock = Interlock(LIMITS, 1000.0, memory=Memory(position=L3))
    assert until(lock, contacts, 1010.0)[-1] == Answer(L3, reason="back on L3")
    assert contacts.closed == {L3}
    still = Interlock(LIMITS.model_copy(update={"restore": False}), 1000.0, memory=Memory(position=L3))
    contacts.closed = set()
    until(still, contacts, 1010.0)
    assert contacts.closed == set()


def test_a_board_whose_supply_flickers_does_not_chatter() -> None:
    contacts = ScriptedContacts(closed=set())
    lock = Interlock(LIMITS, 1000.0, memory=Memory(position=L3))
    now = 1000.0
    for _ in range(100):
        now += 3.0
        contacts.unplugged = True
        until(lock, contacts, now)
        contacts.unplugged, contacts.closed = False, set()
        now += 10.0
        until(lock, contacts, now)
    closings = [t for t, what in contacts.log if what.startswith("close")]
    assert 10 < len(closings) <= (now - 1000.0) / LIMITS.dwell_s + 1


def test_a_line_that_goes_in_mid_move_fails_it_and_the_house_comes_back_with_the_line() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    told(lock, contacts, order())
    until(lock, contacts, 0.05)
    contacts.unplugged = True
    said = until(lock, contacts, 20.0)
    assert [a.result for a in said] == [Result.FAILED]
    contacts.unplugged = False
    said = until(lock, contacts, 100.0)
    assert lock.position is L1
    assert contacts.closed == {L1}
    assert not any(answer.id for answer in said), "the move's end was told twice"
    assert lock.locked


def test_a_device_that_changes_over_by_itself_is_never_ordered_open() -> None:
    contacts = ScriptedContacts()
    lock = Interlock(LIMITS, 0.0, opens=False, memory=Memory())
    carry_out(lock, contacts, 0.0)
    told(lock, contacts, order())
    assert carry_out(lock, contacts, 0.0) is None
    contacts.closed = set()
    assert until(lock, contacts, 0.2) == []
    contacts.closed = {L2}
    assert until(lock, contacts, 1.0) == [Answer(L2, "c1", Result.DONE)]
    assert contacts.orders == ["close L2"]


def test_a_device_that_does_not_get_there_stays_and_is_locked() -> None:
    contacts = ScriptedContacts(dead_coils={L2})
    lock = Interlock(LIMITS, 0.0, opens=False, memory=Memory())
    carry_out(lock, contacts, 0.0)
    said = moved(lock, contacts, order())
    assert said[-1].result is Result.FAILED
    assert (lock.position, contacts.orders) == (L1, ["close L2"])
    assert lock.locked


def test_who_releases_the_switch_lets_its_numbers_begin_anew() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    moved(lock, contacts, order(seq=2**62))
    assert told(lock, contacts, order(id="c2", seq=9, phase="L3", origin="L2"), 100.0).refusal is Refusal.SEQUENCE
    lock.unlock(100.0)
    until(lock, contacts, 101.0)
    assert told(lock, contacts, order(id="c3", seq=10, phase="L3", origin="L2"), 101.0).result is Result.MOVING


def test_a_target_whose_auxiliary_contact_does_not_confirm_brings_the_house_back() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    told(lock, contacts, order())
    while lock.step is not Step.CLOSING:
        carry_out(lock, contacts, lock.want.at)
    contacts.contradicts = True
    answer: Answer | None = None
    while answer is None:
        answer = carry_out(lock, contacts, lock.want.at)
    assert answer.result is Result.FAILED
    contacts.contradicts, contacts.dead_coils = False, {L2}
    until(lock, contacts, lock.want.at + 2.0)
    assert (contacts.closed, lock.position) == ({L1}, L1)
    assert lock.locked


def test_a_lost_order_or_reply_costs_time_and_not_the_house() -> None:
    contacts = ScriptedContacts()
    lock = rested(contacts)
    told(lock, contacts, order())
    for _ in range(2):
        # Each lost reply takes about a second: probe, reply and quiet time.
        assert lock.failed("no answer", lock.want.at + 1.04) is None
    said = until(lock, contacts, 10.0)
    assert said == [Answer(L2, "c1", Result.DONE)]


def test_an_interrupted_move_ends_at_once_whatever_the_dwell() -> None:
    contacts = ScriptedContacts(closed=set())
    long = LIMITS.model_copy(update={"dwell_s": 900.0})
    memory = Memory(seq=1, operations=1, ages_s=(10.0,), position=L1, move=UnderWay("c1", L1, L2))
    lock = Interlock(long, 1000.0, memory=memory)
    assert until(lock, contacts, 1002.0) == [Answer(L1, "c1", Result.FAILED, "back on L1")]


def test_a_house_that_goes_dark_again_and_again_is_given_up() -> None:
    contacts = ScriptedContacts(closed=set())
    few = LIMITS.model_copy(update={"operations_per_hour": 3, "dwell_s": 1.0})
    lock = Interlock(few, 0.0, memory=Memory(position=L3))
    now = 0.0
    for _ in range(20):
        contacts.unplugged = True
        now += 10.0
        until(lock, contacts, now)
        contacts.unplugged, contacts.closed = False, set()
        now += 20.0
        until(lock, contacts, now)
    assert sum(what.startswith("close") for _, what in contacts.log) == 3
    assert "brought back too often" in lock.locked


def test_nothing_dark_is_brought_back_while_lock_outs_cannot_be_read() -> None:
    contacts = ScriptedContacts(closed=set())
    lock = Interlock(LIMITS, 1000.0, memory=Memory(position=L3))
    lock.unsure = True
    until(lock, contacts, 1100.0)
    assert contacts.orders == []
    lock.unsure = False
    until(lock, contacts, 1110.0)
    assert contacts.closed == {L3}


def test_a_board_without_power_is_looked_for_more_and_more_seldom() -> None:
    contacts = ScriptedContacts(unplugged=True)
    lock = Interlock(LIMITS, 0.0, memory=Memory(position=L1))
    looks: list[float] = []
    while lock.want.at < 3600.0:
        looks.append(lock.want.at)
        carry_out(lock, contacts, lock.want.at)
    assert len(looks) < 70
    contacts.unplugged = False
    assert until(lock, contacts, 3700.0) == [Answer(L1)]
