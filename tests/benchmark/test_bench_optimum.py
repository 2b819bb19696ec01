"""Perfect foresight: exact where that is claimed, certified where a bound is printed, within budget everywhere."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from edge_balancer.benchmark.case import Case, neutral, operations_of
from edge_balancer.benchmark.joint import _Problem, certify, leeway
from edge_balancer.benchmark.pairwise import Effort, _rounds, best_known, most_a_day, pairs_pct
from edge_balancer.benchmark.search import Foresight
from edge_balancer.planning.chains import cheapest, fold, fold_shape, unfold
from tests.benchmark.bench_cases import least_by_operations, small_case


def quiet(_text: str) -> None:
    pass


@pytest.mark.parametrize("slots", [1, 2, 3, 5, 7, 20, 141, 1440])
def test_time_folds_and_unfolds(slots: int) -> None:
    values = np.arange(3 * slots).reshape(3, slots) + 1
    shape = fold_shape(slots)
    folded = fold(values, shape)
    assert folded.shape == (3, *shape)
    assert np.array_equal(unfold(folded, slots), values)


@pytest.mark.parametrize(("houses", "slots"), [(1, 1), (1, 4), (1, 7), (2, 2), (2, 4), (3, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_no_way_is_cheaper_than_that_of_the_chains(houses: int, slots: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.random((*(3,) * houses, slots)).astype(np.float32)
    prices = (0.6 * rng.random((houses, slots))).astype(np.float32)

    def cost(way: np.ndarray[tuple[int, int], np.dtype[np.int8]]) -> float:
        moved = np.diff(way, axis=1) != 0
        return float(sum(costs[(*way[:, t], t)] for t in range(slots)) + (prices[:, 1:] * moved).sum())

    shape = fold_shape(slots)
    found = unfold(cheapest(fold(costs, shape), [fold(price, shape) for price in prices]), slots)
    every = itertools.product(range(3), repeat=houses * slots)
    least = min(cost(np.array(way, dtype=np.int8).reshape(houses, slots)) for way in every)
    assert cost(found) == pytest.approx(least, abs=1e-5)


@pytest.mark.parametrize("price", [0.0, 1.0, 4.0, 15.0, 1000.0])
@pytest.mark.parametrize(("houses", "slots", "switchable"), [(2, 4, None), (3, 2, None), (5, 4, (1, 3)), (4, 6, (2,))])
def test_the_joint_optimum_at_a_price_is_that_of_trying_everything(
    price: float, houses: int, slots: int, switchable: tuple[int, ...] | None
) -> None:
    case = small_case(houses, slots, seed=houses, switchable=switchable)
    minutes = slots * case.step_s / 60.0
    wanted = min(cost * minutes + price * count for count, cost in least_by_operations(case).items())
    priced = _Problem(case).at(price)
    assert priced.cost_a * minutes + price * priced.operations == pytest.approx(wanted, rel=1e-5)
    assert priced.least <= wanted
    assert priced.least == pytest.approx(wanted, rel=1e-3, abs=1e-4 * price)


def test_bound_and_schedule_enclose_the_optimum_at_each_budget() -> None:
    # Slots of four hours: six make a day, so that few operations are a budget.
    case = small_case(1, 7, seed=3, step_s=14_400.0)
    least = least_by_operations(case)
    budgets = (1.0, 2.0, 3.0, 5.0)
    found = certify(case, budgets, dict.fromkeys(budgets, 100.0), quiet)
    for budget, one in found.items():
        optimum = min(cost for count, cost in least.items() if count <= case.operations(budget))
        assert one.bound_a <= optimum <= one.cost_a + 1e-9
        assert one.operations <= case.operations(budget)
        assert np.abs(case.rows(slice(0, None), one.schedule)).mean() == pytest.approx(one.cost_a)
        assert one.gap >= 0.0
    assert found[5.0].bound_a > 0.0


@pytest.mark.parametrize(("houses", "slots", "many"), [(1, 6, 3), (1, 6, 2), (2, 4, 2)])
def test_the_bound_of_minutes_holds_for_moves_at_any_finer_slot(houses: int, slots: int, many: int) -> None:
    # All schedules on the fine slots are tried.
    for seed in range(5 if houses == 1 else 1):
        fine = small_case(houses, slots, seed=seed, step_s=86_400.0 / slots)
        coarse = fine.averaged(fine.step_s * many)
        least = least_by_operations(fine)
        budgets = (1.0, 2.0)
        found = certify(coarse, budgets, dict.fromkeys(budgets, 20_000.0), quiet, fine)
        for budget, one in found.items():
            optimum = min(cost for count, cost in least.items() if count <= fine.operations(budget))
            assert one.bound_a <= optimum


def test_the_leeway_is_what_a_move_in_mid_slot_can_gain_and_its_price_must_be_above_it() -> None:
    # A house that changes sign in mid-slot: whoever moves it right then gains what nobody can who moves on borders.
    power = np.array([[2300.0, 2300.0], [2300.0, -2300.0], [2300.0, 2300.0]] * 2, dtype=np.complex128)
    fine = replace(small_case(2, 6, seed=1, step_s=14_400.0), power=power)
    coarse = fine.averaged(43_200.0)
    assert leeway(fine, coarse).max() == pytest.approx(np.sqrt(3.0) * 10.0 * 240.0, rel=1e-5)
    none = np.zeros_like(leeway(fine, coarse))
    assert _Problem(coarse, none).at(5_000.0).least > -np.inf
    assert _Problem(coarse, leeway(fine, coarse)).at(4_000.0).least == -np.inf
    assert _Problem(coarse, leeway(fine, coarse)).at(5_000.0).least <= _Problem(coarse, none).at(5_000.0).least


def test_more_switches_than_can_be_certified_are_refused() -> None:
    with pytest.raises(ValueError, match=r"11 switchable houses: .* 1 to 10"):
        certify(small_case(11, 3, seed=1), (1.0,), {1.0: 1.0}, quiet)


def searched(case: Case, budgets: tuple[float, ...]) -> dict[float, Foresight]:
    return best_known(case, budgets, case.initial, Effort(rounds=2), np.random.default_rng(5), quiet)


@pytest.fixture(scope="module")
def few() -> Case:
    """Five switchable houses of seven over two days of ten minutes."""
    return small_case(7, 288, seed=8, step_s=600.0, switchable=(0, 1, 3, 4, 6))


@pytest.fixture(scope="module")
def known(few: Case) -> dict[float, Foresight]:
    return searched(few, (1.0, 2.0, 4.0, 8.0))


def test_no_schedule_that_is_found_beats_the_certified_bound(few: Case, known: dict[float, Foresight]) -> None:
    found = certify(few, tuple(known), {k: one.price for k, one in known.items()}, quiet)
    for budget, one in known.items():
        assert found[budget].bound_a <= one.cost_a
        assert found[budget].bound_a <= found[budget].cost_a
        assert found[budget].gap < 0.02
        # The caps of a house's day, that the bound does not know, cost something too.
        assert one.cost_a < 1.15 * found[budget].bound_a


def test_the_best_known_keeps_to_budget_caps_and_switches(few: Case, known: dict[float, Foresight]) -> None:
    for budget, one in known.items():
        assert one.operations == operations_of(one.schedule).sum() <= few.operations(budget)
        assert (one.schedule[:, ~few.switchable] == few.initial[~few.switchable]).all()
        changed = np.diff(one.schedule, axis=0) != 0
        for day in range(2):
            rows = changed[max(0, 144 * day - 1) : 144 * (day + 1) - 1]
            assert rows.sum(axis=0).max() <= most_a_day(budget)
        assert one.cost_a == pytest.approx(float(np.abs(neutral(few.own, one.schedule)).mean()))


def test_more_operations_are_never_worse(known: dict[float, Foresight]) -> None:
    costs = [known[budget].cost_a for budget in sorted(known)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.8 * costs[0]


def test_the_same_seed_finds_the_same(few: Case, known: dict[float, Foresight]) -> None:
    again = searched(few, (1.0,))[1.0]
    assert np.array_equal(again.schedule, known[1.0].schedule)


def test_pairs_that_have_no_room_in_a_round_come_up_in_a_later_one_the_great_ones_first() -> None:
    case = small_case(12, 30, seed=1)
    large = replace(case, power=case.power * np.where(np.arange(12) < 4, 10.0, 1.0))
    effort = Effort(rounds=3, pairs=22)
    rounds = list(_rounds(large, effort, np.random.default_rng(1)))
    assert [len(pairs) for pairs in rounds] == [22, 22, 22]
    assert len(set().union(*map(set, rounds))) == 66
    assert pairs_pct(large, effort) == 100.0
    assert pairs_pct(large, replace(effort, rounds=1)) == pytest.approx(100.0 / 3.0)
    both = {(one, other) for one in range(4) for other in range(one + 1, 4)}
    assert both <= set(rounds[0])
    all_at_once = list(_rounds(large, Effort(rounds=1), np.random.default_rng(1)))
    assert sorted(all_at_once[0]) == sorted(set().union(*map(set, rounds)))


def test_without_a_whole_operation_foresight_is_a_fixed_assignment() -> None:
    case = small_case(3, 20, seed=2)
    found = searched(case, (1.0,))[1.0]
    assert case.operations(1.0) == 0
    assert found.operations == 0
    fixed = (np.array(places, dtype=np.int8) for places in itertools.product(range(3), repeat=3))
    least = min(float(np.abs(neutral(case.own, phase)).mean()) for phase in fixed)
    assert least <= found.cost_a <= 1.2 * least
