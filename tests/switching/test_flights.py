"""The life of a command, edge by edge."""

from __future__ import annotations

import math

import pytest

from edge_balancer.settings.policy import SwitchingSettings
from edge_balancer.switching import picture as asked
from edge_balancer.switching.flights import REJECTIONS, Change, Flight, Flights, Stage
from edge_balancer.switching.picture import Finding
from edge_balancer.types.events import EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Command, SwitchReport, SwitchResult
from tests.switching.cases import BEFORE, COMMAND, UNHEARD, finds, says

L1, L2, L3 = Phase
DONE, MOVING, REJECTED, FAILED = SwitchResult
SETTINGS = SwitchingSettings(expiry_s=10, ack_timeout_s=30, verify_timeout_s=60)
VERIFY_S = 60.0


def flights(stage: Stage, restored: bool = False) -> Flights:
    """One command, planned at 0 s, sent at 1 s, acknowledged at 5 s."""
    f = Flights(SETTINGS)
    if restored:
        f.restore(COMMAND, 1.0, VERIFY_S)
    else:
        f.plan(COMMAND, 0.0, BEFORE, VERIFY_S)
    if stage is not Stage.PLANNED and not restored:
        f.sent("c1", 1.0)
    if stage is Stage.ACKNOWLEDGED:
        f.hear(says(DONE, L2), 5.0)
    flight = f.of("h1")
    assert flight is not None
    assert flight.stage is stage
    return f


def tick(
    f: Flights, now: float, testimony: asked.Testimony = UNHEARD, latest: SwitchReport | None = None
) -> list[Change]:
    return f.tick(now, lambda _: latest, lambda _: testimony)


NOTHING = (None, False, False, False)
# stage; what is heard; (kind, over, locked, stayed), None where it changes nothing
HEARD = [
    pytest.param(Stage.PLANNED, says(DONE, L2), (EventKind.ACKNOWLEDGED, False, False, False), id="faster than sent"),
    pytest.param(Stage.SENT, says(DONE, L2), (EventKind.ACKNOWLEDGED, False, False, False), id="done"),
    pytest.param(Stage.SENT, says(None, L2), (EventKind.ACKNOWLEDGED, False, False, False), id="there, without result"),
    pytest.param(Stage.SENT, says(MOVING, None), NOTHING, id="moving"),
    pytest.param(Stage.SENT, says(MOVING, L1), NOTHING, id="moving, still there"),
    pytest.param(Stage.SENT, says(None, L1), NOTHING, id="repeats where it stands"),
    pytest.param(Stage.SENT, says(REJECTED, L1), (EventKind.FAILED, True, False, True), id="a clean rejection"),
    pytest.param(Stage.SENT, says(REJECTED, None), (EventKind.FAILED, True, True, False), id="rejected, lost"),
    pytest.param(Stage.SENT, says(REJECTED, L3), (EventKind.FAILED, True, True, False), id="rejected, elsewhere"),
    pytest.param(Stage.SENT, says(FAILED, L1), (EventKind.FAILED, True, True, True), id="failed, stayed"),
    pytest.param(Stage.SENT, says(FAILED, None), (EventKind.FAILED, True, True, False), id="failed, lost"),
    pytest.param(Stage.SENT, says(DONE, L1), (EventKind.FAILED, True, True, True), id="done, but where it was"),
    pytest.param(Stage.SENT, says(DONE, L3), (EventKind.FAILED, True, True, False), id="done, but elsewhere"),
    pytest.param(Stage.SENT, says(DONE, None), (EventKind.FAILED, True, True, False), id="done, but lost"),
    pytest.param(Stage.SENT, says(None, None), (EventKind.FAILED, True, True, False), id="lost"),
    pytest.param(Stage.SENT, says(DONE, L2, "older"), NOTHING, id="an answer to another command"),
    pytest.param(Stage.SENT, says(None, L1, ""), NOTHING, id="by itself, where it was"),
    pytest.param(Stage.SENT, says(None, L2, ""), NOTHING, id="by itself, at the target: nobody said for which command"),
    pytest.param(Stage.ACKNOWLEDGED, says(DONE, L2), NOTHING, id="the same answer twice"),
    pytest.param(Stage.ACKNOWLEDGED, says(None, L2), NOTHING, id="the same place again"),
    pytest.param(Stage.ACKNOWLEDGED, says(None, L2, ""), NOTHING, id="by itself, where it should be"),
    pytest.param(Stage.ACKNOWLEDGED, says(DONE, L1), (EventKind.FAILED, True, True, False), id="done, then back"),
    pytest.param(Stage.ACKNOWLEDGED, says(FAILED, L2), (EventKind.FAILED, True, True, False), id="done, then failed"),
    pytest.param(Stage.ACKNOWLEDGED, says(MOVING, None), NOTHING, id="done, then moving: delivered twice"),
    pytest.param(Stage.ACKNOWLEDGED, says(None, L1, ""), (EventKind.FAILED, True, True, False), id="it fell back"),
    pytest.param(Stage.ACKNOWLEDGED, says(None, None, ""), (EventKind.FAILED, True, True, False), id="it got lost"),
]


