"""The forecast that knows what runs: it sees a use to its end once it has begun, and before that only the habit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_balancer.benchmark.case import Case
from edge_balancer.benchmark.ongoing import Ongoing
from edge_balancer.benchmark.oracle import Oracle
from edge_balancer.benchmark.persistence import Persistence
from edge_balancer.benchmark.scenarios import households, make_case, scenario
from edge_balancer.forecast.horizon import horizon
from edge_balancer.twin.households import Population

LOOKING = horizon(25.0)
WHAT = replace(scenario("skewed-pv-ev"), houses=8, step_s=60)


@pytest.fixture(scope="module")
def population() -> Population:
    return households(WHAT, 3)


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case(WHAT, 3, 2)


@pytest.fixture(scope="module")
def ongoing(case: Case, population: Population) -> Ongoing:
    return Ongoing(case, population)


def test_a_use_is_unknown_until_it_begins_and_known_to_its_end_from_then_on(
    case: Case, population: Population, ongoing: Ongoing
) -> None:
    pulses = population.day_pulses(population.site.local_day(int(case.start)) + 1)
    # Long, strong and undivided, in the middle of the day: a car or a boiler.
    long = np.flatnonzero(
        (pulses.kind != 1000)
        & (pulses.p > 1500.0)
        & (pulses.end - pulses.start > 1800)
        & (pulses.start < case.start + 3.5 * 86400)
    )
    assert len(long) > 0
    for one in long.tolist():
        house, begins = int(pulses.house[one]), float(pulses.start[one])
        before = ongoing.forecast(begins - 1.0, LOOKING)[house, :3].real
        after = ongoing.forecast(begins, LOOKING)[house, :3].real
        # Half an hour of it lies in the first three blocks, and a second of time changes little else.
        np.testing.assert_allclose(after - before, pulses.p[one], atol=0.05 * pulses.p[one])


def test_it_knows_more_than_persistence_less_than_the_oracle_and_is_wrong_to_both_sides(
    case: Case, ongoing: Ongoing
) -> None:
    error = ongoing.error_va(1.0)
    assert (error > 300.0).all()
    assert (error < 0.8 * Persistence(case).error_va(1.0)).all()
    truth = Oracle(case)
    off = np.array(
        [
            (truth.forecast(case.start + at, LOOKING) - ongoing.forecast(case.start + at, LOOKING)).real.sum(axis=0)
            for at in np.linspace(0.0, 3.5 * 86400.0, 500).tolist()
        ]
    )
    assert (np.abs(off.mean(axis=0)) < 0.35 * off.std(axis=0)).all()
