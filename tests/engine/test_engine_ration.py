"""What anybody at the broker can make the controller record, and that the record stays true all the same."""

from __future__ import annotations

import random
from typing import Any

import pytest

from edge_balancer.switching.ration import BURST, EVERY_S
from edge_balancer.types.decisions import VetoReason
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
    assert accounted(rows) == SECONDS * A_SECOND, what


def test_each_request_is_answered_also_where_it_is_not_on_record() -> None:
    feeder = Feeder()
    feeder.run(20.0)
    wishes = [SwitchRequest(NAMES[0], L1, f"anna{n}", "") for n in range(3 * BURST)]
    answers = feeder.step(1.0, requests=wishes).decisions
    assert [answer.operator for answer in answers] == [wish.operator for wish in wishes]


def worn_out(feeder: Feeder) -> None:
    """Set the mode to and fro until no change is left; it ends in `hold`."""
    feeder.run(20.0)
    for n in range(3 * BURST):
        feeder.step(0.001, modes=[MODES[n % 2]])
    assert feeder.engine.modes_refused > 0
    assert feeder.engine.mode is Mode.HOLD


def recorded(events: list[Event]) -> Mode:
    """The mode in which a restart would go on: that of the last row."""
    return Mode(kinds(events, EventKind.MODE)[-1].body["mode"])


@pytest.mark.parametrize("seed", range(5))
def test_the_mode_on_record_is_the_one_in_force_after_every_step(seed: int) -> None:
    feeder, draw = Feeder(), random.Random(seed)
    feeder.step(0.1, modes=[ModeRequest(Mode.HOLD, "anna")])
    for n in range(10 * BURST):
        wishes = [ModeRequest(draw.choice(list(Mode)), f"anna{n}") for _ in range(draw.randint(0, 3))]
        feeder.step(draw.choice([0.01, 0.1, EVERY_S / 2.0]) if n % 7 else EVERY_S, modes=wishes)
        assert recorded(feeder.events) is feeder.engine.mode
    assert feeder.engine.modes_refused > 0
    feeder.events += feeder.engine.rest()
    assert recorded(feeder.events) is feeder.engine.mode


@pytest.mark.parametrize(
    ("before", "wish"), [(Mode.AUTO, Mode.HOLD), (Mode.AUTO, Mode.ADVISE), (Mode.ADVISE, Mode.HOLD)]
)
def test_caution_takes_effect_and_is_on_record_at_once_also_when_no_change_is_left(before: Mode, wish: Mode) -> None:
    feeder = Feeder()
    worn_out(feeder)
    feeder.step(0.1, modes=[ModeRequest(before, "anna", order="o1")])
    feeder.events.clear()
    feeder.step(0.1, modes=[ModeRequest(wish, "bert")])
    assert [(row.body["mode"], row.body["by"]) for row in kinds(feeder.events, EventKind.MODE)] == [(str(wish), "bert")]
    assert feeder.engine.mode is wish


def test_of_modes_set_to_and_fro_few_rows_are_written_and_the_rest_is_refused_and_counted() -> None:
    feeder = Feeder()
    feeder.run(20.0)
    feeder.events.clear()
    for _ in range(SECONDS):
        feeder.step(1.0, modes=MODES)
    feeder.events += feeder.engine.rest()
    rows = kinds(feeder.events, EventKind.MODE)
    refusals = [row for row in rows if "refused" in row.body]
    changes = [row.body["mode"] for row in rows if "refused" not in row.body]
    most = BURST + SECONDS / EVERY_S + 1
    assert BURST <= changes.count("auto") <= most
    assert changes == ["hold", "auto"] * changes.count("auto") + ["hold"]
    assert BURST <= len(refusals) <= most
    # Every wish for the way back is accounted for; the first is for the mode in force.
    refused = accounted(refusals)
    assert refused + changes.count("auto") == SECONDS * A_SECOND // 2 - 1
    assert refused == feeder.engine.modes_refused
    body = refusals[-1].body
    assert (body["mode"], body["refused"], body["reason"]) == ("hold", "auto", "too many changes of the mode")
    assert body["operator"].startswith("anna")
    assert feeder.alerts["orders_refused"] == "active"


def test_who_wishes_for_one_change_too_many_is_told_which_mode_goes_on() -> None:
    feeder = Feeder()
    worn_out(feeder)
    told = feeder.step(0.001, modes=[ModeRequest(Mode.AUTO, "bert")]).mode
    assert told is not None
    assert told.mode is Mode.HOLD
    assert feeder.step(0.001).mode is None


@pytest.mark.parametrize("pause_s", [0.001, EVERY_S / 2.0, EVERY_S, 2.0 * EVERY_S])
def test_no_house_moves_before_the_mode_that_allows_it_is_on_record(pause_s: float) -> None:
    feeder = Feeder()
    worn_out(feeder)
    feeder.events.clear()
    wish = SwitchRequest(NAMES[1], L3, "anna", "")
    outputs = feeder.step(pause_s, modes=[ModeRequest(Mode.AUTO, "anna")], requests=[wish])
    found = [event.kind for event in feeder.events if "refused" not in event.body]
    if feeder.engine.mode is Mode.AUTO:
        assert found[:4] == [EventKind.MODE, EventKind.REQUEST, EventKind.DECISION, EventKind.PLANNED]
        assert recorded(feeder.events) is Mode.AUTO
    else:
        assert [veto.reason for decision in outputs.decisions for veto in decision.vetoes] == [VetoReason.MODE]
        assert EventKind.PLANNED not in found
    assert (feeder.engine.mode is Mode.AUTO) is (pause_s >= EVERY_S)


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
        (EventKind.MODE, {"modes": [ModeRequest(Mode.AUTO, "anna", order="o1")]}),
    ],
)
def test_what_is_ordered_on_the_page_is_always_on_record(kind: EventKind, order: dict[str, Any]) -> None:
    feeder = Feeder()
    for _ in range(20):
        for _, happened, _ in FLOODS:
            feeder.step(0.1, **happened)
        feeder.step(0.1, modes=MODES)
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