@pytest.mark.parametrize(("stage", "report", "expected"), HEARD)
def test_what_a_switch_says(
    stage: Stage, report: SwitchReport, expected: tuple[EventKind | None, bool, bool, bool]
) -> None:
    f = flights(stage)
    change = f.hear(report, 9.0)
    kind, over, locked, stayed = expected
    if kind is None:
        assert change is None
        assert len(f) == 1
        return
    assert change is not None
    assert (change.kind, change.over, bool(change.lock), change.stayed) == (kind, over, locked, stayed)
    assert len(f) == (0 if over else 1)


def test_a_report_of_a_house_without_a_command_changes_nothing() -> None:
    assert Flights(SETTINGS).hear(says(DONE, L2), 1.0) is None


@pytest.mark.parametrize(
    ("stage", "expected"),
    [(Stage.PLANNED, EventKind.SENT), (Stage.SENT, None), (Stage.ACKNOWLEDGED, None)],
)
def test_sent_is_told_once(stage: Stage, expected: EventKind | None) -> None:
    change = flights(stage).sent("c1", 2.0)
    assert (change.kind if change else None) is expected


@pytest.mark.parametrize(("stage", "ends"), [(Stage.PLANNED, True), (Stage.SENT, False), (Stage.ACKNOWLEDGED, False)])
def test_what_never_left_is_over_and_its_house_has_stayed(stage: Stage, ends: bool) -> None:
    f = flights(stage)
    change = f.unsent("c1")
    assert (change is not None) is ends
    if change is not None:
        assert (change.kind, change.over, change.lock, change.stayed) == (EventKind.FAILED, True, "", True)
        assert change.body["sent"] is False
    assert len(f) == (0 if ends else 1)


def test_ids_of_nobody_are_no_trouble() -> None:
    f = flights(Stage.PLANNED)
    assert (f.sent("unheard-of", 1.0), f.unsent("unheard-of")) == (None, None)


@pytest.mark.parametrize(
    ("stage", "silent_until", "strikes"),
    [(Stage.PLANNED, 29.9, 30.0), (Stage.SENT, 30.9, 31.0)],
)
def test_silence_is_locked_out(stage: Stage, silent_until: float, strikes: float) -> None:
    f = flights(stage)
    assert f.due() == strikes
    assert tick(f, silent_until) == []
    (change,) = tick(f, strikes)
    assert (change.kind, change.over, change.stayed) == (EventKind.TIMED_OUT, True, False)
    assert "30 s" in change.lock
    assert f.due() is None


