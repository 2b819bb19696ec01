"""Records held against voltages in a closed loop: what is wrong is told within a day, and nothing else is."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from edge_balancer.types.events import AlertState, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import ClearRequest
from tests.engine.voltage_world import VoltageWorld
from tests.identification.identification_cases import drawn

L1, L2, L3 = Phase
BAD = 4
AT_REST: dict[str, Any] = {"neutral_trigger_a": 10_000.0}
"""Nothing is worth a move."""


def house(h: int = BAD) -> str:
    return drawn().houses[h]


def found(world: VoltageWorld, hours: float = 24.0) -> VoltageWorld:
    """Runs until a record is doubted, a day at most."""
    world.run(hours, until=lambda: bool(world.doubted))
    return world


def restored(world: VoltageWorld) -> None:
    """A restart, with what was learned on its way through the store."""
    world.restart(json.loads(json.dumps(world.engine.learned(), allow_nan=False)))


@cache
def state_when_found() -> tuple[int, str]:
    """Minute, and what was learned, when a wrong record was found on a feeder at rest."""
    world = found(VoltageWorld(drawn(), wrong={house(): 1}, **AT_REST))
    assert world.doubted == [house()]
    return world.minute, json.dumps(world.engine.learned(), allow_nan=False)


def already_found(**changed: Any) -> VoltageWorld:
    """A controller that started a moment ago, with what the one before had found."""
    minute, learned = state_when_found()
    world = VoltageWorld(drawn(), wrong={house(): 1}, **(AT_REST | changed))
    world.minute = minute
    world.restart(json.loads(learned))
    world.run(0.1)
    return world


def test_a_wrong_base_record_is_told_within_a_day_and_its_house_moved_no_more() -> None:
    world = found(VoltageWorld(drawn(), wrong={house(): 1}, operations_per_house_day=4))
    assert world.doubted == [house()]
    assert world.hour <= 24.0
    alert = world.alerts[f"wrong_phase_record/{house()}"]
    label, real = Phase(int(world.label[BAD])), Phase(int(world.real()[BAD]))
    assert f"have {house()} on {label}, but" in alert.text
    assert f"put it on {real} (" in alert.text
    assert alert.value is not None
    assert 96.0 <= alert.value < 100.0
    since, moves = world.hour, len(world.moved)
    world.run(8.0)
    assert len(world.moved) > moves, "the others are balanced on"
    assert not [command for hour, command in world.moved if command.house == house() and hour >= since]


def test_the_alert_and_the_veto_survive_a_restart_and_people_may_move_the_house() -> None:
    world = already_found()
    assert world.doubted == [house()]
    assert world.engine.roster.doubt[BAD] >= 0.96
    told = len(world.told)
    restored(world)
    world.run(0.2)
    assert world.doubted == [house()]
    assert len(world.told) == told, "what was told before is not told again"
    world.request(house(), Phase((int(world.label[BAD]) + 1) % 3))
    assert world.decisions[-1].commanded


def test_a_corrected_record_ends_the_alert_at_the_reload() -> None:
    world = already_found(switchable=False)
    assert world.doubted == [house()]
    world.label[BAD] = world.real()[BAD]
    world.contacts[BAD] = np.arange(3)
    restored(world)
    assert not world.engine.roster.doubt.any()
    world.run(0.2)
    assert world.doubted == []


def test_a_person_who_looked_is_believed() -> None:
    world = already_found()
    world.clear(ClearRequest(house(), "anna", "looked at the wires"))
    cleared = [event for event in world.events if event.kind is EventKind.CLEARED]
    assert [(event.house, event.body["operator"]) for event in cleared] == [(house(), "anna")]
    world.clear(ClearRequest(house(), "anna", "once more"))
    assert len([event for event in world.events if event.kind is EventKind.CLEARED]) == 1
    assert not world.engine.roster.doubt.any()
    restored(world)
    world.run(0.2)
    assert world.doubted == []
    assert world.told[-1][1].state is AlertState.RESOLVED


def test_where_voltages_are_not_to_be_believed_nothing_is_checked() -> None:
    world = already_found(voltage_evidence=False)
    world.run(3.0)
    assert world.doubted == []
    assert not world.engine.roster.doubt.any()
    assert world.engine.learned()["records"]["houses"] == []


@pytest.mark.parametrize("nonsense", [None, 7, [], {}, {"records": 7}, {"records": {"format": 1, "houses": ["x"]}}])
def test_nonsense_in_the_store_is_left_aside(nonsense: Any) -> None:
    world = already_found()
    learned = json.loads(json.dumps(world.engine.learned()))
    learned["records"] = (
        nonsense if not isinstance(nonsense, dict) else learned["records"] | {"sums": "AAAA"} | nonsense
    )
    world.alerts.clear()
    world.restart(learned)
    assert not world.engine.roster.doubt.any()


def stuck_after(hours: float, *, metered: bool) -> tuple[VoltageWorld, float]:
    world = VoltageWorld(drawn(), **AT_REST)
    world.metered = metered
    world.run(hours)
    assert world.doubted == []
    world.stuck.add(house())
    world.request(house(), Phase((int(world.label[BAD]) + 1) % 3))
    assert world.decisions[-1].commanded
    return world, world.hour


def test_a_switch_that_says_done_and_stays_is_told_within_hours_of_the_move() -> None:
    world, moved_at = stuck_after(6.0, metered=False)
    found(world)
    assert world.doubted == [house()]
    assert world.hour - moved_at <= 18.0
    assert "may not have moved when it said so" in world.alerts[f"wrong_phase_record/{house()}"].text


@pytest.mark.slow
@pytest.mark.parametrize("hours", [10.0, 20.0])
def test_so_it_is_beside_the_transformer_s_meter_and_after_long_agreement(hours: float) -> None:
    world, moved_at = stuck_after(hours, metered=True)
    found(world)
    assert world.doubted == [house()]
    assert world.hour - moved_at <= 18.0


@pytest.mark.slow
def test_mended_wires_end_the_alert_once_the_voltages_have_shown_it() -> None:
    world = already_found()
    world.contacts[BAD] = np.arange(3)
    world.rewired()
    world.run(24.0, until=lambda: not world.doubted)
    assert world.doubted == []
    assert not world.engine.roster.doubt.any()


@pytest.mark.slow
def test_what_a_person_cleared_comes_back_if_the_voltages_say_the_same_again() -> None:
    world = already_found()
    world.clear(ClearRequest(house(), "anna", "looked at the wrong house"))
    world.run(1.0)
    assert world.doubted == []
    found(world)
    assert world.doubted == [house()]


@pytest.mark.slow
def test_a_week_of_right_records_and_many_moves_raises_no_alert() -> None:
    case = drawn(days=7)
    world = VoltageWorld(case, operations_per_house_day=4)
    world.run(7 * 24.0)
    assert not [alert for _, alert in world.told if alert.key.startswith("wrong_phase_record")]
    assert len(world.moved) > 2 * 7 * len(case.houses)


@pytest.mark.slow
def test_two_contacts_mixed_up_are_told_although_the_house_keeps_moving() -> None:
    case = drawn(days=7)
    world = VoltageWorld(case, wiring={house(): (0, 2, 1)}, operations_per_house_day=4)
    world.run(7 * 24.0, until=lambda: house() in world.doubted)
    assert world.doubted == [house()]
