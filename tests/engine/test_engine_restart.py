"""What a restart keeps, what it forgets, and that nothing is ever sent again."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest

from edge_balancer.engine import SEQ_EPOCH, Engine
from edge_balancer.settings.root import Configuration
from edge_balancer.types.decisions import VetoReason
from edge_balancer.types.events import Alert, AlertState, EventKind, Severity
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Outputs, PastMove, Restored
from edge_balancer.types.readings import Reading
from edge_balancer.types.switching import Command, Mode, SwitchReport, SwitchRequest, SwitchResult
from tests.support.configuration import make_config

L1, L2, L3 = Phase
WALL = 1_760_000_000.0
NOW = 500.0
SESSION = uuid.UUID(int=7)
OPEN = Command("old", 5, "h1", L2, L1, WALL - 3, WALL + 7, "decision")


def config_of() -> Configuration:
    return make_config(
        [{"id": "h1", "phase": "L1"}, {"id": "h2", "phase": "L1"}, {"id": "mill", "three_phase": True}],
        decision={"neutral_trigger_a": 1e6, "min_coverage": 0.5},
    )


class Restart:
    """An engine that came up with `restored`; the switches have not spoken yet unless told to."""

    def __init__(self, **restored: Any) -> None:
        self.now, self.wall = NOW, WALL
        self.engine = Engine(config_of(), SESSION, Restored(wall=WALL, **restored), NOW)

    def step(self, seconds: float = 0.0, **happened: Any) -> Outputs:
        self.now, self.wall = self.now + seconds, self.wall + seconds
        return self.engine.step(self.now, Inputs(wall=self.wall, **happened))

    def measured(self, seconds: float = 0.0, **happened: Any) -> Outputs:
        at = self.now + seconds
        return self.step(seconds, readings=[Reading(h, at, 1000.0, v=230.0) for h in ("h1", "h2")], **happened)

    def report(
        self, house: str, phase: Phase, command_id: str = "", result: SwitchResult | None = None
    ) -> SwitchReport:
        return SwitchReport(house, phase, self.now, command_id, result, retained=True)

    def wish(self, house: str = "h1", phase: Phase = L3) -> list[VetoReason]:
        (decision,) = self.measured(requests=[SwitchRequest(house, phase, "somebody", "")]).decisions
        return [veto.reason for veto in decision.vetoes]


def kinds(outputs: Outputs) -> list[EventKind]:
    return [event.kind for event in outputs.events if event.kind is not EventKind.ALERT]


def test_positions_from_the_store_are_where_houses_are_taken_to_be_until_their_switches_speak() -> None:
    run = Restart(phases={"h1": L3, "gone": L1, "mill": L2})
    roster = run.engine.roster
    assert [roster.phase_of(k) for k in range(3)] == [L3, L1, None]
    assert run.wish(phase=L2) == [VetoReason.POSITION_UNKNOWN]
    run.step(reports=[run.report("h1", L3)])
    assert run.wish(phase=L2) == []


def test_a_position_that_differs_from_the_store_is_recorded_and_believed() -> None:
    run = Restart(phases={"h1": L3})
    outputs = run.step(reports=[run.report("h1", L2)])
    (event,) = outputs.events
    assert (event.kind, event.house, event.body["phase"], event.body["from"]) == (EventKind.POSITION, "h1", "L2", "L3")
    assert run.engine.roster.phase_of(0) is L2


@pytest.mark.parametrize(
    ("restored", "reason"),
    [
        ({"locked": {"h1": "stuck", "gone": "away"}}, VetoReason.LOCKED),
        ({"moves": [PastMove("h1", WALL - 100), PastMove("gone", WALL - 5)]}, VetoReason.DWELL),
        ({"moves": [PastMove("h1", WALL + 5000)]}, VetoReason.DWELL),  # recorded by a clock that was ahead
        ({"moves": [PastMove("h1", WALL - 40_000 + k) for k in range(8)]}, VetoReason.DAILY_CAP),
        ({"moves": [PastMove("h2", WALL - 2000 + k) for k in range(60)]}, VetoReason.FEEDER_CAP),
        ({"after_outage": True}, VetoReason.OUTAGE),
        ({"mode": Mode.HOLD}, VetoReason.MODE),
        ({"halted": "five switches failed"}, VetoReason.HALTED),
        ({"open_commands": [OPEN]}, VetoReason.IN_FLIGHT),
    ],
)
def test_what_forbade_a_move_before_the_restart_forbids_it_after(restored: dict[str, Any], reason: VetoReason) -> None:
    run = Restart(**restored)
    phase = L1 if "open_commands" not in restored else L3
    run.step(reports=[run.report("h1", phase)])
    assert run.wish(phase=L2 if phase is L1 else L1) == [reason]


def test_operations_of_yesterday_count_no_more() -> None:
    run = Restart(moves=[PastMove("h1", WALL - 86_400.0 - k) for k in range(9, 0, -1)])
    run.step(reports=[run.report("h1", L1)])
    assert run.wish() == []


@pytest.mark.parametrize(
    ("saved", "wall", "first"),
    [
        pytest.param(0, WALL, int(WALL) - SEQ_EPOCH + 1, id="an empty store counts on from the clock"),
        pytest.param(10**9, WALL, 10**9 + 1, id="the store knows better"),
        pytest.param(12, 1000.0, 13, id="a clock that begins in 1970"),
    ],
)
def test_sequence_numbers_go_on_rising(saved: int, wall: float, first: int) -> None:
    engine = Engine(config_of(), SESSION, Restored(wall=wall, seq=saved), NOW)
    outputs = engine.step(
        NOW,
        Inputs(
            wall=wall,
            reports=[SwitchReport("h1", L1, NOW)],
            readings=[Reading(h, NOW, 100.0) for h in ("h1", "h2")],
            requests=[SwitchRequest("h1", L2, "somebody", "")],
        ),
    )
    assert [command.seq for command in outputs.commands] == [first]


# Commands found open ------------------------------------------------------------------------------------------------


def test_an_open_command_is_not_sent_again() -> None:
    run = Restart(open_commands=[OPEN])
    commands = [c for _ in range(40) for c in run.measured(1.0).commands]
    assert commands == []


def test_an_open_command_that_was_carried_out_is_verified_by_a_living_meter() -> None:
    run = Restart(open_commands=[OPEN])
    assert kinds(run.measured(1.0, reports=[run.report("h1", L2, "old", SwitchResult.DONE)])) == [
        EventKind.ACKNOWLEDGED,
        EventKind.VERIFIED,
    ]
    assert run.engine.roster.phase_of(0) is L2


def test_an_open_command_that_was_never_carried_out_frees_its_house_once_it_has_expired() -> None:
    run = Restart(open_commands=[OPEN])
    assert kinds(run.measured(1.0, reports=[run.report("h1", L1, "older", SwitchResult.DONE)])) == []
    assert run.engine.roster.in_flight[0]
    # What the broker has kept proves nothing; that its switch speaks now does.
    assert [kind for _ in range(12) for kind in kinds(run.measured(1.0))] == []
    spoken = SwitchReport("h1", L1, run.now, "older", SwitchResult.DONE)
    assert kinds(run.measured(reports=[spoken])) == [EventKind.FAILED]
    assert (run.engine.roster.phase_of(0), bool(run.engine.roster.locked[0])) == (L1, False)


def test_an_open_command_that_nobody_answers_times_out_and_locks_its_house_out() -> None:
    run = Restart(open_commands=[OPEN])
    assert kinds(run.measured(29.0)) == []
    assert kinds(run.measured(1.0)) == [EventKind.TIMED_OUT, EventKind.LOCKED]


@pytest.mark.parametrize("house", ["gone", "mill"])
def test_an_open_command_of_a_house_that_can_move_no_more_is_let_go(house: str) -> None:
    run = Restart(open_commands=[msgspec.structs.replace(OPEN, house=house)])
    assert kinds(run.measured(100.0)) == []
    assert run.engine.roster.phase_of(2) is None


# What was learned, and alerts ---------------------------------------------------------------------------------------


def test_what_was_learned_comes_back() -> None:
    before = Restart()
    for minute in range(200):
        before.measured(60.0)
        before.wish(phase=L2 if minute % 2 else L3)
    learned = msgspec.json.decode(msgspec.json.encode(before.engine.learned()))
    assert learned != Restart().engine.learned()
    assert Restart(learned=learned).engine.learned() == learned


@pytest.mark.parametrize(
    "learned",
    [
        {},
        {"houses": ["other"], "blend": {}, "price": {}},
        {"houses": ["h1", "h2", "mill"]},
        {"houses": ["h1", "h2", "mill"], "blend": "x", "price": "y"},
        {"houses": ["h1", "h2", "mill"], "blend": {"day": "%%%", "days": "AA=="}, "price": {"account": 10**400}},
        {"houses": ["h1", "h2", "mill"], "blend": [1], "price": [2]},
        {"houses": 5},
    ],
)
def test_a_damaged_memory_is_left_aside(learned: dict[str, Any]) -> None:
    assert Restart(learned=learned).engine.learned() == Restart().engine.learned()


def test_alerts_that_stood_are_not_told_again_and_a_lock_stays_told() -> None:
    alert = Alert("switch_locked/h1", Severity.CRITICAL, AlertState.ACTIVE, WALL - 99, "locked out")
    run = Restart(alerts=[alert], locked={"h1": "stuck"})
    assert [a.key for k in range(5) for a in run.measured(1.0).alerts] == []
    assert [a.key for a in run.engine.watch.alerts] == ["switch_locked/h1"]