def test_it_times_out_exactly_when_it_said_it_would() -> None:
    """Floating point must not make a wake-up come an instant too early, again and again."""
    for start in (0.1, 0.7, 1e6 + 0.3, 123_456.789):
        f = Flights(SETTINGS)
        f.plan(COMMAND, start, BEFORE, VERIFY_S)
        due = f.due()
        assert due is not None
        assert len(tick(f, due)) == 1


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        pytest.param([(6, Finding.AGREES)], EventKind.VERIFIED, id="agrees"),
        pytest.param([(6, Finding.ALIVE)], EventKind.VERIFIED, id="alive is enough"),
        pytest.param([(6, Finding.NOTHING)], None, id="no reading yet"),
        pytest.param([(6, Finding.DEAD)], None, id="dead: supply may be coming"),
        pytest.param([(6, Finding.DEAD), (8, Finding.ALIVE)], EventKind.VERIFIED, id="dead, then alive"),
        pytest.param([(6, Finding.CONTRADICTS)], None, id="one contradiction may be chance"),
        pytest.param(
            [(6, Finding.CONTRADICTS), (6, Finding.CONTRADICTS)], None, id="the same reading is no second one"
        ),
        pytest.param([(6, Finding.CONTRADICTS), (8, Finding.CONTRADICTS)], EventKind.FAILED, id="two contradictions"),
        pytest.param([(6, Finding.CONTRADICTS), (8, Finding.AGREES)], EventKind.VERIFIED, id="odd, then right"),
    ],
)
def test_what_the_meter_says(heard: list[tuple[float, Finding]], expected: EventKind | None) -> None:
    f = flights(Stage.ACKNOWLEDGED)
    kinds = [change.kind for at, finding in heard for change in tick(f, at + 0.5, finds(finding, at))]
    assert kinds == ([] if expected is None else [expected])
    assert len(f) == (1 if expected is None else 0)


def test_a_verified_move_is_recorded_with_the_strength_of_its_evidence() -> None:
    (change,) = tick(flights(Stage.ACKNOWLEDGED), 7.0, asked.Testimony(Finding.ALIVE, "supply is back at 231 V", 6.0))
    assert change.body == {"phase": "L2", "evidence": "supply is back at 231 V", "strength": "alive"}
    assert (change.over, change.lock) == (True, "")


def test_a_move_that_was_contradicted_once_waits_twice_as_long_for_a_second_reading() -> None:
    f = flights(Stage.ACKNOWLEDGED)
    tick(f, 64.0, finds(Finding.CONTRADICTS, 60.0))
    assert f.due() == 125.0
    assert tick(f, 66.0, finds(Finding.CONTRADICTS, 60.0)) == []
    (change,) = tick(f, 125.0, finds(Finding.CONTRADICTS, 60.0))
    assert change.lock.startswith("its switch reports done, but the meter did not confirm it within 120 s")


def test_one_odd_reading_locks_nobody_out_where_a_later_one_says_nothing() -> None:
    f = flights(Stage.ACKNOWLEDGED)
    tick(f, 20.0, finds(Finding.CONTRADICTS, 19.0))
    assert tick(f, 30.0, finds(Finding.ALIVE, 29.0)) == []
    (change,) = tick(f, 125.0, finds(Finding.ALIVE, 119.0))
    assert (change.kind, change.body["strength"]) == (EventKind.VERIFIED, "alive")


def test_a_contradiction_rests_on_its_own_reading_though_a_later_one_was_judged() -> None:
    """The transformer was read after the house; what it says together with the house's reading is dated by the
    house's."""
    f = flights(Stage.ACKNOWLEDGED)
    waiting = asked.Testimony(Finding.ALIVE, "supply is back", 30.0, better_expected=True)
    assert tick(f, 30.0, waiting) == []
    assert tick(f, 31.0, finds(Finding.CONTRADICTS, 25.0)) == []
    assert tick(f, 32.0, finds(Finding.CONTRADICTS, 25.0)) == []
    (change,) = tick(f, 36.0, finds(Finding.CONTRADICTS, 35.0))
    assert (change.kind, change.refuted) == (EventKind.FAILED, True)


