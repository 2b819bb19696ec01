"""The search finds what trying everything finds."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_balancer.decision.squares import NOTHING, ROWS, Vectors, best_moves
from scripts.bench.search_proof import best_squares

NO_PRICE = 0.0


def instance(seed: int, houses: int, dims: int) -> tuple[Vectors, Vectors, np.ndarray]:
    """Two candidate moves for each house, as in a real feeder, and a state that they can improve."""
    chance = np.random.default_rng(seed)
    n = chance.normal(0, 30, dims).astype(np.float32)
    d = chance.normal(0, 8, (2 * houses, dims)).astype(np.float32)
    return n, d, np.repeat(np.arange(houses, dtype=np.intp), 2)


def worth(n: Vectors, d: Vectors, price: Vectors, chosen: tuple[int, ...]) -> float:
    before, after = n.astype(float), n.astype(float) + d[list(chosen)].astype(float).sum(axis=0)
    return float(before @ before - after @ after - price[list(chosen)].sum())


def best_by_trying_all(n: Vectors, d: Vectors, price: Vectors, group: np.ndarray, most: int) -> float:
    best = 0.0
    for size in range(1, most + 1):
        for chosen in combinations(range(len(d)), size):
            if len({int(group[k]) for k in chosen}) == size:
                best = max(best, worth(n, d, price, chosen))
    return best


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("seed", range(15))
def test_up_to_three_moves_are_exactly_the_best(seed: int, most: int) -> None:
    n, d, group = instance(seed, houses=7, dims=6)
    price = np.full(len(d), 50.0, dtype=np.float32)
    found = best_moves(n, d, price, group, most)
    assert found.worth == pytest.approx(best_by_trying_all(n, d, price, group, most), rel=1e-4, abs=0.1)
    assert worth(n, d, price, found.chosen) == pytest.approx(found.worth, rel=1e-4, abs=0.1)


@pytest.mark.parametrize("price_each", [0.0, 20.0, 400.0])
@pytest.mark.parametrize("seed", range(8))
def test_among_many_moves_the_best_three_are_found_over_all_blocks_of_the_sweep(seed: int, price_each: float) -> None:
    """More candidates than rows in a block, so that pairs and houses lie astride of its borders."""
    n, d, group = instance(seed, houses=ROWS, dims=4)
    price = np.full(len(d), price_each, dtype=np.float32)
    shuffled = np.random.default_rng(seed).permutation(len(d))
    d, group = d[shuffled], group[shuffled]
    found = best_moves(n, d, price, group, 3)
    assert found.worth == pytest.approx(best_squares(n, d, price, group), rel=1e-4, abs=0.1)
    assert len({int(group[k]) for k in found.chosen}) == len(found.chosen)
    assert worth(n, d, price, found.chosen) == pytest.approx(found.worth, rel=1e-4, abs=0.1)


def test_a_triple_whose_pairs_are_poor_is_found() -> None:
    """Three moves that pull n aside one by one and cancel out together: no pair of them is worth much, each alone is
    a loss, and a greedy search takes the decoy."""
    n = np.array([30.0, 0.0, 0.0], dtype=np.float32)
    trio = [[-10.0, 20.0, 0.0], [-10.0, -10.0, 17.3], [-10.0, -10.0, -17.3]]
    decoys = [[-12.0, 0.0, 0.0], *([-0.1 * k, 0.3 * k, -0.2 * k] for k in range(1, 90))]
    d = np.array([*decoys, *trio], dtype=np.float32)
    price = np.full(len(d), 10.0, dtype=np.float32)
    found = best_moves(n, d, price, np.arange(len(d)), 3)
    assert found.chosen == (90, 91, 92)
    assert found.worth == pytest.approx(900.0 - 30.0, rel=1e-3)


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("noise", range(5))
def test_rounding_does_not_choose_among_moves_that_are_alike(noise: int, most: int) -> None:
    """Or advice would change its mind at every reading."""
    chance = np.random.default_rng(noise)
    n = np.array([30.0, 0.0], dtype=np.float32)
    alike = np.tile(np.array([[-6.0, 1.0], [-6.0, -1.0]]), (50, 1)) * (1.0 + 1e-7 * chance.normal(size=(100, 1)))
    found = best_moves(n, alike.astype(np.float32), np.full(100, 5.0, dtype=np.float32), np.arange(100) // 2, most)
    again = best_moves(n, np.tile(alike[:2], (50, 1)).astype(np.float32), np.full(100, 5.0, dtype=np.float32),
                       np.arange(100) // 2, most)  # fmt: skip
    assert found.chosen == again.chosen


def test_houses_with_one_move_and_with_many_exclude_their_own() -> None:
    group = np.array([5, 2, 2, 2, 9, 2])
    n = np.array([-20.0], dtype=np.float32)
    d = np.array([[1.0], [5.0], [6.0], [7.0], [2.0], [6.5]], dtype=np.float32)
    assert best_moves(n, d, np.zeros(6, dtype=np.float32), group, 3).chosen == (0, 3, 4)


def test_more_moves_are_never_worth_less() -> None:
    for seed in range(20):
        n, d, group = instance(seed, houses=6, dims=4)
        price = np.full(len(d), 30.0, dtype=np.float32)
        one, two, three = (best_moves(n, d, price, group, most).worth for most in (1, 2, 3))
        assert one <= two + 0.1
        assert two <= three + 0.1


def test_moves_of_one_house_exclude_each_other() -> None:
    n = np.array([-10.0, 0.0], dtype=np.float32)
    d = np.array([[5.0, 0.0], [5.0, 0.0]], dtype=np.float32)
    free = np.zeros(2, dtype=np.float32)
    assert best_moves(n, d, free, np.array([0, 1]), 2).chosen == (0, 1)
    assert len(best_moves(n, d, free, np.array([0, 0]), 2).chosen) == 1


@pytest.mark.parametrize(
    ("price", "chosen", "gain", "worth_left"),
    [
        pytest.param(0.0, (0,), 96.0, 96.0, id="free"),
        pytest.param(95.0, (0,), 96.0, 1.0, id="just cheaper than the gain"),
        pytest.param(97.0, (), 0.0, 0.0, id="dearer than the gain"),
    ],
)
def test_a_move_is_made_when_its_gain_exceeds_its_price(
    price: float, chosen: tuple[int, ...], gain: float, worth_left: float
) -> None:
    n = np.array([10.0], dtype=np.float32)
    d = np.array([[-8.0]], dtype=np.float32)  # 100 before, 4 after
    found = best_moves(n, d, np.array([price], dtype=np.float32), np.array([0]), 3)
    assert found.chosen == chosen
    assert (found.gain, found.worth) == pytest.approx((gain, worth_left))


def test_a_negative_price_makes_a_move_that_costs_balance() -> None:
    """So a violated voltage buys a move that the neutral current alone would not make."""
    n, d = np.array([1.0], dtype=np.float32), np.array([[1.0]], dtype=np.float32)
    found = best_moves(n, d, np.array([-10.0], dtype=np.float32), np.array([0]), 1)
    assert found.chosen == (0,)
    assert found.gain == pytest.approx(-3.0)


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_candidates_are_no_trouble(count: int, most: int) -> None:
    n = np.array([10.0], dtype=np.float32)
    d = np.full((count, 1), -4.0, dtype=np.float32)
    found = best_moves(n, d, np.zeros(count, dtype=np.float32), np.arange(count), most)
    assert len(found.chosen) == min(count, most)


def test_nothing_is_chosen_where_nothing_helps() -> None:
    n = np.zeros(2, dtype=np.float32)
    d = np.ones((6, 2), dtype=np.float32)
    assert best_moves(n, d, np.zeros(6, dtype=np.float32), np.arange(6), 3) == NOTHING


@pytest.mark.parametrize("where", ["state", "move", "price"])
def test_a_value_that_is_no_number_chooses_nothing(where: str) -> None:
    n, d = np.array([10.0], dtype=np.float32), np.array([[-8.0]], dtype=np.float32)
    price = np.array([1.0], dtype=np.float32)
    for name, array in (("state", n), ("move", d), ("price", price)):
        if name == where:
            array[:] = np.nan
    assert best_moves(n, d, price, np.array([0]), 1) == NOTHING


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(0, 500))
def test_what_is_promised_is_what_the_moves_give(seed: int, most: int, price_each: float) -> None:
    n, d, group = instance(seed, houses=5, dims=4)
    price = np.full(len(d), price_each, dtype=np.float32)
    found = best_moves(n, d, price, group, most)
    assert len(found.chosen) <= most
    assert len({int(group[k]) for k in found.chosen}) == len(found.chosen)
    assert worth(n, d, price, found.chosen) == pytest.approx(found.worth, rel=1e-3, abs=0.5)
