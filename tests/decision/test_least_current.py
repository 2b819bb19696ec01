"""The objective, and the moves that the search makes of it: against all sets tried one by one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_balancer.decision.objective import Complex, ExpectedCurrent, Floats, square
from edge_balancer.decision.search import least_current
from edge_balancer.decision.squares import NOTHING, Indices
from scripts.bench.search_instances import Instance
from scripts.bench.search_proof import best_current

BLOCKS = 3
WEIGHTS = np.array([4.0, 6.0, 5.0])


def currents(chance: np.random.Generator, size: float, *shape: int) -> Complex:
    return np.asarray(size * (chance.normal(size=shape) + 1j * chance.normal(size=shape)))


def instance(
    seed: int, houses: int = 7, sigma: float = 5.0, price_each: float = 20.0, least_price: float = 0.0
) -> Instance:
    """Two moves for each house, forecasts that resemble each other from block to block."""
    chance = np.random.default_rng(seed)
    lasting, other = currents(chance, 6.0, 2 * houses, 1), currents(chance, 2.0, 2 * houses, BLOCKS)
    cost = ExpectedCurrent(WEIGHTS, np.full(BLOCKS, sigma))
    price = price_each * chance.uniform(0.5, 1.5, 2 * houses) + least_price
    return Instance(cost, currents(chance, 15.0, BLOCKS), lasting + other, price, np.repeat(np.arange(houses), 2))


def worth(it: Instance, chosen: tuple[int, ...]) -> float:
    then = it.n + it.d[list(chosen)].sum(axis=0)
    return float(it.cost.of(it.n) - it.cost.of(then) - it.price[list(chosen)].sum())


def by_trying_all(it: Instance, most: int) -> float:
    sets = (chosen for size in range(1, most + 1) for chosen in combinations(range(len(it.d)), size))
    return max(0.0, *(worth(it, chosen) for chosen in sets if len(set(it.group[list(chosen)])) == len(chosen)))


def found(it: Instance, most: int = 3) -> tuple[tuple[int, ...], float]:
    result = least_current(it.cost, it.n, it.d, it.price, it.group, most)
    assert result.worth == pytest.approx(worth(it, result.chosen) if result.chosen else 0.0, abs=1e-9)
    assert result.gain == pytest.approx(result.worth + it.price[list(result.chosen)].sum(), abs=1e-9)
    return result.chosen, result.worth


# The objective ------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 50.0))
def test_squares_with_the_weights_of_the_secant_tell_the_change_of_cost_exactly(seed: int, sigma: float) -> None:
    chance = np.random.default_rng(seed)
    n, then = currents(chance, 30.0, BLOCKS), currents(chance, 10.0, BLOCKS)
    cost = ExpectedCurrent(WEIGHTS, np.full(BLOCKS, sigma))
    told = cost.secant(square(n), square(then)) @ (square(n) - square(then))
    assert told == pytest.approx(float(cost.of(n) - cost.of(then)), rel=1e-9, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 50.0))
def test_nothing_costs_less_than_no_imbalance(seed: int, sigma: float) -> None:
    cost = ExpectedCurrent(WEIGHTS, np.full(BLOCKS, sigma))
    assert float(cost.of(currents(np.random.default_rng(seed), 20.0, BLOCKS))) >= cost.least
    assert float(cost.of(np.zeros(BLOCKS, dtype=complex))) == pytest.approx(cost.least)


def test_the_cost_is_the_current_that_is_met_on_average_where_the_forecast_errs() -> None:
    """The root mean square of n with an error of sigma; beyond it linear, below it flat."""
    chance = np.random.default_rng(1)
    sigma, one = 10.0, np.ones(1)
    error = currents(chance, sigma / np.sqrt(2.0), 20_000)
    for size in (0.0, 3.0, 10.0, 100.0):
        met = float(np.abs(size + error).mean())
        assert float(ExpectedCurrent(one, sigma * one).of(np.array([size + 0j]))) == pytest.approx(met, rel=0.14)
    steps = [float(ExpectedCurrent(one, sigma * one).of(np.array([size + 0j]))) for size in (0.0, 1.0, 100.0, 101.0)]
    assert steps[1] - steps[0] < 0.1
    assert steps[3] - steps[2] > 0.99


# The search ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 3])
def test_what_is_found_is_nearly_always_the_best_of_all_sets_and_never_far_off(most: int) -> None:
    gaps = []
    for seed in range(20):
        it = instance(seed)
        best = by_trying_all(it, most)
        gaps.append(1.0 - found(it, most)[1] / best if best > 1e-6 else 0.0)
    assert np.mean(gaps) < 0.01
    assert sum(gap < 1e-6 for gap in gaps) >= 18


@pytest.mark.parametrize(("sigma", "price_each"), [(0.5, 5.0), (5.0, 50.0), (40.0, 2.0)])
def test_on_larger_feeders_too(sigma: float, price_each: float) -> None:
    gaps = []
    for seed in range(6):
        it = instance(seed, 40, sigma, price_each)
        best = best_current(it)
        gaps.append(1.0 - found(it)[1] / best if best > 1e-6 else 0.0)
    assert max(gaps) < 0.05
    assert np.mean(gaps) < 0.01


def test_trying_all_by_arrays_and_one_by_one_agree() -> None:
    """The bench's proof is itself proven."""
    for seed in range(5):
        it = instance(seed)
        assert best_current(it) == pytest.approx(by_trying_all(it, 3), rel=1e-4, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(0.0, 60.0), st.floats(0.0, 300.0))
