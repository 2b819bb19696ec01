"""The last reading of each house: what is fresh, and what is passed over."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edge_balancer.settings.policy import TelemetrySettings
from edge_balancer.telemetry.latest import LatestReadings
from edge_balancer.types.readings import TRANSFORMER, Reading, ThreePhaseReading


def latest(**settings: Any) -> LatestReadings:
    return LatestReadings(("a", "b", "mill"), TelemetrySettings(**settings))


def test_nothing_is_fresh_before_anything_was_heard() -> None:
    readings = latest()
    assert not readings.fresh(0.0).any()
    assert np.isnan(readings.p).all()
    assert readings.fresh_transformer(0.0) is None


@pytest.mark.parametrize(
    ("gaps", "age", "fresh"),
    [
        pytest.param([], 180.0, True, id="one reading, at the limit"),
        pytest.param([], 180.1, False, id="one reading, beyond the limit"),
        pytest.param([10.0] * 5, 181.0, False, id="a quick meter has the common limit"),
        pytest.param([300.0], 750.0, True, id="a slow meter has 2.5 of its periods"),
        pytest.param([300.0], 751.0, False, id="and no more"),
        pytest.param([7200.0], 2700.0, True, id="an outage is no period: the longest age holds"),
        pytest.param([7200.0], 2701.0, False, id="beyond the longest age"),
        pytest.param([300.0] + [10.0] * 30, 190.0, False, id="a meter that has become quick"),
        pytest.param([0.0], 200.0, False, id="the same instant twice is no period"),
    ],
)
def test_freshness_follows_the_meter_s_own_rhythm(gaps: list[float], age: float, fresh: bool) -> None:
    readings = latest()
    at = 1000.0
    readings.take([Reading("a", at, 1.0)])
    for gap in gaps:
        at += gap
        readings.take([Reading("a", at, 1.0)])
    assert bool(readings.fresh(at + age)[0]) is fresh
    assert bool(age <= readings.stale_limits_s[0]) is fresh


@pytest.mark.parametrize(
    ("lost", "least", "most"),
    [
        pytest.param([], 0.0, 0.01, id="a good radio"),
        pytest.param([100], 0.0, 0.02, id="an outage of an hour is one loss"),
        pytest.param([k for k in range(300) if k % 5 == 0], 0.15, 0.3, id="one in five lost"),
    ],
)
def test_the_share_of_late_readings_tells_a_bad_radio_from_an_outage(
    lost: list[int], least: float, most: float
) -> None:
    readings, at = latest(), 1000.0
    for k in range(300):
        at += 3600.0 if lost == [100] == [k] else 60.0
        if k not in lost or lost == [100]:
            readings.take([Reading("a", at, 1.0)])
    assert least <= readings.late[0] <= most


@pytest.mark.parametrize(
    ("taken", "rounds", "p"),
    [
        pytest.param([("a", 1, 10.0), ("b", 1, 20.0)], [[0, 1]], [10.0, 20.0], id="one each"),
        pytest.param([("a", 1, 10.0), ("a", 2, 11.0), ("b", 1, 20.0)], [[0, 1], [0]], [11.0, 20.0], id="one twice"),
        pytest.param([("a", 3, 10.0), ("a", 2, 11.0)], [[0]], [10.0, math.nan], id="out of order"),
        pytest.param(
            [("a", 3, 10.0), ("a", 3, 11.0)], [[0], [0]], [11.0, math.nan], id="the same instant: the last one"
        ),
        pytest.param([("x", 1, 10.0)], [], [math.nan, math.nan], id="not configured"),
        pytest.param([], [], [math.nan, math.nan], id="nothing"),
        pytest.param([("a", 1, 1.0), ("a", 2, 2.0), ("a", 3, 3.0)], [[0], [0], [0]], [3.0, math.nan], id="in order"),
    ],
)
def test_readings_are_given_back_in_rounds_of_distinct_houses(
    taken: list[tuple[str, float, float]], rounds: list[list[int]], p: list[float]
) -> None:
    readings = latest()
    got = readings.take([Reading(house, at, p_w) for house, at, p_w in taken])
    assert [batch.index.tolist() for batch in got] == rounds
    assert readings.p[:2].tolist() == pytest.approx(p, nan_ok=True)


def test_an_older_reading_of_a_later_batch_is_passed_over() -> None:
    readings = latest()
    readings.take([Reading("a", 100.0, 5.0, v=231.0)])
    assert readings.take([Reading("a", 99.0, 6.0)]) == []
    assert (readings.p[0], readings.v[0], readings.at[0]) == (5.0, 231.0, 100.0)


def test_a_value_that_was_not_sent_does_not_live_on() -> None:
    readings = latest()
    readings.take([Reading("a", 1.0, 5.0, q=2.0, v=231.0)])
    readings.take([Reading("a", 2.0, 6.0)])
    assert np.isnan([readings.q[0], readings.v[0]]).all()


def test_three_phase_readings_are_kept_by_phase() -> None:
    readings = latest()
    readings.take_three_phase([ThreePhaseReading("mill", 10.0, (1.0, 2.0, 3.0), v=(230.0, 231.0, 232.0))])
    readings.take_three_phase([ThreePhaseReading("mill", 9.0, (7.0, 7.0, 7.0)), ThreePhaseReading("x", 1.0, (0, 0, 0))])
    assert readings.p3[2].tolist() == [1.0, 2.0, 3.0]
    assert readings.q3[2].tolist() == [0.0, 0.0, 0.0], "reactive power that is not measured counts as none"
    assert readings.fresh(20.0).tolist() == [False, False, True]


def test_the_transformer_is_fresh_only_for_a_while_and_never_goes_back() -> None:
    readings = latest()
    newest = ThreePhaseReading(TRANSFORMER, 100.0, (1.0, 2.0, 3.0))
    readings.take_three_phase([newest, ThreePhaseReading(TRANSFORMER, 90.0, (9.0, 9.0, 9.0))])
    assert readings.fresh_transformer(280.0) == newest
    assert readings.fresh_transformer(280.1) is None
