"""From readings to a verified move, and every way in which it can go wrong: what is commanded, recorded, told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge_balancer.settings.root import Configuration
from edge_balancer.types.decisions import Trigger, VetoReason
from edge_balancer.types.events import AlertState, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Outputs
from edge_balancer.types.switching import Mode, SwitchReport, SwitchRequest, SwitchResult
from tests.engine.world import World
from tests.support.configuration import make_config

K = EventKind
L1, L2, L3 = Phase
ON_L1: dict[str, float] = {"h1": 2300.0, "h2": 2300.0, "h3": 2300.0}
SPREAD: dict[str, float] = {"h1": 700.0, "h2": 700.0, "h3": 700.0}


def config_of(**decision: Any) -> Configuration:
    """Three houses on L1; one move at a time, so that a test can follow it."""
    return make_config(
        [{"id": f"h{k}", "phase": "L1"} for k in (1, 2, 3)],
        decision={"operations_per_house_day": 100, "max_operations_per_house_day": 100, "neutral_trigger_a": 5.0}
        | {"smoothing_s": 0, "max_moves": 1}
        | decision,
        switching={"max_in_flight": 1},
        # None of the pauses below makes a meter stale.
        telemetry={"stale_s": 2700},
    )


def begin(**decision: Any) -> World:
    """The switches have said where they are; nothing is measured yet."""
    world = World(config_of(**decision))
    world.announce_positions(("h1", "h2", "h3"))
    return world


def commanded(**decision: Any) -> World:
    """One command has just been planned."""
    world = begin(**decision)
    world.measure(1.0, ON_L1, 230.0)
    assert len(world.last.commands) == 1
    return world


def wished(**decision: Any) -> World:
    """One command that a person asked for; nothing is loaded, so that the controller itself wants nothing."""
    world = begin(**decision)
    world.measure(1.0, dict.fromkeys(ON_L1, 0.0), 230.0)
    assert len(world.wish("h1", L2).commands) == 1
    return world


def kinds(outputs: Outputs) -> list[EventKind]:
    return [event.kind for event in outputs.events if event.kind is not K.ALERT]


def bodies(outputs: Outputs, kind: EventKind) -> list[dict[str, Any]]:
    return [event.body for event in outputs.events if event.kind is kind]


def test_a_reading_that_shows_imbalance_makes_a_command_in_the_same_step() -> None:
    world = commanded()
    (command,), (decision,) = world.last.commands, world.last.decisions
    assert kinds(world.last) == [K.DECISION, K.PLANNED]
    assert (command.origin, command.house in ON_L1) == (L1, True)
    assert command.phase in (L2, L3)
    assert command.decision == decision.id
    assert (decision.trigger, decision.commanded, decision.coverage) == (Trigger.IMBALANCE, True, 1.0)
    assert decision.neutral_before_a == pytest.approx(30.0)
    assert decision.gain > decision.price > 0
    assert decision.text.startswith(f"Move {command.house} L1->")
    (planned,) = bodies(world.last, K.PLANNED)
    assert planned == {
        "seq": command.seq,
        "phase": str(command.phase),
        "from": "L1",
        "issued": world.wall,
        "expires": world.wall + 10.0,
        "decision": decision.id,
    }


def test_a_move_is_planned_sent_acknowledged_and_verified() -> None:
    world = commanded()
    (command,) = world.commands
    assert kinds(world.hand_over(sent=True)) == [K.SENT]
    assert kinds(world.answer(0, SwitchResult.MOVING)) == []
    assert kinds(world.answer(0, SwitchResult.DONE)) == [K.ACKNOWLEDGED]
    # The meter's next reading; its house is on the new phase, so the feeder is as it is now.
    outputs = world.measure(1.0, SPREAD, 230.0)
    assert kinds(outputs)[0] is K.VERIFIED
    (body,) = bodies(outputs, K.VERIFIED)
    assert (body["phase"], body["strength"]) == (str(command.phase), "alive")
    events = [event for event in outputs.events if event.kind is K.VERIFIED]
    assert (events[0].house, events[0].command) == (command.house, command.id)
    assert world.engine.roster.phase_of(world.engine.roster.index[command.house]) is command.phase


def test_an_answer_that_overtakes_the_word_of_the_broker_counts() -> None:
    world = commanded()
    assert kinds(world.answer(0, SwitchResult.DONE)) == [K.ACKNOWLEDGED]
    assert kinds(world.hand_over(sent=True)) == []
    assert K.VERIFIED in kinds(world.measure(1.0, SPREAD, 230.0))


# Ways to fail: what happens after the command; the last event before the lock, the words of the lock, position known --


def silence(world: World) -> None:
    world.hand_over(sent=True)
    world.step(30.0)


def failure(world: World) -> None:
    world.hand_over(sent=True)
    world.answer(0, SwitchResult.FAILED)


def lost(world: World) -> None:
    command = world.commands[-1]
    world.report(command.house, None, command.id, SwitchResult.FAILED)


def no_meter(world: World) -> None:
    world.answer(0, SwitchResult.DONE)
    # A meter that has spoken only once may be the slowest of all: it is waited for as long as a reading may be old.
    world.step(2700.0)


def dead(world: World) -> None:
    world.answer(0, SwitchResult.DONE)
    house = world.commands[-1].house
    # The others stay as they are: supply is gone at one house only.
    world.measure(1.0, {house: 0.0}, 0.0)
    world.step(2700.0)


def fell_back(world: World) -> None:
    world.answer(0, SwitchResult.DONE)
    world.report(world.commands[-1].house, L1, "", None)


@pytest.mark.parametrize(
    ("happens", "kind", "words", "known"),
    [
        pytest.param(silence, K.TIMED_OUT, "no answer within 30 s", False, id="no answer"),
        pytest.param(failure, K.FAILED, "reports failed at L1", True, id="its switch failed"),
        pytest.param(lost, K.FAILED, "unknown position", False, id="its switch is lost"),
        pytest.param(no_meter, K.FAILED, "meter did not confirm", False, id="the meter is silent"),
        pytest.param(dead, K.FAILED, "the meter shows 0 V", False, id="no supply after the move"),
        pytest.param(fell_back, K.FAILED, "after its done it reports nothing at L1", True, id="it fell back"),
    ],
)
def test_a_move_that_fails_locks_its_house_out_and_tells_people(
    happens: Any, kind: EventKind, words: str, known: bool
) -> None:
    world = commanded()
    command = world.commands[0]
    happens(world)
    assert kinds(world.last)[:2] == [kind, K.LOCKED]
    (locked,) = bodies(world.last, K.LOCKED)
    assert words in locked["reason"]
    roster = world.engine.roster
    house = roster.index[command.house]
    assert (bool(roster.locked[house]), bool(roster.known[house])) == (True, known)
    told = [*world.last.alerts, *world.step(1.0).alerts]
    (alert,) = [alert for alert in told if alert.key == f"switch_locked/{command.house}"]
    assert alert.state is AlertState.ACTIVE
    assert words in alert.text
    # Locked out means locked out: neither the controller nor a person moves it.
    for _ in range(5):
        world.announce_positions(("h1", "h2", "h3"))
        world.measure(1.0, ON_L1, 230.0)
    other = L3 if command.phase is L2 else L2
    world.wish(command.house, other)
    assert not any(c.house == command.house for c in world.commands[1:])


def test_the_alert_of_a_lock_is_recorded_like_everything_that_is_told() -> None:
    world = commanded()
    silence(world)
    outputs = world.last if world.last.alerts else world.step(1.0)
    assert [body["key"] for body in bodies(outputs, K.ALERT)] == [alert.key for alert in outputs.alerts]
    assert f"switch_locked/{world.commands[0].house}" in [alert.key for alert in outputs.alerts]


def test_a_released_house_may_be_moved_again() -> None:
    world = wished(dwell_s=0)
    failure(world)
    world.step(1.0)
    outputs = world.clear("h1")
    assert kinds(outputs) == [K.CLEARED]
    told = [*outputs.alerts, *world.step(1.0).alerts]
    assert [a.state for a in told if a.key == "switch_locked/h1"] == [AlertState.RESOLVED]
    (command,) = world.wish("h1", L3).commands
    assert (command.house, command.origin) == ("h1", L1)


def test_releasing_does_not_make_an_unknown_position_known() -> None:
    """Its last word is from before the command that it never answered."""
    world = wished(dwell_s=0)
    silence(world)
    world.clear("h1")
    (decision,) = world.wish("h1", L3).decisions
    assert [veto.reason for veto in decision.vetoes] == [VetoReason.POSITION_UNKNOWN]
    world.report("h1", L1, "", None)
    (decision,) = world.wish("h1", L3).decisions
    assert decision.commanded


def test_releasing_a_house_that_is_not_locked_records_nothing() -> None:
    assert kinds(begin().clear("h1")) == []


def test_what_could_not_leave_is_over_and_no_fault_of_the_switch() -> None:
    world = commanded(dwell_s=900)
    house = world.commands[0].house
    outputs = world.hand_over(sent=False)
    assert kinds(outputs)[0] is K.FAILED
    assert K.LOCKED not in kinds(outputs)
    roster = world.engine.roster
    assert roster.phase_of(roster.index[house]) is L1
    assert bool(roster.known[roster.index[house]])


def test_three_refusals_in_a_row_lock_a_house_out() -> None:
    world = begin(dwell_s=0, mode="hold")
    world.set_mode(Mode.AUTO)
    for refusal in range(3):
        # With nothing to balance only the wish moves it.
        world.measure(1.0, dict.fromkeys(ON_L1, 0.0), 230.0)
        assert len(world.wish("h1", L2).commands) == 1
        outputs = world.answer(0, SwitchResult.REJECTED)
        assert (K.LOCKED in kinds(outputs)) is (refusal == 2)


# People -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "decisions", "commands"), [(Mode.AUTO, 1, 1), (Mode.ADVISE, 1, 0), (Mode.HOLD, 0, 0)])
def test_modes_decide_and_command_as_they_say(mode: Mode, decisions: int, commands: int) -> None:
    world = begin()
    outputs = world.set_mode(mode)
    assert bodies(outputs, K.MODE) == ([] if mode is Mode.AUTO else [{"mode": str(mode), "by": "somebody"}])
    outputs = world.measure(1.0, ON_L1, 230.0)
    assert (len(outputs.decisions), len(outputs.commands)) == (decisions, commands)
    assert all(decision.commanded is (mode is Mode.AUTO) for decision in outputs.decisions)
    assert K.PLANNED in kinds(outputs) or mode is not Mode.AUTO


def test_without_automatic_moves_requests_alone_are_commanded() -> None:
    """So switches are tested one by one; the guard judges the requests as ever."""
    world = begin(automatic=False)
    decisions = [d for _ in range(100) for d in world.measure(1.0, ON_L1, 230.0).decisions]
    assert [decision.commanded for decision in decisions] == [False], "advice, and not at every reading"
    assert decisions[0].moves
    assert decisions[0].asked is not None
    assert decisions[0].asked >= decisions[0].price * len(decisions[0].moves)
    wished = world.wish("h1", L2)
    assert [command.house for command in wished.commands] == ["h1"]
    assert wished.decisions[0].asked is None, "who asks for a move asks no price"
    refused = world.wish("h1", L3)
    assert not refused.commands
    assert refused.decisions[0].vetoes


def test_advice_is_not_repeated_at_every_reading() -> None:
    world = begin(mode="advise")
    decisions = [d for _ in range(100) for d in world.measure(1.0, ON_L1, 230.0).decisions]
    assert len(decisions) == 1
    assert decisions[0].moves


def test_the_mode_in_force_is_announced_at_the_start_and_when_it_is_set() -> None:
    world = World(config_of())
    first = world.step(0.0)
    assert first.mode is not None
    assert (first.mode.mode, first.mode.by) == (Mode.AUTO, "start")
    assert world.step(1.0).mode is None
    again = world.set_mode(Mode.HOLD)
    assert again.mode is not None
    assert (again.mode.mode, again.mode.by) == (Mode.HOLD, "somebody")


def test_a_wish_that_the_guard_lets_pass_is_carried_out_and_recorded() -> None:
    world = begin()
    world.measure(1.0, dict.fromkeys(ON_L1, 0.0), 230.0)
    outputs = world.wish("h2", L3)
    (command,), (decision,) = outputs.commands, outputs.decisions
    assert (command.house, command.origin, command.phase) == ("h2", L1, L3)
    assert kinds(outputs) == [K.REQUEST, K.DECISION, K.PLANNED]
    assert bodies(outputs, K.REQUEST) == [{"phase": "L3", "operator": "somebody", "reason": "because"}]
    assert (decision.trigger, decision.operator, decision.vetoes) == (Trigger.REQUEST, "somebody", ())


def test_a_wish_that_the_guard_forbids_is_recorded_with_the_reason() -> None:
    world = begin()
    outputs = world.wish("h2", L3)  # nothing has been measured yet
    (decision,) = outputs.decisions
    assert kinds(outputs) == [K.REQUEST, K.DECISION]
    assert not decision.commanded
    assert decision.moves == ()
    assert [veto.reason for veto in decision.vetoes] == [VetoReason.STALE]
    assert "refused" in decision.text


def test_two_wishes_in_one_step_are_judged_one_after_the_other() -> None:
    world = begin()
    world.measure(1.0, dict.fromkeys(ON_L1, 0.0), 230.0)
    outputs = world.step(0.1, requests=[_wish("h1", L2), _wish("h2", L3)])
    assert [decision.commanded for decision in outputs.decisions] == [True, False]
    assert outputs.decisions[1].vetoes[0].reason is VetoReason.IN_FLIGHT


def _wish(house: str, phase: Phase) -> SwitchRequest:
    return SwitchRequest(house, phase, "somebody", "")


# The feeder ---------------------------------------------------------------------------------------------------------


def test_no_house_moves_before_enough_of_the_feeder_is_measured() -> None:
    world = begin()
    assert world.measure(1.0, {"h1": 5000.0, "h2": 5000.0}, 230.0).commands == ()
    assert len(world.measure(1.0, {"h3": 5000.0}, 230.0).commands) == 1


def test_no_house_moves_whose_switch_has_not_spoken() -> None:
    world = World(config_of())
    assert world.measure(1.0, ON_L1, 230.0).commands == ()
    outputs = world.report("h2", L1, "", None)
    assert [command.house for command in outputs.commands] == ["h2"]


def test_after_an_outage_the_feeder_is_left_alone_for_its_cool_down() -> None:
    world = begin(outage_cooldown_s=300)
    world.measure(1.0, dict.fromkeys(ON_L1, 10.0), 230.0)
    world.measure(1.0, dict.fromkeys(ON_L1, 0.0), 0.0)
    # Cold load: everything starts at once, on one phase.
    assert world.measure(5.0, ON_L1, 230.0).commands == ()
    world.step(290.0)
    assert world.measure(9.0, ON_L1, 230.0).commands == ()
    # What was forbidden is looked at anew within half a minute.
    assert len(world.measure(31.0, ON_L1, 230.0).commands) == 1


def test_commands_that_switches_take_for_forged_are_told_also_where_they_come_between_two_looks() -> None:
    world = begin(mode="hold")
    told: list[str] = []
    house, phase, rejected = world.engine.roster.ids[0], world.engine.roster.phase_of(0), SwitchResult.REJECTED
    for number in range(3):
        report = SwitchReport(house, phase, world.now, f"stranger-{number}", rejected, "not_signed: no key")
        assert "commands_forged" not in told
        told += [alert.key for alert in world.step(0.05, reports=[report]).alerts]
    told += [alert.key for alert in world.step(2.0).alerts]
    assert "commands_forged" in told
    assert not world.engine.roster.locked.any()


def test_a_full_disk_is_told_and_measuring_goes_on() -> None:
    world = begin(mode="hold")
    outputs = world.step(1.0, storage_fault="disk full")
    (alert,) = [alert for alert in outputs.alerts if alert.key == "storage"]
    assert "disk full" in alert.text
    outputs = world.measure(1.0, ON_L1, 230.0)
    assert outputs.feeder is not None
    assert outputs.feeder.i_n == pytest.approx(30.0)


def test_readings_count_for_the_minute_in_which_they_came() -> None:
    """A meter that reports once a minute, on the minute: each mean is its one reading."""
    world = begin(mode="hold")
    world.wall -= world.wall % 60
    world.measure(0.0, {"h1": 100.0}, 230.0)
    rows = [row for k in range(2, 5) for row in world.measure(60.0, {"h1": 100.0 * k}, 230.0).minutes]
    assert [(row.p, row.readings) for row in rows] == [(100.0, 1), (200.0, 1), (300.0, 1)]
    assert [row.minute % 60 for row in rows] == [0, 0, 0]


# Chance -------------------------------------------------------------------------------------------------------------


def test_the_same_inputs_give_the_same_outputs_to_the_byte() -> None:
    def run() -> bytes:
        world = commanded(dwell_s=0)
        said = [msgspec.json.encode(world.last)]
        for k in range(60):
            said.append(
                msgspec.json.encode(world.measure(1.0, {"h1": 900.0 * (k % 5), "h2": 500.0, "h3": 3000.0}, 231.0))
            )
            said.append(msgspec.json.encode(world.answer(k, SwitchResult.DONE)))
        return b"\n".join(said)

    assert run() == run()


def test_a_step_with_nothing_new_says_nothing_new() -> None:
    world = begin()
    world.step(1.0)
    quiet = world.step(0.1)
    assert quiet == Outputs(due=quiet.due)
    assert Inputs(wall=0.0) == Inputs(wall=0.0, readings=())
