"""Means over wall-clock minutes: nothing is invented for what was not measured."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_balancer.settings.policy import TelemetrySettings
from edge_balancer.telemetry.latest import LatestReadings
from edge_balancer.telemetry.minutes import MinuteMeans
from edge_balancer.types.readings import NAN, Reading, ThreePhaseReading
from edge_balancer.types.snapshot import FeederState, MinuteMean, PhaseState
from edge_balancer.types.switching import Mode

PHASES = np.array([0, 2], dtype=np.int8)


def minutes_of(*readings: Reading) -> MinuteMeans:
    means = MinuteMeans(("a", "b"))
    means.turn(600.0, PHASES)
    latest = LatestReadings(("a", "b"), TelemetrySettings())
    for reading in readings:
        for batch in latest.take([reading]):
            means.add(batch)
    return means


def test_a_minute_is_the_mean_of_its_readings() -> None:
    means = minutes_of(
        Reading("a", 1.0, 100.0, 10.0, 229.0), Reading("a", 2.0, 300.0, 30.0, 233.0), Reading("b", 1.0, -50.0)
    )
    rows, _ = means.turn(660.0, PHASES)
    a, b = rows
    assert a == MinuteMean(600, "a", 0, 200.0, 20.0, 229.0, 231.0, 233.0, 2)
    assert (b.house, b.phase, b.p, b.readings) == ("b", 2, -50.0, 1)
    assert all(math.isnan(value) for value in (b.q, b.v_min, b.v_mean, b.v_max))


def test_what_one_reading_left_out_does_not_pull_the_mean() -> None:
    means = minutes_of(Reading("a", 1.0, 100.0, 10.0, 230.0), Reading("a", 2.0, 300.0))
    ((row,), _) = means.turn(660.0, PHASES)
    assert (row.p, row.q, row.v_mean, row.readings) == (200.0, 10.0, 230.0, 2)


@pytest.mark.parametrize("wall", [600.0, 601.5, 659.999])
def test_the_running_minute_is_not_closed(wall: float) -> None:
    assert minutes_of(Reading("a", 1.0, 100.0)).turn(wall, PHASES) == ((), ())


@pytest.mark.parametrize("wall", [660.0, 10_000.0, 599.0])
def test_another_minute_closes_it_also_when_the_clock_is_set(wall: float) -> None:
    means = minutes_of(Reading("a", 1.0, 100.0))
    ((row,), _) = means.turn(wall, PHASES)
    assert row.minute == 600
    assert means.turn(wall + 60.0, PHASES) == ((), ()), "a minute without readings has no row"


def test_three_phase_readings_have_a_row_for_each_phase() -> None:
    means = minutes_of()
    means.add_three_phase([ThreePhaseReading("transformer", 1.0, (100.0, 200.0, 300.0), v=(230.0, NAN, 228.0))])
    means.add_three_phase([ThreePhaseReading("transformer", 2.0, (300.0, 400.0, 500.0), v=(232.0, NAN, NAN))])
    rows, _ = means.turn(660.0, PHASES)
    assert [(row.house, row.phase, row.p, row.readings) for row in rows] == [
        ("transformer/L1", 0, 200.0, 2),
        ("transformer/L2", 1, 300.0, 2),
        ("transformer/L3", 2, 400.0, 2),
    ]
    assert [row.v_mean for row in rows] == pytest.approx([231.0, NAN, 228.0], nan_ok=True)
    assert (rows[0].v_min, rows[0].v_max) == (230.0, 232.0)


def feeder(i_n: float, v_max: float | None) -> FeederState:
    phase = PhaseState(p=100.0 * i_n, q=0.0, i=1.0, v_min=v_max, v_mean=v_max, v_max=v_max, houses=1, export_w=0.0)
    return FeederState(t=0.0, l1=phase, l2=phase, l3=phase, i_n=i_n, imbalance=2 * i_n, coverage=0.5, mode=Mode.AUTO)


def test_the_feeder_s_minute_has_mean_and_peak() -> None:
    means = minutes_of()
    for state in (feeder(10.0, 231.0), feeder(20.0, None), feeder(30.0, 235.0)):
        means.add_feeder(state)
    _, (row,) = means.turn(660.0, PHASES)
    assert (row.minute, row.i_n, row.i_n_max, row.imbalance, row.coverage) == (600, 20.0, 30.0, 40.0, 0.5)
    assert row.p == pytest.approx((2000.0, 2000.0, 2000.0))
    assert (row.v_max, row.v_min) == ((235.0,) * 3, (231.0,) * 3)
    assert means.turn(720.0, PHASES) == ((), ())
