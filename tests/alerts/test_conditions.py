"""From engine state to conditions: values, limits, severities, and words a person can act on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_balancer.alerts import conditions, own_conditions
from edge_balancer.alerts.catalogue import AlertKind, is_latched, key_of, names
from edge_balancer.alerts.lifecycle import AlertBook, Condition, Side
from edge_balancer.analysis.phases.check import Doubt
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.settings.policy import AlertSettings
from edge_balancer.types.demotion import Blame, Demotion
from edge_balancer.types.events import Severity
from edge_balancer.types.floods import Flood
from edge_balancer.types.phases import Phase

NAN = math.nan
FEEDER = FeederSettings(transformer_kva=69.0)  # 100 A rated, the neutral of a Dyn11 bears 40 A
ALERTS = AlertSettings()
HOUSES = ("h1", "h2", "h3", "h4", "h5")
PHASE = np.array([0, 0, 1, 1, -1], dtype=np.int8)


@pytest.mark.parametrize(
    ("neutral_a", "neutral_pct", "violated", "severity"),
    [
        (40.0, 100.0, False, Severity.WARNING),
        (40.1, 100.0, True, Severity.CRITICAL),
        (24.1, 60.0, True, Severity.WARNING),
        (40.1, 60.0, True, Severity.CRITICAL),
        (NAN, 60.0, False, Severity.WARNING),
    ],
)
def test_severe_imbalance_is_critical_beyond_what_the_neutral_bears(
    neutral_a: float, neutral_pct: float, violated: bool, severity: Severity
) -> None:
    found = conditions.severe_imbalance(neutral_a, FEEDER, AlertSettings(neutral_pct=neutral_pct))
    assert (found.key, found.violated, found.severity) == ("severe_imbalance", violated, severity)
    assert found.limit == pytest.approx(40.0 * neutral_pct / 100)
    assert ("overloaded" in found.text) == (severity is Severity.CRITICAL)


@pytest.mark.parametrize(
    ("vuf", "violated", "severity"),
    [
        (None, False, Severity.WARNING),
        (NAN, False, Severity.WARNING),
        (2.0, False, Severity.WARNING),
        (2.1, True, Severity.WARNING),
        (5.1, True, Severity.CRITICAL),
    ],
)
def test_voltage_unbalance(vuf: float | None, violated: bool, severity: Severity) -> None:
    found = conditions.voltage_unbalance(vuf, FEEDER)
    assert (found.violated, found.severity, found.limit) == (violated, severity, 2.0)


def violated_voltages(mean_v: tuple[float, ...], now_v: tuple[float, ...]) -> dict[str, tuple[str, float | None]]:
    found = conditions.voltages(HOUSES, PHASE, np.array(mean_v), np.array(now_v), FEEDER)
    assert len(found) == len({c.key for c in found}) == 12
    return {c.key: (next(h for h in (*HOUSES, "no house") if h in c.text), c.value) for c in found if c.violated}


GOOD = (230.0, 231.0, 229.0, 230.0, 230.0)


@pytest.mark.parametrize(
    ("mean_v", "now_v", "expected"),
    [
        (GOOD, GOOD, {}),
        ((253.0, 207.0, 230.0, 230.0, 230.0), GOOD, {}),
        ((254.0, 255.0, 230.0, 230.0, 230.0), GOOD, {"voltage_high/L1": ("h2", 255.0)}),
        ((230.0, 230.0, 206.0, 205.0, 230.0), GOOD, {"voltage_low/L2": ("h4", 205.0)}),
        (GOOD, (230.0, 230.0, 280.0, NAN, 230.0), {"voltage_extreme_high/L2": ("h3", 280.0)}),
        (GOOD, (0.0, 230.0, 230.0, 230.0, 230.0), {"voltage_extreme_low/L1": ("h1", 0.0)}),
        (GOOD, (206.0, 230.0, 230.0, 230.0, 230.0), {}),
        ((230.0, 230.0, 230.0, 230.0, 300.0), (NAN, NAN, NAN, NAN, 300.0), {}),
    ],
)
def test_voltages_name_the_worst_house_of_each_phase(
    mean_v: tuple[float, ...], now_v: tuple[float, ...], expected: dict[str, tuple[str, float]]
) -> None:
    assert violated_voltages(mean_v, now_v) == expected


def test_a_phase_of_which_nothing_is_known_is_unknown_not_in_order() -> None:
    found = conditions.voltages(HOUSES, PHASE, np.full(5, NAN), np.array(GOOD), FEEDER)
    unknown = {c.key for c in found if c.unknown}
    assert unknown == {
        *(f"voltage_{side}/{p}" for side in ("high", "low") for p in Phase),
        *(f"voltage_extreme_{side}/L3" for side in ("high", "low")),
    }
    empty = np.empty(0)
    nobody = conditions.voltages((), np.empty(0, dtype=np.int8), empty, empty, FEEDER)
    assert len(nobody) == 12
    assert all(c.unknown for c in nobody)


def test_a_ten_minute_mean_is_told_at_once_and_a_momentary_extreme_only_if_it_lasts() -> None:
    book = AlertBook(ALERTS)
    found = conditions.voltages(HOUSES, PHASE, np.full(5, 254.0), np.full(5, 281.0), FEEDER)
    first = {alert.key for alert in book.observe(0.0, 0.0, found)}
    later = {alert.key for alert in book.observe(60.0, 60.0, found)}
    assert first == {"voltage_high/L1", "voltage_high/L2"}
    assert later == {"voltage_extreme_high/L1", "voltage_extreme_high/L2"}


@pytest.mark.parametrize(("operations", "violated"), [(29, False), (30, True)])
def test_frequent_switching_is_told_from_its_limit_on(operations: int, violated: bool) -> None:
    assert conditions.frequent_switching(operations, ALERTS).violated is violated


@pytest.mark.parametrize(
    ("silent", "age_s", "feeder_violated", "single"),
    [
        (0, 10.0, False, {}),
        (9, 600.0, False, {}),
        (2, 3601.0, False, {"meter_silent/h0": True, "meter_silent/h1": True}),
        (10, 600.0, True, {}),
        (10, 3601.0, True, {f"meter_silent/h{k}": False for k in range(10)}),
        (2, math.inf, False, {}),
    ],
)
def test_many_silent_meters_are_one_alert_and_a_single_one_its_own(
    silent: int, age_s: float, feeder_violated: bool, single: dict[str, bool]
) -> None:
    houses = [f"h{k}" for k in range(50)]
    fresh = np.arange(50) >= silent
    age = np.where(fresh, 5.0, age_s)
    feeder, *meters = conditions.stale_meters(houses, fresh, age, ALERTS)
    assert (feeder.violated, feeder.value) == (feeder_violated, 2.0 * silent)
    assert {c.key: c.violated for c in meters} == single


def test_a_failing_gateway_does_not_end_the_alert_of_a_meter_that_was_silent_before() -> None:
    houses = [f"h{k}" for k in range(5)]
    book = AlertBook(ALERTS)

    def told(now: float, silent: int, age_s: float) -> set[str]:
        fresh = np.arange(5) >= silent
        found = conditions.stale_meters(houses, fresh, np.where(fresh, 1.0, age_s), AlertSettings(stale_meters_pct=50))
        return {f"{a.key} {a.state}" for a in book.observe(now, now, found)}

    assert told(0.0, 1, 4000.0) == {"meter_silent/h0 active"}
    assert told(100.0, 5, 4100.0) == set()
    assert told(160.0, 5, 4160.0) == {"stale_meters active"}
    assert told(10_000.0, 5, 14_000.0) == set()
    assert told(10_001.0, 0, 0.0) == set()
    assert told(10_301.0, 0, 0.0) == {"stale_meters resolved", "meter_silent/h0 resolved"}


def test_no_houses_are_no_stale_meters() -> None:
    (feeder,) = conditions.stale_meters([], np.empty(0, dtype=bool), np.empty(0), ALERTS)
    assert not feeder.violated


@pytest.mark.parametrize(
    ("expected", "reported", "words"),
    [
        (Phase.L1, Phase.L2, "reports L2, and it should be on L1"),
        (Phase.L1, None, "does not know its position, and it should be on L1"),
        (None, Phase.L3, "reports L3, and no position is on record"),
    ],
)
def test_a_wrong_position_says_what_is_and_what_should_be(
    expected: Phase | None, reported: Phase | None, words: str
) -> None:
    found = conditions.switch_position("h7", expected, reported)
    assert found.key == "switch_position/h7"
    assert words in found.text


def test_a_lock_out_is_told_at_once_latched_and_gives_its_reason() -> None:
    found = conditions.switch_locked("h7", "no acknowledgement within 30 s.")
    assert (found.key, found.latched, found.confirm_s) == ("switch_locked/h7", True, 0.0)
    assert "h7 is locked out: no acknowledgement within 30 s. " in found.text
    assert is_latched(found.key)


@pytest.mark.parametrize(("moved", "words"), [(True, "may not have moved"), (False, "correct its phase in the list")])
def test_a_wrong_record_says_where_the_house_is_and_what_may_be_the_cause(moved: bool, words: str) -> None:
    (found,) = conditions.wrong_phase_records([Doubt("h7", Phase.L1, Phase.L3, 0.9917, 9.4, moved)])
    assert (found.key, found.severity, found.latched) == ("wrong_phase_record/h7", Severity.WARNING, False)
    assert "have h7 on L1, but 9 h of voltage put it on L3 (confidence 99.2 %" in found.text
    assert words in found.text
    assert found.violated


def test_storage_trouble_is_a_condition_only_while_there_is_some() -> None:
    assert conditions.storage_trouble("") == []
    (found,) = conditions.storage_trouble("disk full")
    assert (found.key, found.severity) == ("storage", Severity.CRITICAL)
    assert "disk full" in found.text


FLOOD = Flood("h1", "base/meter/h1", 20_000.0, 50, 19_950)


def every_condition() -> list[Condition]:
    return [
        conditions.severe_imbalance(1.0, FEEDER, ALERTS),
        conditions.severe_imbalance(999.0, FEEDER, ALERTS),
        conditions.voltage_unbalance(3.0, FEEDER),
        *conditions.voltages(HOUSES, PHASE, np.array(GOOD), np.array(GOOD), FEEDER),
        conditions.frequent_switching(3, ALERTS),
        *conditions.stale_meters(["h1", "h2"], np.array([False, True]), np.array([1e4, 1.0]), AlertSettings()),
        conditions.switch_locked("h1", "x"),
        conditions.switch_position("h1", None, None),
        *conditions.storage_trouble("x"),
        *conditions.switching_halted("x"),
        *conditions.wrong_phase_records(
            [Doubt("h1", Phase.L1, Phase.L3, 0.991, 9.4, moved) for moved in (True, False)]
        ),
        *conditions.supply_lost(["h1", "h2"], np.array([0, 0]), np.zeros(2, dtype=bool), np.ones(2, dtype=bool)),
        own_conditions.restarted(2),
        own_conditions.clock_unsynchronised(1000.0, AlertSettings()),
        own_conditions.clock_stepped(-3600.0),
        own_conditions.orders_refused(61, AlertSettings()),
        own_conditions.commands_forged(3),
        own_conditions.message_flood(FLOOD),
        own_conditions.broker_lost(121.0, AlertSettings()),
        own_conditions.transformer_silent(4000.0, 3600.0),
        *own_conditions.model_demoted(Demotion("worse than persistence for three days", Blame.UNFIT)),
    ]


def test_every_kind_is_made_and_latched_as_the_catalogue_says() -> None:
    made = every_condition()
    assert {c.key.partition("/")[0] for c in made} >= set(AlertKind) - {AlertKind.METER_SILENT}
    assert all(c.latched == is_latched(c.key) for c in made)


def test_every_text_says_what_is_done_and_what_to_do_in_plain_sentences() -> None:
    for condition in every_condition():
        assert condition.text.endswith(".")
        assert condition.text.count(". ") >= 2, condition.text
        assert "  " not in condition.text
        if condition.side is Side.ABOVE and condition.limit is not None and not condition.unknown:
            assert f"{condition.limit:.0f}" in condition.text or condition.unit == "s"


@pytest.mark.parametrize(
    ("blame", "severity", "remedy"),
    [
        (
            Blame.BROKEN,
            Severity.WARNING,
            "models verify looks at it again, edge-balancer doctor at the disk",
        ),
        (Blame.CRASHED, Severity.WARNING, "It is not loaded again before the machine has booted."),
        (Blame.UNFIT, Severity.INFO, "Nothing needs to be done. One that knows this feeder can be trained"),
        (Blame.SLOW, Severity.INFO, "it is tried again within a day"),
    ],
)
def test_a_broken_model_is_a_warning_and_one_that_supervision_set_aside_is_not(
    blame: Blame, severity: Severity, remedy: str
) -> None:
    (condition,) = own_conditions.model_demoted(Demotion("worse than the blend", blame))
    assert condition.severity is severity
    assert "set aside: worse than the blend." in condition.text
    assert remedy in condition.text
    assert own_conditions.model_demoted(None) == []


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ""), (2, "h0, h1"), (5, "h0, h1, h2, h3, h4"), (7, "h0, h1, h2, h3, h4 and 2 more")]
)
def test_lists_of_houses_are_cut_short(count: int, expected: str) -> None:
    assert names([f"h{k}" for k in range(count)]) == expected


def test_keys() -> None:
    assert (key_of(AlertKind.STORAGE), key_of(AlertKind.VOLTAGE_LOW, "L2")) == ("storage", "voltage_low/L2")
