"""When moves are looked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_balancer.decision.triggers import Threshold, Triggers
from edge_balancer.types.decisions import Trigger
from tests.decision.cases import roster_of, situation
from tests.support.configuration import make_config

NAN = math.nan


@pytest.mark.parametrize(
    ("confirm_s", "values", "expected"),
    [
        pytest.param(0, [(0, 10.0)], [True], id="at the level at once"),
        pytest.param(0, [(0, 9.9)], [False], id="below the level"),
        pytest.param(30, [(0, 12), (29, 12), (30, 12)], [False, False, True], id="confirmed by time"),
        pytest.param(
            30, [(0, 12), (20, 9), (35, 12), (64, 12), (65, 12)], [False] * 4 + [True], id="a dip begins anew"
        ),
        pytest.param(0, [(0, 12), (1, 8), (2, 7.0), (3, 6.9)], [True, True, True, False], id="released below 7 only"),
        pytest.param(0, [(0, 12), (1, NAN), (2, 6), (3, NAN)], [True, True, False, False], id="NaN changes nothing"),
        pytest.param(30, [(0, 12), (10, NAN), (31, 12), (61, 12)], [False] * 3 + [True], id="NaN confirms nothing"),
        pytest.param(5, [(0.1, 12), (5.1, 12)], [False, True], id="exactly when it said it would be due"),
    ],
)
def test_threshold(confirm_s: float, values: list[tuple[float, float]], expected: list[bool]) -> None:
    threshold = Threshold(10.0, 7.0, confirm_s)
    assert [threshold.update(now, value) for now, value in values] == expected


def test_it_says_when_a_pending_confirmation_completes() -> None:
    threshold = Threshold(10.0, 7.0, 30.0)
    assert threshold.due() is None
    threshold.update(100.0, 12.0)
    assert threshold.due() == 130.0
    threshold.update(110.0, NAN)
    assert threshold.due() is None, "what nobody saw stay is not due at any time"
    threshold.update(111.0, 12.0)
    threshold.update(141.0, 12.0)
    assert threshold.due() is None


CONFIG = make_config(3, decision={"neutral_trigger_a": 10.0, "voltage_confirm_s": 0})
CALM = [1000.0, 1000.0, 1000.0]


@pytest.mark.parametrize(
    ("loads", "neutral_a", "changed", "expected"),
    [
        pytest.param(CALM, 5.0, {}, None, id="all calm"),
        pytest.param(CALM, 12.0, {}, (Trigger.IMBALANCE, 12.0, 10.0), id="neutral current"),
        pytest.param([-6000.0, 0, 0], 26.0, {}, (Trigger.INJECTION, 6000.0, 4600.0), id="solar explains it"),
        pytest.param([-6000.0, 0, 0], 60.0, {}, (Trigger.IMBALANCE, 60.0, 10.0), id="solar is the smaller part"),
        pytest.param(CALM, NAN, {"v_max": [254.0, 230, 230]}, (Trigger.VOLTAGE, 254.0, 253.0), id="high voltage"),
        pytest.param(CALM, 12.0, {"v_min": [230, 206.0, 230]}, (Trigger.VOLTAGE, 206.0, 207.0), id="gravest is named"),
        pytest.param(CALM, 5.0, {"v_max": [NAN] * 3, "v_min": [NAN] * 3}, None, id="no voltage is measured"),
    ],
)
def test_the_trigger_that_is_named(
    loads: list[float], neutral_a: float, changed: dict[str, list[float]], expected: tuple[Trigger, float, float] | None
) -> None:
    roster = roster_of(CONFIG)
    s = situation(CONFIG, roster, loads, **{name: np.array(value) for name, value in changed.items()})
    assert Triggers(CONFIG).update(s, neutral_a, roster.phase) == (
        None if expected is None else pytest.approx(expected)
    )


def test_a_voltage_must_come_back_inside_its_limit_to_release() -> None:
    roster = roster_of(CONFIG)
    triggers = Triggers(CONFIG)

    def at(volts: float) -> bool:
        s = situation(CONFIG, roster, CALM, v_max=np.full(3, volts))
        return triggers.update(s, 0.0, roster.phase) is not None

    assert [at(volts) for volts in (252.9, 253.1, 252.5, 251.9)] == [False, True, True, False]