def test_a_set_is_never_worth_less_than_the_best_single_move_nor_than_none(
    seed: int, most: int, sigma: float, price_each: float
) -> None:
    it = instance(seed, 6, sigma, price_each)
    chosen, value = found(it, most)
    alone = max(worth(it, (k,)) for k in range(len(it.d)))
    assert value >= max(0.0, alone) - 1e-4 * float(it.cost.of(it.n))
    assert len(chosen) <= most
    assert len({int(it.group[k]) for k in chosen}) == len(chosen)


@pytest.mark.parametrize("sigma", [0.0, 10.0])
def test_a_negative_price_makes_a_move_where_there_is_nothing_to_balance(sigma: float) -> None:
    """So a violated voltage buys a move; and three, where each of them relieves it."""
    cost = ExpectedCurrent(np.array([10.0]), np.array([sigma]))
    n, d = np.zeros(1, dtype=complex), np.array([[3.0 + 0j], [-3.0], [3.0j]])
    relief = np.array([-40.0, -40.0, 40.0])
    assert least_current(cost, n, d, relief, np.arange(3), 3).chosen == (0, 1)


def test_what_is_smaller_than_the_error_is_not_worth_a_move() -> None:
    n, d = np.array([10.0 + 0j]), np.array([[-10.0 + 0j]])
    price = np.array([50.0])
    sure, unsure = (ExpectedCurrent(np.array([10.0]), np.array([sigma])) for sigma in (1.0, 20.0))
    assert least_current(sure, n, d, price, np.arange(1), 3).chosen == (0,)
    assert least_current(unsure, n, d, price, np.arange(1), 3) == NOTHING


@pytest.mark.parametrize("where", ["n", "d", "price", "sigma"])
def test_a_value_that_is_no_number_chooses_nothing(where: str) -> None:
    it = instance(1)
    values: dict[str, Complex | Floats] = {"n": it.n, "d": it.d, "price": it.price, "sigma": it.cost.sigma_a}
    values[where].flat[0] = np.nan
    group: Indices = it.group
    assert least_current(it.cost, it.n, it.d, it.price, group, 3) == NOTHING


def test_no_candidates_are_no_trouble() -> None:
    it = instance(1)
    assert least_current(it.cost, it.n, it.d[:0], it.price[:0], it.group[:0], 3) == NOTHING
