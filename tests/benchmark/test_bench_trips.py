"""Inverters that trip count: in what is judged, in what foresight plans for, in what rules hear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_balancer.benchmark.case import Case, neutral, operations_of
from edge_balancer.benchmark.pairwise import Effort, best_known, polished
from edge_balancer.benchmark.results import result
from edge_balancer.benchmark.schedule import Schedule
from edge_balancer.benchmark.search import Search
from edge_balancer.benchmark.trips import Trips, lost_w, tripped
from edge_balancer.types.phases import ROTATION
from tests.benchmark.bench_cases import small_case


def quiet(_text: str) -> None:
    pass


@pytest.mark.parametrize(
    ("step_s", "late", "slots", "first", "last"),
    [
        (10.0, 0.0, 30, 1.0, 1.0),
        (10.0, 0.3, 31, 0.7, 0.3),
        (60.0, 0.0, 5, 1.0, 1.0),
        (60.0, 0.05, 6, 0.95, 0.05),
        (900.0, 0.0, 1, 1 / 3, 1 / 3),
        (70.0, 0.0, 5, 1.0, 2 / 7),
    ],
)
def test_an_inverter_is_away_for_its_time_on_any_grid(
    step_s: float, late: float, slots: int, first: float, last: float
) -> None:
    case = small_case(2, 80, seed=1, step_s=step_s, pv_w=700.0)
    schedule = np.repeat(case.initial[np.newaxis], 80, axis=0)
    schedule[40:, 1] = (schedule[40:, 1] + 1) % 3
    lost = lost_w(case, Schedule(schedule, 0, {(40, 1): late}))
    assert lost[:, 0].max() == 0.0
    assert np.flatnonzero(lost[:, 1]).tolist() == list(range(40, 40 + slots))
    assert lost[40, 1] == pytest.approx(700.0 * first)
    assert lost[39 + slots, 1] == pytest.approx(700.0 * last)
    assert lost.sum() == pytest.approx(700.0 * 300.0 / step_s)
    told = Trips(case)
    assert told.moved(1, 40, late) == (40, 40 + slots)
    assert np.allclose(told.lost_w(1, slice(0, 80)), lost[:, 1])
    wanted = lost[:, 1] / 230.0 * ROTATION[schedule[:, 1]]
    assert np.allclose(tripped(case, schedule, lost), wanted)


def test_two_moves_within_the_time_lose_no_more_than_all() -> None:
    case = small_case(1, 60, seed=1, step_s=10.0, pv_w=1000.0)
    schedule = np.repeat(case.initial[np.newaxis], 60, axis=0)
    schedule[10:20] = (schedule[10:20] + 1) % 3
    assert result(case, "some", 1, "ours", 2.0, schedule).pv_lost_kwh == pytest.approx(400.0 / 3600.0)


def test_a_house_without_a_roof_trips_nothing() -> None:
    case = small_case(2, 20, seed=1)
    assert Trips(case).moved(0, 4) == (4, 4)


@pytest.fixture(scope="module")
def sunny() -> Case:
    """Four houses of which two export much, over a day of minutes."""
    case = small_case(4, 1440, seed=5, step_s=60.0)
    rng = np.random.default_rng(2)
    hours = np.repeat(rng.uniform(0.2, 1.0, (48, 4)), 30, axis=0)
    pv = hours * np.array([4000.0, 3000.0, 0.0, 0.0])
    load = np.repeat(rng.uniform(200.0, 2500.0, (72, 4)), 20, axis=0)
    return replace(case, power=(load - pv).astype(np.complex64), pv_w=pv.astype(np.float32))


def test_the_search_knows_what_its_schedule_costs_with_trips(sunny: Case) -> None:
    search = Search(sunny, np.repeat(sunny.initial[np.newaxis], 1440, axis=0), 40)
    search.price = 2.0
    rng = np.random.default_rng(1)
    at_noon = search.schedule()
    at_noon[700:, 0] = (at_noon[700:, 0] + 1) % 3
    search.take(at_noon)
    assert search.cost_a == pytest.approx(result(sunny, "some", 1, "foresight", 2.0, at_noon).mean_a, rel=1e-4)
    for _ in range(3):
        search.singles(rng)
        search.improve((0, 1))
        search.improve((1, 2))
        schedule = search.schedule()
        judged = result(sunny, "some", 1, "foresight", 2.0, schedule)
        assert search.cost_a == pytest.approx(judged.mean_a, rel=1e-4)
        assert search.found().cost_a == pytest.approx(judged.mean_a)
        assert judged.operations > 1.0


def test_cheap_operations_are_used_also_where_a_tripped_inverter_relieves_the_neutral(sunny: Case) -> None:
    # All roofs on one phase at noon: without them the feeder would be better off, so every trip seems a gain.
    crowded = replace(sunny, initial=np.zeros(4, dtype=np.int8))
    rng = np.random.default_rng(1)
    used = []
    for price in (100.0, 10.0, 0.5):
        search = Search(crowded, np.repeat(crowded.initial[np.newaxis], 1440, axis=0), 1000)
        search.price = price
        for _ in range(4):
            search.singles(rng)
        used.append(search.operations)
    assert used[0] < used[1] < used[2]
    assert used[2] > 60


def test_no_improvement_makes_it_dearer(sunny: Case) -> None:
    search = Search(sunny, np.repeat(sunny.initial[np.newaxis], 1440, axis=0), 40)
    search.price = 30.0
    rng = np.random.default_rng(1)
    before = np.inf
    for _ in range(12):
        search.improve(tuple(rng.choice(4, int(rng.integers(1, 3)), replace=False).tolist()))
        after = search.cost_a * 1440.0 + 30.0 * search.operations
        assert after <= before * (1.0 + 1e-5)
        before = after


def test_what_foresight_plans_with_trips_beats_what_it_plans_without(sunny: Case) -> None:
    def best(case: Case) -> float:
        known = best_known(case, (6.0,), sunny.initial, Effort(rounds=1), np.random.default_rng(1), quiet)[6.0]
        return result(sunny, "some", 1, "foresight", 6.0, known.schedule).mean_a

    careless = replace(sunny, pv_w=np.zeros_like(sunny.pv_w))
    assert best(sunny) < best(careless)


def test_polishing_on_finer_slots_keeps_to_the_rules_and_gains(sunny: Case) -> None:
    rng = np.random.default_rng(4)
    power = np.repeat(sunny.power, 6, axis=0) * rng.uniform(0.7, 1.3, (8640, 4))
    fine = replace(sunny, power=power, pv_w=np.repeat(sunny.pv_w, 6, axis=0), step_s=10.0)
    coarse = fine.averaged(60.0)
    known = best_known(coarse, (3.0,), coarse.initial, Effort(rounds=1), rng, quiet)[3.0]
    plain = np.repeat(known.schedule, 6, axis=0)
    done = polished(fine, 3.0, known, rng, quiet)
    assert done.cost_a <= result(fine, "some", 1, "foresight", 3.0, plain).mean_a
    assert done.operations == operations_of(done.schedule).sum() <= fine.operations(3.0)
    assert operations_of(done.schedule).max() <= 6


def test_means_over_longer_slots_keep_energy_and_phases() -> None:
    case = small_case(3, 120, seed=3, history=60, step_s=10.0, pv_w=5.0)
    minutes = case.averaged(60.0)
    assert (minutes.slots, minutes.judged, minutes.step_s) == (30, 10, 60.0)
    assert np.allclose(minutes.power.sum(axis=0) * 6, case.power.sum(axis=0))
    assert case.averaged(10.0) is case
    current = np.abs(neutral(case.own, case.initial)).reshape(-1, 6).mean(axis=1)
    assert (current >= np.abs(neutral(minutes.own, case.initial)) - 1e-12).all()
    with pytest.raises(ValueError, match=r"slots of 10 s do not make up slots of 70 s"):
        case.averaged(70.0)
