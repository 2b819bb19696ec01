"""What anybody at the broker can make the controller record, and that the record stays true all the same."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.switching.ration import BURST, EVERY_S
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import AlertAck, Mode, ModeRequest, SilenceRequest, SwitchReport, SwitchRequest
from tests.engine.test_engine_feeder import NAMES, Feeder

L1, L2, L3 = Phase
SECONDS = 60
A_SECOND = 10


def kinds(events: list[Event], *wanted: EventKind) -> list[Event]:
    return [event for event in events if event.kind in wanted]


def accounted(rows: list[Event]) -> int:
    """What the rows tell of, those that gave way included."""
    return len(rows) + sum(int(row.body.get("omitted", 0)) for row in rows)


MODES = [ModeRequest(Mode.HOLD if n % 2 else Mode.AUTO, f"anna{n}") for n in range(A_SECOND)]
FLOODS: list[tuple[str, dict[str, Any], EventKind]] = [
    ("modes", {"modes": MODES}, EventKind.MODE),
    ("requests", {"requests": [SwitchRequest(NAMES[0], L1, "anna", "")] * A_SECOND}, EventKind.REQUEST),
    ("silences", {"silences": [SilenceRequest("*", 5.0, "anna")] * A_SECOND}, EventKind.SILENCE),
    ("acks", {"acks": [AlertAck("storage", "anna")] * A_SECOND}, EventKind.ALERT_ACK),
]


@pytest.mark.parametrize(("what", "happened", "kind"), FLOODS, ids=[flood[0] for flood in FLOODS])
def test_of_a_flood_of_orders_few_rows_are_written_and_the_rest_is_counted(
    what: str, happened: dict[str, Any], kind: EventKind
) -> None:
    feeder = Feeder()
    feeder.run(20.0)
    feeder.events.clear()
    for _ in range(SECONDS):
        feeder.step(1.0, **happened)
    feeder.events += feeder.engine.rest()
    rows = kinds(feeder.events, kind)
    assert BURST <= len(rows) <= BURST + SECONDS / EVERY_S + 1
    given = SECONDS * A_SECOND - (1 if kind is EventKind.MODE else 0)  # the first one is the mode in force
    assert accounted(rows) == given, what


def test_each_request_is_answered_also_where_it_is_not_on_record() -> None:
    feeder = Feeder()
    feeder.run(20.0)
    wishes = [SwitchRequest(NAMES[0], L1, f"anna{n}", "") for n in range(3 * BURST)]
    answers = feeder.step(1.0, requests=wishes).decisions
    assert [answer.operator for answer in answers] == [wish.operator for wish in wishes]


def test_the_mode_on_record_becomes_that_in_force() -> None:
    feeder = Feeder()
    for n in range(20 * BURST):
        feeder.step(0.1, modes=[MODES[n % 2]])
    feeder.step(0.1, modes=[ModeRequest(Mode.ADVISE, "bert")])
    feeder.step(EVERY_S)
    last = kinds(feeder.events, EventKind.MODE)[-1]
    assert (last.body["mode"], last.body["by"]) == ("advise", "bert")
    assert feeder.engine.mode is Mode.ADVISE


def test_what_moves_a_house_is_on_record_in_the_midst_of_refused_requests() -> None:
    feeder = Feeder()
    feeder.run(20.0)
    feeder.step(1.0, requests=[SwitchRequest(NAMES[0], L1, "thief", "")] * (3 * BURST))
    feeder.events.clear()
    feeder.step(0.1, requests=[SwitchRequest(NAMES[1], L3, "anna", "")])
    found = [event.kind for event in feeder.events]
    assert found[:3] == [EventKind.REQUEST, EventKind.DECISION, EventKind.PLANNED]
    assert feeder.events[0].body["operator"] == "anna"


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (EventKind.REQUEST, {"requests": [SwitchRequest(NAMES[0], L1, "anna", "", order="o1")]}),
        (EventKind.SILENCE, {"silences": [SilenceRequest("*", 5.0, "anna", order="o1")]}),
        (EventKind.ALERT_ACK, {"acks": [AlertAck("storage", "anna", order="o1")]}),
        (EventKind.MODE, {"modes": [ModeRequest(Mode.HOLD, "anna", order="o1")]}),
    ],
)
def test_what_is_ordered_on_the_page_is_always_on_record(kind: EventKind, order: dict[str, Any]) -> None:
    feeder = Feeder()
    for _ in range(20):
        for _, happened, _ in FLOODS:
            feeder.step(0.1, **happened)
    feeder.step(0.1, **order)
    assert [row.body["order"] for row in kinds(feeder.events, kind) if "order" in row.body] == ["o1"]
    # Nothing older is written behind it.
    feeder.events.clear()
    feeder.step(10 * EVERY_S)
    assert kinds(feeder.events, kind) == []


def test_a_switch_that_reports_another_phase_all_the_time_fills_no_trail_and_its_place_stays_true() -> None:
    feeder = Feeder()
    feeder.run(20.0)
    house, phase = NAMES[0], L1
    for n in range(600):
        phase = Phase((n + 1) % 3)
        feeder.step(0.1, reports=[SwitchReport(house, phase, feeder.now, t=float(n))])
    rows = kinds(feeder.events, EventKind.POSITION)
    assert BURST <= len(rows) <= BURST + 60 / EVERY_S + 1
    assert feeder.engine.roster.phase_of(0) is phase
    # A row about the house that rests on where it is does not come before it.
    feeder.events.clear()
    feeder.step(0.1, reports=[SwitchReport(house, None, feeder.now)])
    found = [(event.kind, event.body.get("phase")) for event in feeder.events if event.house == house]
    assert found[0] == (EventKind.POSITION, str(phase))
    assert found[1][0] is EventKind.LOCKED
