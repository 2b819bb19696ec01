"""The controller's own troubles: a start that nothing announced, a clock, a broker, refused orders, a silent meter."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Any

import pytest

from edge_balancer.alerts.catalogue import AlertKind, title
from edge_balancer.alerts.lifecycle import Condition
from edge_balancer.alerts.own_watch import FORGED, HOLD_S, OwnWatch
from edge_balancer.alerts.texts import ENGLISH, LANGUAGES
from edge_balancer.settings.policy import AlertSettings
from edge_balancer.types.events import Severity
from edge_balancer.types.floods import Flood
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs
from edge_balancer.types.switching import SwitchReport, SwitchResult
from firmware_bridge.switches.authority import Distrust
from firmware_bridge.switches.interlock_types import Refusal

SETTINGS = AlertSettings(broker_lost_s=60, clock_s=60, refused_per_hour=5)
T0 = 1_763_829_600.0


def watch(starts: int = 0, has_transformer: bool = False) -> OwnWatch:
    return OwnWatch(SETTINGS, ENGLISH, starts, has_transformer)


def wrong(found: Iterable[Condition]) -> dict[str, Severity]:
    return {condition.key: condition.severity for condition in found if condition.violated}


def at(
    own: OwnWatch,
    now: float,
    *,
    wall: float | None = None,
    synced: bool = True,
    connected: bool = True,
    refused: int = 0,
    transformer: float | None = None,
    standing: frozenset[str] = frozenset(),
) -> dict[str, Severity]:
    inputs = Inputs(wall=T0 + now if wall is None else wall, synced=synced, connected=connected, refused_orders=refused)
    return wrong(own.look(now, inputs, transformer, standing))


@pytest.mark.parametrize(
    ("starts", "expected"),
    [(0, {}), (1, {"restarted": Severity.WARNING}), (3, {"restarted": Severity.CRITICAL})],
)
def test_a_start_that_nothing_announced_is_told_for_a_while(starts: int, expected: dict[str, Severity]) -> None:
    own = watch(starts)
    assert at(own, 100.0) == expected
    assert at(own, 100.0 + HOLD_S) == {}


def test_a_broker_is_lost_once_it_has_been_away_for_long() -> None:
    own = watch()
    assert at(own, 0.0, connected=False) == {}
    assert at(own, 61.0, connected=False) == {"broker_lost": Severity.CRITICAL}
    back = own.look(62.0, Inputs(wall=T0 + 62.0), None, {"broker_lost"})
    assert [(c.key, c.cleared(0.9)) for c in back] == [("broker_lost", True)]
    assert at(own, 63.0, connected=False) == {}


def test_a_clock_without_its_time_service_is_told_after_a_while() -> None:
    own = watch()
    assert at(own, 0.0, synced=False) == {}
    assert at(own, 61.0, synced=False) == {"clock_unsynchronised": Severity.WARNING}
    assert at(own, 62.0, standing=frozenset({"clock_unsynchronised"})) == {}


@pytest.mark.parametrize(
    ("step_s", "synced_before", "expected"),
    [
        (3600.0, True, {"clock_stepped": Severity.WARNING}),
        (-3600.0, True, {"clock_stepped": Severity.WARNING}),
        (2.0, True, {}),
        (3600.0, False, {}),
    ],
)
def test_a_clock_that_was_right_and_is_set_is_told(
    step_s: float, synced_before: bool, expected: dict[str, Severity]
) -> None:
    own = watch()
    at(own, 0.0, synced=synced_before)
    assert at(own, 1.0, wall=T0 + 1.0 + step_s) == expected
    assert at(own, 2.0, wall=T0 + 2.0 + step_s) == expected
    assert at(own, 2.0 + HOLD_S, wall=T0 + 2.0 + HOLD_S + step_s) == {}


def test_refused_orders_are_counted_over_an_hour() -> None:
    own = watch()
    assert at(own, 0.0, refused=100) == {}
    assert at(own, 60.0, refused=104) == {}
    assert at(own, 120.0, refused=105) == {"orders_refused": Severity.WARNING}
    assert at(own, 180.0, refused=150) == {"orders_refused": Severity.CRITICAL}
    assert at(own, 181.0 + 3600.0, refused=150) == {}


def test_a_flood_is_told_under_its_house_as_long_as_it_lasts() -> None:
    own = watch()
    flood = Flood("h1", "base/meter/h1", 20_000.0, 50, 19_950)
    nobodys = Flood("", "base/meter/...", 60.0, 50, 10)
    found = own.look(0.0, Inputs(wall=T0, floods=[flood, nobodys]), None, frozenset())
    assert wrong(found) == {"message_flood/h1": Severity.WARNING, "message_flood": Severity.WARNING}
    assert "20000 messages a second come on base/meter/h1; 50 of them are read" in found[0].text
    assert at(own, 1.0) == {}


def refusal(number: int, reason: str = "replayed: the id was used", **keys: Any) -> SwitchReport:
    return SwitchReport("h1", Phase.L1, 0.0, f"c{number}", keys.pop("result", SwitchResult.REJECTED), reason, **keys)


@pytest.mark.parametrize(
    ("reports", "told"),
    [
        ([refusal(n) for n in range(3)], True),
        ([refusal(n) for n in range(2)], False),
        ([refusal(1)] * 9, False),
        ([refusal(1, t=float(n)) for n in range(3)], True),
        ([refusal(n, retained=True) for n in range(9)], False),
        ([refusal(n, "dwell: 20.0 s left of 300 s") for n in range(9)], False),
        ([refusal(n, result=SwitchResult.FAILED) for n in range(9)], False),
    ],
)
def test_commands_that_a_switch_took_for_forged_are_counted_once_each(reports: list[SwitchReport], told: bool) -> None:
    own = watch()
    for report in reports:
        own.hear(10.0, report)
    assert at(own, 11.0) == ({"commands_forged": Severity.CRITICAL} if told else {})
    assert at(own, 11.0 + 3600.0) == {}


def test_the_reasons_of_the_field_side_are_known() -> None:
    assert {*Distrust, Refusal.REPLAYED, Refusal.SEQUENCE} == FORGED


@pytest.mark.parametrize(
    ("has_transformer", "heard_at", "now", "expected"),
    [
        (False, None, 9000.0, {}),
        (True, None, 3599.0, {}),
        (True, None, 3601.0, {"transformer_silent": Severity.WARNING}),
        (False, 1000.0, 4500.0, {}),
        (False, 1000.0, 4601.0, {"transformer_silent": Severity.WARNING}),
    ],
)
def test_a_silent_substation_is_told_where_its_meter_is_configured_or_was_heard(
    has_transformer: bool, heard_at: float | None, now: float, expected: dict[str, Severity]
) -> None:
    own = watch(has_transformer=has_transformer)
    at(own, 0.0)
    assert at(own, now, transformer=heard_at) == expected


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_a_title_and_an_action(kind: AlertKind) -> None:
    assert title(kind) != kind
    assert ENGLISH.say(f"do.{kind}").endswith(".")
    assert title(f"{kind}/h1").endswith(" h1")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_with_the_same_values(language: str) -> None:
    sentences, english = LANGUAGES[language], LANGUAGES["en"]
    assert sentences.keys() == english.keys()
    assert {name: places(text) for name, text in sentences.items()} == {
        name: places(text) for name, text in english.items()
    }


def test_every_english_sentence_is_made_of_letters_that_a_text_message_carries() -> None:
    assert [name for name, text in LANGUAGES["en"].items() if not text.isascii()] == []
