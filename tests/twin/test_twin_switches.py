"""The twin's phase switches: what the contacts do, what is reported, and where the two part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_balancer.twin.devices.switches import Fault, PhaseSwitches, SwitchOptions
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Command, SwitchResult

GOOD = SwitchOptions(delay_s=(1.0, 3.0), dead_s=0.2)
L1, L2, L3 = Phase


def switches(options: SwitchOptions = GOOD) -> PhaseSwitches:
    return PhaseSwitches({"a": L1, "b": L2}, options, seed=3)


def order(house: str, phase: Phase, number: int = 1, issued: float = 100.0, origin: Phase = L1) -> Command:
    return Command(f"{house}-{number}", number, house, phase, origin, issued, issued + 10.0, "d")


def test_a_good_switch_goes_dark_closes_and_says_so_at_that_instant() -> None:
    some = switches()
    contact = some.take(order("a", L3), 100.0)
    assert contact is not None
    assert (contact.house, contact.origin, contact.phase) == ("a", L1, L3)
    assert 101.0 <= contact.closes <= 103.0
    assert contact.closes - contact.opens == pytest.approx(0.2)
    assert some.next_due() == contact.closes
    assert some.speak(contact.closes - 0.001) == ([], [])
    assert some.phases["a"] is L1
    (report,), _ = some.speak(contact.closes)
    assert (report.phase, report.result, report.id) == (L3, SwitchResult.DONE, "a-1")
    assert some.phases == {"a": L3, "b": L2}
    assert [(at, command.house) for at, command in some.moved] == [(contact.closes, "a")]


@pytest.mark.parametrize(
    ("options", "result", "reported"),
    [
        pytest.param(replace(GOOD, failing=1.0), SwitchResult.FAILED, L1, id="fails"),
        pytest.param(replace(GOOD, sticking=1.0), SwitchResult.FAILED, L1, id="sticks"),
        pytest.param(replace(GOOD, lying=1.0), SwitchResult.DONE, L3, id="lies"),
        pytest.param(replace(GOOD, silent=1.0), None, None, id="is silent"),
    ],
)
def test_a_bad_switch_leaves_the_house_where_it_was(
    options: SwitchOptions, result: SwitchResult | None, reported: Phase | None
) -> None:
    some = switches(options)
    assert some.take(order("a", L3), 100.0) is None
    reports, _ = some.speak(200.0)
    assert [(r.result, r.phase) for r in reports] == ([(result, reported)] if result else [])
    assert some.phases["a"] is L1
    assert some.moved == []


def test_a_stuck_switch_never_moves_again_and_a_failing_one_may() -> None:
    stuck = switches()
    stuck.damage("a", Fault.STUCK)
    for number in range(1, 6):
        assert stuck.take(order("a", L2, number, issued=100.0 * number), 100.0 * number) is None
        (report,), _ = stuck.speak(100.0 * number + 50.0)
        assert report.result is SwitchResult.FAILED
    failing = switches(replace(GOOD, failing=0.5))
    results = []
    for number in range(1, 31):
        t = 100.0 * number
        failing.take(order("a", L2 if number % 2 else L3, number, issued=t), t)
        results += [report.result for report in failing.speak(t + 50.0)[0]]
    assert {SwitchResult.DONE, SwitchResult.FAILED} == set(results)


def test_a_lie_lasts_until_the_technician_has_been_there() -> None:
    some = switches(replace(GOOD, repair_s=3600.0))
    some.damage("a", Fault.LYING)
    some.take(order("a", L3), 100.0)
    some.speak(200.0)
    assert {r.house: r.phase for r in some.report_all(200.0)} == {"a": L3, "b": L2}
    assert some.phases["a"] is L1
    some.summon("a", 300.0)
    assert some.next_due() == 3900.0
    (report,), (clear,) = some.speak(3900.0)
    assert (report.house, report.phase, clear.house) == ("a", L1, "a")
    assert some.take(order("a", L3, 2, issued=4000.0), 4000.0) is not None


def test_a_command_that_came_late_or_while_busy_is_refused() -> None:
    some = switches()
    assert some.take(order("a", L2, issued=80.0), 100.0) is None
    assert some.take(order("b", L3, 2, origin=L2), 100.0) is not None
    assert some.take(order("b", L1, 3, origin=L2), 100.5) is None
    reports, _ = some.speak(200.0)
    assert {r.id: r.result for r in reports} == {
        "a-1": SwitchResult.REJECTED,
        "b-2": SwitchResult.DONE,
        "b-3": SwitchResult.REJECTED,
    }
    assert some.phases == {"a": L1, "b": L3}


def test_a_houses_chance_hangs_on_its_own_commands_alone() -> None:
    options = replace(GOOD, failing=0.3, silent=0.2)
    alone, among = switches(options), switches(options)
    mine: list[SwitchResult | None] = []
    theirs: list[SwitchResult | None] = []
    for number in range(1, 20):
        t = 100.0 * number
        for some, seen in ((alone, mine), (among, theirs)):
            if some is among:
                some.take(order("b", L3 if number % 2 else L2, 1000 + number, issued=t), t)
            some.take(order("a", L2 if number % 2 else L3, number, issued=t), t)
            seen += [r.result for r in some.speak(t + 50.0)[0] if r.house == "a"]
    assert mine == theirs


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"dead_s": 2.0}, "dead_s"),
        ({"delay_s": (3.0, 1.0)}, "delay_s"),
        ({"failing": 0.6, "silent": 0.6}, "more than 1"),
        ({"lying": -0.1}, "lying"),
        ({"repair_s": float("nan")}, "repair_s"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SwitchOptions(**wrong)  # type: ignore[arg-type]
