"""No switch wears out much before the others, and a busy house still moves on its best occasions. The tuned constants
are free; the law is not."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from edge_balancer.decision.price import DAY_S
from edge_balancer.decision.wear import LEAST_MOST_OWED, MOST_OWED_DAYS, SAVED_DAYS, SHARE, WearAccounts
from edge_balancer.types.kept import KeptHouses

BUDGET = 2.0


def accounts(houses: int = 3) -> WearAccounts:
    wear = WearAccounts(BUDGET, houses)
    wear.advance(0.0)
    return wear


def owed_days(wear: WearAccounts) -> list[float]:
    return [owed / BUDGET for owed in wear.learned()]


def test_who_was_moved_beyond_the_allowance_is_dearer_and_nobody_is_cheaper() -> None:
    wear = accounts()
    for _ in range(8):
        wear.spend(1)
    assert wear.factor()[1] > 1.2
    assert wear.factor()[[0, 2]].tolist() == [1.0, 1.0]
    wear.advance(100 * DAY_S)
    assert wear.factor().tolist() == [1.0, 1.0, 1.0]


def test_the_price_falls_as_time_goes_by() -> None:
    wear = accounts()
    for _ in range(8):
        wear.spend(0)
    prices = []
    for hour in range(48):
        wear.advance(hour * 3600.0)
        prices.append(wear.factor()[0])
    assert all(later <= sooner for sooner, later in itertools.pairwise(prices))
    assert prices[-1] < prices[0]


def test_what_a_quiet_house_saves_is_bounded() -> None:
    wear = accounts()
    wear.advance(300 * DAY_S)
    assert owed_days(wear) == [-SAVED_DAYS] * 3
    for _ in range(int(SAVED_DAYS * BUDGET)):
        wear.spend(0)
    assert wear.factor()[0] == 1.0
    wear.spend(0)
    assert wear.factor()[0] > 1.0


@pytest.mark.parametrize("worth", ["exponential", "heavy"])
@pytest.mark.parametrize("budget", [0.05, 0.2, 0.5, 2.0, 8.0])
def test_a_house_that_always_wants_more_makes_little_more_than_its_share_in_the_long_run(
    budget: float, worth: str
) -> None:
    """Occasions to move come every ten minutes and are worth a random multiple of the price, with few great ones or
    many: the house would move some 36 times a day."""
    wear = WearAccounts(budget, 1)
    rng = np.random.default_rng(3)
    days, moves = 400, 0
    for k in range(days * 144):
        wear.advance(k * 600.0)
        value = rng.exponential() / 1.386 if worth == "exponential" else (rng.pareto(1.5) + 1.0) / 2.5
        if value > wear.factor()[0]:
            wear.spend(0)
            moves += 1
    owed = max(MOST_OWED_DAYS * budget, LEAST_MOST_OWED) / days
    assert 0.9 * SHARE * budget <= moves / days <= 1.05 * SHARE * budget + owed


def test_of_a_tiny_budget_the_price_stays_a_number() -> None:
    wear = WearAccounts(1e-6, 1)
    wear.advance(0.0)
    for _ in range(100):
        wear.spend(0)
    assert np.isfinite(wear.factor()).all()
    assert wear.factor()[0] > 1e6


def test_its_operations_go_to_the_best_occasions() -> None:
    """Of the same occasions, a house with an account takes better ones than one that moves until its cap is reached."""
    rng = np.random.default_rng(4)
    worth = rng.exponential(size=(60, 144))
    wear = WearAccounts(BUDGET, 1)
    by_account: list[float] = []
    for k, value in enumerate(worth.ravel().tolist()):
        wear.advance(k * 600.0)
        if value > wear.factor()[0]:
            wear.spend(0)
            by_account.append(value)
    a_day = len(by_account) // 60 + 1
    by_cap = [value for day in worth for value in day[day > 1.0][:a_day].tolist()]
    assert len(by_account) <= len(by_cap)
    assert sum(by_account) > 1.2 * sum(by_cap)


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    wear = accounts()
    wear.spend(0)
    before = wear.learned()
    wear.advance(0.0)
    wear.advance(-DAY_S)
    assert wear.learned() == before
    wear.advance(0.0)
    assert wear.learned() == before


def test_debt_is_bounded() -> None:
    wear = accounts()
    for _ in range(10_000):
        wear.spend(2)
    assert owed_days(wear)[2] == MOST_OWED_DAYS
    assert np.isfinite(wear.factor()).all()


def test_what_was_owed_survives_a_restart_and_follows_its_house() -> None:
    wear = accounts()
    for house, times in enumerate((0, 3, 9)):
        for _ in range(times):
            wear.spend(house)
    kept = json.loads(json.dumps(wear.learned()))
    after = accounts(4)
    after.relearn(kept, KeptHouses.of(["a", "b", "c"], ["c", "new", "a", "b"]))
    assert after.learned() == [9.0, 0.0, 0.0, 3.0]


@pytest.mark.parametrize(
    "kept",
    [None, 7, "x", {}, [1.0], [1.0, 2.0], [1.0, "x", 2.0], [1.0, None, 2.0], [float("nan")] * 3, [10**400, 1, 1],
     [[1.0], [1.0], [1.0]]],
)  # fmt: skip
def test_nonsense_is_left_aside(kept: object) -> None:
    wear = accounts()
    wear.spend(1)
    before = wear.learned()
    wear.relearn(kept, KeptHouses.same(3))
    assert wear.learned() == before


def test_what_was_kept_is_brought_within_bounds() -> None:
    wear = accounts()
    wear.relearn([-1e9, 1e9, 1.0], KeptHouses.same(3))
    assert owed_days(wear) == [-SAVED_DAYS, MOST_OWED_DAYS, 1.0 / BUDGET]
