"""The switching desk keeps positions and record in step with what is commanded and heard."""

from __future__ import annotations

import math
import uuid

import pytest

from edge_balancer.settings.policy import TelemetrySettings
from edge_balancer.switching.desk import SwitchDesk
from edge_balancer.switching.roster import Roster
from edge_balancer.telemetry.latest import LatestReadings
from edge_balancer.types.decisions import Decision, Move, Trigger
from edge_balancer.types.events import EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.readings import TRANSFORMER, ThreePhaseReading
from edge_balancer.types.switching import SwitchReport, SwitchResult
from tests.support.configuration import make_config
from tests.switching.cases import picture

L1, L2, L3 = Phase


def desk() -> SwitchDesk:
    config = make_config([{"id": f"h{k}", "phase": "L1"} for k in (1, 2, 3)] + [{"id": "mill", "three_phase": True}])
    roster = Roster(config.houses)
    roster.known[:3] = True
    made = SwitchDesk(config, roster, LatestReadings(roster.ids, TelemetrySettings()), uuid.UUID(int=1))
    made.at(101.0, 1_760_000_000.0, True)
    return made


@pytest.mark.parametrize(
    ("period", "late", "patience"),
    [
        pytest.param(10.0, 0.0, 120.0, id="a quick meter: the setting"),
        pytest.param(300.0, 0.0, 750.0, id="a slow one: two and a half of its periods"),
        pytest.param(60.0, 0.2, 60.0 * 8.58, id="one reading in five lost: so long a silence once in a million"),
        pytest.param(60.0, 0.9, 1200.0, id="nearly all lost: twenty periods and no more"),
        pytest.param(math.nan, 0.05, 2700.0, id="heard but once: as long as a reading may be old"),
    ],
)
def test_a_meter_whose_readings_are_lost_is_waited_for(period: float, late: float, patience: float) -> None:
    config = make_config([{"id": f"h{k}", "phase": "L1"} for k in (1, 2)])
    roster = Roster(config.houses)
    latest = LatestReadings(roster.ids, TelemetrySettings())
    made = SwitchDesk(config, roster, latest, uuid.UUID(int=1))
    made.at(101.0, 1_760_000_000.0, True)
    latest.period[:], latest.late[:] = period, late
    meters = picture([230.0] * 2, [0, 0], powers=[2000.0] * 2, phase=roster.phase)
    made.command(decided(Move("h1", L1, L2)), meters)
    flight = made.flights.of("h1")
    assert flight is not None
    assert flight.patience_s == pytest.approx(patience, rel=0.01)


def decided(*moves: Move) -> Decision:
    return Decision(
        "d1", 101.0, 0.0, Trigger.IMBALANCE, 9.0, 1.0, moves, True, 9.0, 1.0, 5.0, 1.0, (0.0,) * 3, (None,) * 3, 1.0,
        (), (), (), "survival blend",
    )  # fmt: skip


def command(made: SwitchDesk, *moves: Move) -> list[str]:
    reading = ThreePhaseReading(TRANSFORMER, 100.0, (6000.0, 0.0, 0.0), v=(226.0, 226.0, 226.0))
    roster_phases = made.roster.phase
    # The engine hands in the roster's own array, which booking a house changes.
    meters = picture(
        [218.0] * 4, [0] * 4, powers=[2000.0, 2000.0, 2000.0, 0.0], transformer=reading, phase=roster_phases
    )
    return [c.id for c in made.command(decided(*moves), meters)]


def test_witnesses_are_heard_before_any_house_of_the_decision_is_booked() -> None:
    made = desk()
    command(made, Move("h1", L1, L2), Move("h2", L1, L2))
    for house in ("h1", "h2"):
        flight = made.flights.of(house)
        assert flight is not None
        assert flight.before is not None
        # Alone on its new phase a house would have no company to compare it with.
        assert flight.before.reach[:3].tolist() == pytest.approx([1.0] * 3)
    assert made.roster.phase.tolist() == [1, 1, 0, -1]


def test_a_command_counts_as_an_operation_and_its_house_as_moved() -> None:
    made = desk()
    ids = command(made, Move("h1", L1, L2))
    roster = made.roster
    assert (roster.phase_of(0), bool(roster.in_flight[0]), int(roster.operations_day[0])) == (L2, True, 1)
    assert [(event.kind, event.command) for event in made.drain()] == [(EventKind.PLANNED, ids[0])]
    assert made.drain() == []


@pytest.mark.parametrize("phase", [None, L3])
def test_a_stray_report_for_a_three_phase_house_is_nothing(phase: Phase | None) -> None:
    made = desk()
    made.hear(SwitchReport("mill", phase, 101.0))
    assert made.roster.phase_of(3) is None
    assert made.drain() == []


def test_a_switch_that_spoke_of_itself_is_believed_when_its_command_never_left() -> None:
    """It says L3 while our command waits for the broker: then that is where the house is."""
    made = desk()
    (sent,) = command(made, Move("h1", L1, L2))
    made.hear(SwitchReport("h1", L3, 102.0))
    made.unsent(sent)
    assert (made.roster.phase_of(0), bool(made.roster.known[0])) == (L3, True)
    assert [event.kind for event in made.drain()] == [EventKind.PLANNED, EventKind.POSITION, EventKind.FAILED]


def test_a_switch_that_does_not_know_its_position_is_locked_out_once() -> None:
    made = desk()
    for _ in range(2):
        made.hear(SwitchReport("h1", None, 102.0, reason="contact open"))
    (event,) = made.drain()
    assert event.kind is EventKind.LOCKED
    assert "contact open" in event.body["reason"]
    made.hear(SwitchReport("h1", L1, 103.0))
    assert (bool(made.roster.known[0]), bool(made.roster.locked[0])) == (True, True)


def test_a_report_at_the_target_after_done_is_no_surprise() -> None:
    made = desk()
    (sent,) = command(made, Move("h1", L1, L2))
    made.hear(SwitchReport("h1", L2, 102.0, sent, SwitchResult.DONE))
    made.hear(SwitchReport("h1", L2, 103.0))
    assert [event.kind for event in made.drain()] == [EventKind.PLANNED, EventKind.ACKNOWLEDGED]
