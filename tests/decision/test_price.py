"""The price of a move keeps the operations within the budget. The tuned constants are free; the law is not."""

from __future__ import annotations

import math

import pytest

from edge_balancer.decision.price import DAY_S, MARGIN, MOST_OWED_DAYS, MOST_SAVED_DAYS, WIDEST, PriceOfMove

HORIZON_MIN = 30.0


def price_of(budget: float = 2.0, houses: int = 10, prior: float = 30.0) -> PriceOfMove:
    price = PriceOfMove(budget, houses, prior)
    price.advance(0.0, prior)
    return price


def test_it_scales_with_the_horizon_and_with_the_current_of_a_house() -> None:
    price = price_of()
    assert price.price(60.0) == pytest.approx(2 * price.price(30.0))
    assert price_of(prior=4 * 30.0).price(30.0) == pytest.approx(2 * price.price(30.0))


def test_a_larger_budget_makes_moves_cheaper() -> None:
    assert price_of(budget=8.0).price(HORIZON_MIN) < price_of(budget=2.0).price(HORIZON_MIN)


def test_spending_makes_moves_dearer_and_time_cheaper() -> None:
    price = price_of()
    start = price.price(HORIZON_MIN)
    price.spend(10)
    after = price.price(HORIZON_MIN)
    assert after > start
    price.advance(DAY_S / 2, 30.0)
    assert price.price(HORIZON_MIN) < after


def test_a_day_that_spends_what_is_aimed_at_leaves_the_account_as_it_was() -> None:
    price = price_of(budget=2.0, houses=50)
    before = price.learned()["account"]
    for hour in range(1, 25):
        price.advance(hour * DAY_S / 24, 30.0)
        price.spend(4)
    # 96 operations; the budget is 100, of which MARGIN is aimed at.
    assert price.learned()["account"] - before == pytest.approx(100 * MARGIN - 96, abs=0.01)


def test_the_budget_of_an_idle_time_lapses() -> None:
    price = price_of()
    for day in range(1, 10):
        price.advance(day * DAY_S, 30.0)
    assert price.learned()["account"] == pytest.approx(MOST_SAVED_DAYS * 2.0 * 10 * MARGIN)


def test_debt_is_bounded() -> None:
    price = price_of()
    price.spend(10_000)
    assert price.learned()["account"] == pytest.approx(-MOST_OWED_DAYS * 2.0 * 10 * MARGIN)


def test_the_lasting_price_stays_in_its_bounds_whatever_happens() -> None:
    price = price_of()
    start = price.learned()["log_factor"]
    for day in range(1, 200):
        price.advance(day * DAY_S, 30.0)
    assert price.learned()["log_factor"] == pytest.approx(start - WIDEST)
    for day in range(200, 400):
        price.spend(10_000)
        price.advance(day * DAY_S, 30.0)
    assert price.learned()["log_factor"] <= start + WIDEST
    assert price.price(HORIZON_MIN) > 0


@pytest.mark.parametrize("again", [0.0, -1000.0])
def test_time_that_stands_still_or_goes_back_gives_no_budget(again: float) -> None:
    price = price_of()
    before = price.learned()
    price.advance(again, 999.0)
    assert price.learned() == before


def test_an_unknown_current_leaves_the_scale() -> None:
    price = price_of()
    price.advance(3600.0, math.nan)
    assert price.learned()["mean_square_a2"] == pytest.approx(30.0)


def test_no_movable_house_is_no_trouble() -> None:
    price = price_of(houses=0)
    price.spend(1)
    assert math.isfinite(price.price(HORIZON_MIN))


def test_what_was_learned_comes_back_whole() -> None:
    price = price_of()
    price.advance(DAY_S / 3, 55.0)
    price.spend(7)
    again = price_of()
    again.relearn(price.learned())
    assert again.learned() == price.learned()
    assert again.price(HORIZON_MIN) == price.price(HORIZON_MIN)


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param({}, id="empty"),
        pytest.param([1, 2], id="a list"),
        pytest.param("text", id="text"),
        pytest.param(None, id="nothing"),
        pytest.param({"account": "much"}, id="text for a number"),
        pytest.param({"account": math.nan, "log_factor": math.inf}, id="not finite"),
        pytest.param({"mean_square_a2": 10**400}, id="beyond all floats"),
        pytest.param({"account": True}, id="a truth value"),
        pytest.param({"days": None}, id="null"),
    ],
)
def test_nonsense_is_not_learned(nonsense: object) -> None:
    price = price_of()
    before = price.learned()
    price.relearn(nonsense)
    assert price.learned() == before


@pytest.mark.parametrize(
    ("name", "value"), [("account", 1e12), ("account", -1e12), ("log_factor", 1e6), ("mean_square_a2", -5.0)]
)
def test_values_out_of_bounds_are_taken_at_the_bound(name: str, value: float) -> None:
    price = price_of()
    price.relearn({name: value})
    assert abs(price.learned()[name]) < abs(value)
    assert math.isfinite(price.price(HORIZON_MIN))


@pytest.mark.parametrize("rest", [{"free": False}, {"wanted": False}])
def test_a_long_rest_does_not_cheapen_moves_for_the_day_after(rest: dict[str, bool]) -> None:
    price = price_of()
    start = price.price(HORIZON_MIN)
    for day in range(1, 31):
        price.advance(day * DAY_S, 30.0, **rest)
    # At most the half day's budget that may be saved speaks for cheaper moves, not thirty days of it.
    assert price.price(HORIZON_MIN) >= start * math.exp(-2.0 * (MOST_SAVED_DAYS + 0.3) - 0.01)