@pytest.mark.parametrize("last", [Finding.NOTHING, Finding.DEAD])
def test_a_move_that_the_meter_does_not_confirm_is_locked_out(last: Finding) -> None:
    f = flights(Stage.ACKNOWLEDGED)
    assert f.due() == 65.0
    tick(f, 64.0, finds(last, 6.0))
    (change,) = tick(f, 65.0, finds(last, 6.0))
    assert (change.kind, change.over, change.stayed) == (EventKind.FAILED, True, False)
    assert "60 s" in change.lock


def test_three_clean_rejections_in_a_row_lock_the_house_out() -> None:
    f = Flights(SETTINGS)
    locks = []
    for n in range(REJECTIONS):
        command = _numbered(n)
        f.plan(command, float(n), BEFORE, VERIFY_S)
        change = f.hear(says(REJECTED, L1, command.id, reason="dwell"), n + 0.5)
        assert change is not None
        locks.append(bool(change.lock))
    assert locks == [False, False, True]


def test_an_obeyed_command_ends_the_row_of_rejections() -> None:
    f = Flights(SETTINGS)
    for n, result in enumerate((REJECTED, REJECTED, DONE, REJECTED, REJECTED)):
        command = _numbered(n)
        f.plan(command, n * 10.0, BEFORE, VERIFY_S)
        change = f.hear(says(result, L2 if result is DONE else L1, command.id), n * 10.0 + 1)
        assert change is not None
        assert not change.lock
        tick(f, n * 10.0 + 3, finds(Finding.AGREES, n * 10.0 + 2))


def kept(t: float | None) -> SwitchReport:
    return SwitchReport("h1", L1, 11.0, "older", retained=True, t=t)


def _numbered(n: int) -> Command:
    return Command(f"n{n}", n, "h1", L2, L1, 0.0, 10.0, "d")


# After a restart ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "report", "expected"),
    [
        pytest.param(2.0, says(DONE, L2), EventKind.ACKNOWLEDGED, id="it was carried out"),
        pytest.param(2.0, says(REJECTED, L1), EventKind.FAILED, id="it was refused"),
        pytest.param(2.0, says(None, L1, "older"), None, id="not yet: the command may still be on its way"),
        pytest.param(11.0, says(None, L1, "older", 11.0), EventKind.FAILED, id="expired, and it stands where it stood"),
        pytest.param(11.0, kept(None), None, id="expired, but this the broker has merely kept"),
        pytest.param(11.0, kept(1009.0), None, id="kept, from before the end of the command"),
        pytest.param(11.0, kept(1010.0), EventKind.FAILED, id="kept, from after the end of the command"),
        pytest.param(11.0, says(None, L2, ""), None, id="somewhere else: a person must look"),
    ],
)
def test_a_command_found_open_is_settled_by_its_switch(
    at: float, report: SwitchReport, expected: EventKind | None
) -> None:
    f = flights(Stage.SENT, restored=True)
    change = f.hear(report, at)
    assert (change.kind if change else None) is expected
    if expected is EventKind.FAILED:
        assert change is not None
        assert (change.stayed, change.lock) == (True, "")


def test_the_word_it_left_on_the_broker_counts_once_the_command_has_expired() -> None:
    f = flights(Stage.SENT, restored=True)
    word = kept(1010.0)
    assert tick(f, 10.9, latest=word) == []
    (change,) = tick(f, 11.0, latest=word)
    assert (change.kind, change.stayed, change.lock) == (EventKind.FAILED, True, "")


def test_a_command_found_open_that_nobody_answers_is_locked_out() -> None:
    f = flights(Stage.SENT, restored=True)
    assert tick(f, 30.9) == []
    (change,) = tick(f, 31.0)
    assert (change.kind, bool(change.lock)) == (EventKind.TIMED_OUT, True)


def test_what_was_restored_is_never_sent_again() -> None:
    f = flights(Stage.SENT, restored=True)
    assert (f.sent("c1", 2.0), f.unsent("c1")) == (None, None)
    (flight,) = list[Flight](f)
    assert flight.restored
    assert flight.judged_at == -math.inf
