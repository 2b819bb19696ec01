"""Episodes: how a condition becomes an alert, stays one, and ends."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.alerts.lifecycle import MOST_EPISODES, AlertBook, Condition, Side
from edge_balancer.settings.policy import AlertSettings
from edge_balancer.types.events import Alert, AlertState, Severity

NAN = math.nan
SETTINGS = AlertSettings(clear_ratio=0.9, confirm_s=60.0, clear_s=300.0)
WALL = 1_763_829_600.0
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def neutral(value: float, severity: Severity = WARNING, confirm_s: float | None = None) -> Condition:
    return Condition("neutral", severity, f"neutral {value:g} A", value, 100.0, "A", confirm_s=confirm_s)


def voltage(value: float, side: Side) -> Condition:
    limit = 253.0 if side is Side.ABOVE else 207.0
    return Condition("v", WARNING, "v", value, limit, "V", confirm_s=0.0, side=side, reference=230.0)


LOCKED = Condition("switch_locked/h1", CRITICAL, "locked", confirm_s=0.0, latched=True)


def run(book: AlertBook, steps: list[tuple[float, list[Condition]]]) -> list[tuple[float, str, str]]:
    """Observe each step; (time, severity, state) of every change."""
    return [
        (now, str(alert.severity), str(alert.state))
        for now, conditions in steps
        for alert in book.observe(now, WALL + now, conditions)
    ]


EPISODES: dict[str, tuple[list[tuple[float, float]], list[tuple[float, str, str]]]] = {
    "never beyond the limit": ([(0, 99), (1000, 100), (2000, 50)], []),
    "a short excursion is not told": ([(0, 120), (59, 120), (60, 99), (61, 120), (120, 120)], []),
    "told once it has lasted": ([(0, 120), (59.9, 120), (60, 120), (61, 130)], [(60, "warning", "active")]),
    "over once gone for long enough": (
        [(0, 120), (60, 120), (70, 80), (369, 80), (370, 80), (371, 80)],
        [(60, "warning", "active"), (370, "warning", "resolved")],
    ),
    "flicker around the limit is one episode": (
        [(0, 120), (60, 120), *((60.0 + 10 * k, 101.0 if k % 2 else 99.0) for k in range(1, 200))],
        [(60, "warning", "active")],
    ),
    "between clearing level and limit it goes on for ever": (
        [(0, 120), (60, 120), *((60.0 + 100 * k, 95.0) for k in range(1, 50))],
        [(60, "warning", "active")],
    ),
    "a relapse while clearing restarts the clearing": (
        [(0, 120), (60, 120), (100, 50), (399, 120), (400, 50), (699, 50), (700, 50)],
        [(60, "warning", "active"), (700, "warning", "resolved")],
    ),
    "a second episode is told anew": (
        [(0, 120), (60, 120), (100, 50), (400, 50), (500, 120), (560, 120)],
        [(60, "warning", "active"), (400, "warning", "resolved"), (560, "warning", "active")],
    ),
    "an unknown value begins nothing": ([(0, NAN), (100, NAN), (200, 120), (230, NAN), (260, 120), (319, 120)], []),
    "an unknown value ends nothing": (
        [(0, 120), (60, 120), (100, NAN), (5000, NAN), (5001, 50), (5300, 50), (5301, 50)],
        [(60, "warning", "active"), (5301, "warning", "resolved")],
    ),
    "a pause of the program ends nothing by itself": (
        [(0, 120), (60, 120), (9000, 50), (9299, 50)],
        [(60, "warning", "active")],
    ),
    "time that goes backwards stands still": (
        [(100, 120), (40, 120), (159, 120), (160, 120)],
        [(160, "warning", "active")],
    ),
}


@pytest.mark.parametrize(("values", "expected"), EPISODES.values(), ids=EPISODES.keys())
def test_an_episode(values: list[tuple[float, float]], expected: list[tuple[float, str, str]]) -> None:
    assert run(AlertBook(SETTINGS), [(now, [neutral(value)]) for now, value in values]) == expected


SEVERITIES: dict[str, tuple[list[tuple[float, Severity | None]], list[tuple[float, str, str]]]] = {
    "a rise is told once it has lasted": (
        [(0, WARNING), (60, WARNING), (70, CRITICAL), (129, CRITICAL), (130, CRITICAL), (131, CRITICAL)],
        [(60, "warning", "active"), (130, "critical", "active")],
    ),
    "a spike of severity is not a rise": (
        [(0, WARNING), (60, WARNING), (70, CRITICAL), (80, WARNING), (90, CRITICAL), (149, CRITICAL)],
        [(60, "warning", "active")],
    ),
    "severity that wavers while pending counts at its lowest": (
        [(0, CRITICAL), (30, WARNING), (60, CRITICAL), (119, CRITICAL), (120, CRITICAL)],
        [(60, "warning", "active"), (120, "critical", "active")],
    ),
    "a fall is told once it has lasted": (
        [(0, CRITICAL), (60, CRITICAL), (100, WARNING), (399, WARNING), (400, WARNING)],
        [(60, "critical", "active"), (400, "warning", "active")],
    ),
    "the end does not wait for each step down": (
        [(0, CRITICAL), (60, CRITICAL), (100, WARNING), (150, None), (400, None), (450, None)],
        [(60, "critical", "active"), (400, "warning", "active"), (450, "warning", "resolved")],
    ),
}


@pytest.mark.parametrize(("levels", "expected"), SEVERITIES.values(), ids=SEVERITIES.keys())
def test_severity(levels: list[tuple[float, Severity | None]], expected: list[tuple[float, str, str]]) -> None:
    steps = [(now, [neutral(120.0, level)] if level else []) for now, level in levels]
    assert run(AlertBook(SETTINGS), steps) == expected


@pytest.mark.parametrize(
    ("side", "values", "ends"),
    [
        (Side.ABOVE, (254.0, 251.0), False),
        (Side.ABOVE, (254.0, 250.6), True),
        (Side.ABOVE, (253.0, 250.6), None),
        (Side.BELOW, (206.0, 209.0), False),
        (Side.BELOW, (206.0, 209.4), True),
        (Side.BELOW, (207.0, 240.0), None),
    ],
)
def test_hysteresis_is_measured_from_the_reference_on_either_side(
    side: Side, values: tuple[float, float], ends: bool | None
) -> None:
    book = AlertBook(SETTINGS)
    changes = run(book, [(0, [voltage(values[0], side)]), *((t, [voltage(values[1], side)]) for t in (10, 310))])
    expected = {None: [], False: ["active"], True: ["active", "resolved"]}[ends]
    assert [state for _, _, state in changes] == expected


@pytest.mark.parametrize(("inclusive", "told"), [(False, 0), (True, 1)])
def test_a_value_on_the_limit_counts_only_where_the_condition_says_so(inclusive: bool, told: int) -> None:
    condition = Condition("n", WARNING, "n", 30.0, 30.0, confirm_s=0.0, inclusive=inclusive)
    assert len(AlertBook(SETTINGS).observe(0.0, WALL, [condition])) == told


@pytest.mark.parametrize(("side", "limit", "reference"), [(Side.ABOVE, 0.0, 0.0), (Side.BELOW, 207.0, 0.0)])
def test_a_limit_on_the_wrong_side_of_its_reference_is_refused(side: Side, limit: float, reference: float) -> None:
    with pytest.raises(ValueError, match="reference"):
        Condition("x", WARNING, "x", 1.0, limit, side=side, reference=reference)


def test_a_condition_without_a_value_holds_while_it_is_handed_in() -> None:
    condition = Condition("storage", CRITICAL, "disk full", confirm_s=0.0)
    assert run(AlertBook(SETTINGS), [(0, [condition]), (500, [condition]), (501, []), (801, [])]) == [
        (0, "critical", "active"),
        (801, "critical", "resolved"),
    ]


def test_the_alert_dates_from_the_first_sign_and_ends_with_its_peak() -> None:
    book = AlertBook(SETTINGS)
    book.observe(0.0, WALL, [neutral(110.0)])
    (raised,) = book.observe(60.0, WALL + 60, [neutral(120.0)])
    assert raised == Alert("neutral", WARNING, AlertState.ACTIVE, WALL, "neutral 120 A", 120.0, 100.0, "A")
    assert book.observe(70.0, WALL + 70, [neutral(180.0)]) == ()
    book.observe(80.0, WALL + 80, [neutral(10.0)])
    assert [alert.value for alert in book.alerts] == [180.0]
    (resolved,) = book.observe(380.0, WALL + 380, [neutral(10.0)])
    assert (resolved.state, resolved.value, resolved.text) == (AlertState.RESOLVED, 180.0, "neutral 180 A")
    assert (resolved.since, book.alerts) == (WALL, ())


def test_the_peak_of_a_low_value_is_its_lowest() -> None:
    book = AlertBook(SETTINGS)
    for now, value in enumerate((206.0, 190.0, 200.0)):
        book.observe(float(now), WALL, [voltage(value, Side.BELOW)])
    assert [alert.value for alert in book.alerts] == [190.0]


def test_an_acknowledged_alert_is_quiet_until_it_rises_or_ends() -> None:
    book = AlertBook(SETTINGS)
    run(book, [(0, [neutral(120.0)]), (60, [neutral(120.0)])])
    acknowledged = book.acknowledge("neutral", "Ana\n" + "x" * 100, WALL + 61)
    assert acknowledged is not None
    assert acknowledged.state is AlertState.ACKNOWLEDGED
    assert acknowledged.text == "neutral 120 A Acknowledged by Ana" + "x" * 61 + " at 2025-11-22 16:41 UTC."
    assert book.acknowledge("neutral", "Bob", WALL + 62) is None
    steps = [(t, [neutral(150.0, CRITICAL)]) for t in (100.0, 160.0)]
    assert run(book, steps) == [(160, "critical", "active")], "a rise was not what was acknowledged"
    assert "Ana" not in book.alerts[0].text
    assert run(book, [(t, []) for t in (200.0, 500.0)]) == [(500, "critical", "resolved")]


@pytest.mark.parametrize("observed", [[], [(0.0, [neutral(120.0)])]])
def test_what_is_not_told_cannot_be_acknowledged_or_cleared(observed: list[tuple[float, list[Condition]]]) -> None:
    book = AlertBook(SETTINGS)
    run(book, observed)
    assert book.acknowledge("neutral", "Ana", WALL) is None
    assert book.clear("neutral") is None


def test_a_latched_alert_stays_until_a_person_clears_it() -> None:
    book = AlertBook(SETTINGS)
    assert run(book, [(0, [LOCKED]), (10, []), (10_000, []), (20_000, [])]) == [(0, "critical", "active")]
    cleared = book.clear(LOCKED.key)
    assert cleared is not None
    assert (cleared.state, book.alerts) == (AlertState.RESOLVED, ())
    assert run(book, [(20_001, [])]) == []
    assert run(book, [(20_002, [LOCKED])]) == [(20_002, "critical", "active")]


RESTORED = Alert("neutral", WARNING, AlertState.ACKNOWLEDGED, WALL - 900, "neutral 130 A", 130.0, 100.0, "A")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (120.0, []),
        (95.0, []),
        (NAN, []),
        (50.0, [(1300.0, "warning", "resolved")]),
        (None, [(1300.0, "warning", "resolved")]),
    ],
)
def test_a_restored_alert_is_not_told_again_and_ends_only_after_being_seen_gone(
    value: float | None, expected: list[tuple[float, str, str]]
) -> None:
    book = AlertBook(SETTINGS, [RESTORED])
    assert book.alerts == (RESTORED,)
    conditions = [] if value is None else [neutral(value)]
    assert run(book, [(t, conditions) for t in (1000.0, 1299.0, 1300.0)]) == expected


def test_a_restored_alert_keeps_its_date_and_the_worse_of_both_peaks() -> None:
    book = AlertBook(SETTINGS, [RESTORED])
    for now, value in ((0.0, 110.0), (1.0, 140.0)):
        book.observe(now, WALL, [neutral(value)])
        (alert,) = book.alerts
        assert (alert.value, alert.since, alert.state) == (max(value, 130.0), WALL - 900, AlertState.ACKNOWLEDGED)


def test_a_restored_lock_out_is_still_latched_and_a_resolved_alert_is_not_taken_up() -> None:
    lock = Alert(LOCKED.key, CRITICAL, AlertState.ACTIVE, WALL, "locked")
    over = Alert("storage", CRITICAL, AlertState.RESOLVED, WALL, "over")
    book = AlertBook(SETTINGS, [lock, over])
    assert book.alerts == (lock,)
    assert run(book, [(0, []), (1e6, [])]) == []


def test_of_two_conditions_with_one_key_the_worse_counts() -> None:
    book = AlertBook(SETTINGS)
    both = [neutral(50.0, CRITICAL, 0.0), neutral(120.0, WARNING, 0.0), neutral(110.0, WARNING, 0.0)]
    (alert,) = book.observe(0.0, WALL, both)
    assert (alert.severity, alert.value) == (WARNING, 120.0)


def test_the_book_is_bounded() -> None:
    book = AlertBook(SETTINGS)
    many = [Condition(f"k{k}", WARNING, "x", confirm_s=0.0) for k in range(MOST_EPISODES + 7)]
    assert len(book.observe(0.0, WALL, many)) == MOST_EPISODES
    assert book.overflow == 7


step = st.tuples(
    st.floats(-10.0, 200.0),
    st.dictionaries(
        st.sampled_from("abc"),
        st.tuples(
            st.sampled_from([NAN, 50.0, 95.0, 100.0, 101.0, 300.0]),
            st.sampled_from(list(Severity)),
            st.sampled_from([None, 0.0, 30.0]),
        ),
    ),
    st.sampled_from(["", "", "ack a", "clear b", "restart"]),
)


@given(st.lists(step, max_size=60))
def test_no_sequence_raises_twice_resolves_twice_or_tells_what_was_not_there(
    steps: list[tuple[float, dict[str, tuple[float, Severity, float | None]], str]],
) -> None:
    book, now = AlertBook(SETTINGS), 0.0
    told: set[str] = set()
    changes: Counter[AlertState] = Counter()
    for dt, values, action in steps:
        now += dt
        conditions = [
            Condition(key, severity, key, value, 100.0, confirm_s=confirm_s)
            for key, (value, severity, confirm_s) in values.items()
        ]
        violated = {c.key for c in conditions if c.violated}
        for alert in book.observe(now, WALL + now, conditions):
            changes[alert.state] += 1
            if alert.state is AlertState.RESOLVED:
                assert alert.key in told, "resolved without having been told"
                assert alert.key not in violated
                told.remove(alert.key)
            elif alert.key not in told:
                assert alert.key in violated, "told without its condition"
                assert alert.value is not None
                assert alert.value > 100.0
                told.add(alert.key)
        if action == "clear b" and book.clear("b") is not None:
            told.remove("b")
        if action == "ack a":
            assert (book.acknowledge("a", "x", WALL) is not None) <= ("a" in told)
        if action == "restart":
            book = AlertBook(SETTINGS, book.alerts)
        assert {alert.key for alert in book.alerts} == told
