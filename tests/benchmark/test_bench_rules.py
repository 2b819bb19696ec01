"""The rules that the engine is compared with do what their names promise, and see nothing that lies ahead."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from edge_balancer.benchmark.case import Case, Phases, neutral, operations_of
from edge_balancer.benchmark.meters import Metered
from edge_balancer.benchmark.options import BenchOptions
from edge_balancer.benchmark.rules import ThresholdRule, _Field, _greedy, _reach, greedy_schedule, threshold_schedule
from edge_balancer.benchmark.runs import _Bench
from edge_balancer.benchmark.scenarios import Meters, Switches, scenario
from edge_balancer.benchmark.schedule import Schedule
from edge_balancer.benchmark.static import best_fixed
from tests.benchmark.bench_cases import small_case


def threshold(case: Case, rule: ThresholdRule, delay_s: float = 0.0) -> Phases:
    meters = Meters(case.step_s, delay_s, accuracy_pct=0.0)
    return threshold_schedule(case, rule, meters, Switches(time_s=0.0), 1).phase


def greedy(case: Case, per_house_day: float, delay_s: float = 0.0) -> Phases:
    return greedy_schedule(case, per_house_day, Meters(case.step_s, delay_s), Switches(time_s=0.0), 1).phase


def steady(watts: list[float], phases: list[int], slots: int = 8, step_s: float = 60.0) -> Case:
    houses = len(watts)
    return Case(
        np.tile(np.array(watts, dtype=np.complex128), (slots, 1)),
        np.zeros((slots, houses)),
        np.ones(houses, dtype=bool),
        np.array(phases, dtype=np.int8),
        step_s,
        0.0,
        0,
    )


@pytest.mark.parametrize(
    ("watts", "phases", "after"),
    [
        # A spread of exactly the threshold is left alone, one above it is not.
        ([75.0, 75.0, 0.0], [0, 0, 1], [0, 0, 1]),
        ([76.0, 75.0, 0.0], [0, 0, 1], [1, 0, 1]),
        # Half the spread is the best house to move.
        ([100.0, 500.0, 900.0, 200.0, 200.0], [0, 0, 0, 1, 2], [0, 1, 0, 1, 2]),
        # An exporting house may go to the loaded phase as well.
        ([-1000.0, -1000.0], [1, 1], [2, 1]),
        # One house on a phase of its own: wherever it goes, nothing is gained.
        ([4000.0, 0.0, 0.0], [0, 1, 2], [0, 1, 2]),
    ],
)
def test_the_threshold_rule_moves_the_best_house(watts: list[float], phases: list[int], after: list[int]) -> None:
    schedule = threshold(steady(watts, phases), ThresholdRule())
    assert schedule[0].tolist() == phases
    assert schedule[1].tolist() == after


@pytest.mark.parametrize(
    ("cooldown_s", "step_s", "moves_after"),
    [(6.0, 60.0, [0, 1, 2, 3]), (6.0, 1.0, [0, 1, 1, 1, 1, 1, 1, 2]), (120.0, 60.0, [0, 1, 1, 2])],
)
def test_the_threshold_rule_waits_for_its_cooldown(cooldown_s: float, step_s: float, moves_after: list[int]) -> None:
    case = steady([1000.0] * 9, [0] * 9, slots=12, step_s=step_s)
    schedule = threshold(case, ThresholdRule(cooldown_s=cooldown_s))
    assert (schedule != 0).sum(axis=1).tolist()[: len(moves_after)] == moves_after


def test_houses_without_a_switch_stay_under_every_rule() -> None:
    case = small_case(6, 60, seed=1, history=60, switchable=(0, 2))
    held = [1, 3, 4, 5]
    for schedule in (threshold(case, ThresholdRule()), greedy(case, 400.0)):
        assert (schedule[:, held] == case.initial[held]).all()
        assert operations_of(schedule).sum() > 0


@pytest.mark.parametrize("name", ["greedy", "threshold"])
def test_no_rule_sees_what_lies_ahead(name: str) -> None:
    case = small_case(6, 120, seed=4, history=240)
    later = case.power.copy()
    later[300:] = later[300:, ::-1]
    other = replace(case, power=later)
    one, two = (greedy(c, 400.0) if name == "greedy" else threshold(c, ThresholdRule()) for c in (case, other))
    assert np.array_equal(one[:301], two[:301])
    assert not np.array_equal(one[301:], two[301:])


def test_the_greedy_rule_meets_its_budget_on_the_history() -> None:
    case = small_case(8, 60, seed=6, history=1440)
    used = [operations_of(greedy(case, budget)[:1440]).sum() for budget in (4.0, 8.0, 40.0)]
    assert used == sorted(used)
    for budget, operations in zip((4.0, 8.0, 40.0), used, strict=True):
        assert 0.5 * budget * 8 <= operations <= budget * 8


def test_an_electrician_needs_no_switches_and_keeps_to_the_houses_that_are_named() -> None:
    case = small_case(6, 60, seed=1, history=60, switchable=(0, 2))
    every = best_fixed(case, slice(0, 60), np.random.default_rng(1))
    some = best_fixed(case, slice(0, 60), np.random.default_rng(1), case.movable)
    assert (every != case.initial)[[1, 3, 4, 5]].any()
    assert (some[[1, 3, 4, 5]] == case.initial[[1, 3, 4, 5]]).all()
    costs = [np.abs(case.rows(slice(0, 60), phase)).mean() for phase in (every, some, case.initial)]
    assert costs == sorted(costs)


def test_the_best_fixed_phases_hardly_hang_on_what_was_drawn() -> None:
    # More slots than are searched on at once, and more houses than can be tried through.
    case = small_case(20, 11_000, seed=3, step_s=10.0)
    found = [best_fixed(case, slice(0, None), np.random.default_rng(seed)) for seed in (1, 2)]
    costs = [float(np.abs(case.rows(slice(0, None), phase)).mean()) for phase in found]
    assert max(costs) < 1.01 * min(costs)


def test_a_rule_s_move_counts_from_the_instant_at_which_the_switch_has_moved() -> None:
    case = steady([1000.0] * 3, [0] * 3, step_s=10.0)
    schedule = threshold_schedule(case, ThresholdRule(), Meters(delay_s=1.0), Switches(time_s=2.0), 1)
    first, second, *_ = schedule.moves()
    assert (first.slot, second.slot) == (1, 2)
    assert first.part == pytest.approx(0.3)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_fixed_phases_of_few_houses_are_the_best_of_all(seed: int) -> None:
    case = small_case(6, 50, seed=seed)
    found = best_fixed(case, slice(0, None), np.random.default_rng(1))
    every = (np.array(places, dtype=np.int8) for places in itertools.product(range(3), repeat=6))
    least = min(float(np.abs(neutral(case.own, phase)).mean()) for phase in every)
    assert float(np.abs(neutral(case.own, found)).mean()) == pytest.approx(least)


def test_what_takes_long_on_its_way_is_acted_on_later() -> None:
    case = steady([1000.0] * 6, [0] * 6, slots=12, step_s=10.0)
    prompt, late = (threshold(case, ThresholdRule(), delay_s) for delay_s in (1.0, 34.0))
    assert np.flatnonzero((prompt != 0).any(axis=1))[0] == 1
    assert np.flatnonzero((late != 0).any(axis=1))[0] == 4
    greedy_prompt, greedy_late = (greedy(small_case(4, 90, seed=3, step_s=60.0), 900.0, d) for d in (0.0, 120.0))
    assert operations_of(greedy_prompt).sum() > 0
    assert not np.array_equal(greedy_prompt, greedy_late)


@pytest.mark.parametrize("period_s", [60.0, 180.0])
def test_where_the_greedy_rule_does_not_look_there_is_no_move(period_s: float) -> None:
    case = small_case(5, 600, seed=9, pv_w=1500.0)
    metered = Metered(case, Meters(period_s, loss=0.1 if period_s > 60.0 else 0.0), 1)
    for least_gain_a in (2.0, 8.0, 14.0):
        looked, everywhere = (_Field(case, metered, Switches()) for _ in range(2))
        _greedy(looked, _reach(case, metered), least_gain_a, case.slots, np.inf)
        _greedy(everywhere, np.full(case.slots, np.inf, dtype=np.float32), least_gain_a, case.slots, np.inf)
        assert looked.operations > 0
        assert np.array_equal(looked.writing.schedule().phase, everywhere.writing.schedule().phase)


def test_rules_hear_inverters_that_their_own_moves_have_tripped() -> None:
    # Two roofs export on one phase; the first one moved goes quiet, and its phase then needs it no longer.
    case = steady([-2000.0, -2000.0, 500.0], [0, 0, 1], slots=60, step_s=10.0)
    with_roofs = replace(case, pv_w=np.tile([2500.0, 2500.0, 0.0], (60, 1)))
    plain, tripping = (threshold(c, ThresholdRule(cooldown_s=20.0)) for c in (case, with_roofs))
    assert np.array_equal(plain[:2], tripping[:2])
    assert not np.array_equal(plain, tripping)


def test_on_one_minute_readings_the_threshold_rule_moves_once_a_minute() -> None:
    bench = _Bench(scenario("houses-20"), 1, BenchOptions(days=1), lambda _: None)
    moves = {}
    for name in ("threshold", "threshold-minute"):
        schedule = bench._schedule(name, None)
        assert isinstance(schedule, Schedule)
        moves[name] = int(operations_of(schedule.phase).sum())
    minutes = 2 * 24 * 60
    assert 0.5 * minutes < moves["threshold-minute"] <= minutes
    assert moves["threshold"] > 2 * moves["threshold-minute"]
