"""How restless loads are, against what is usual: told right, known late rather than wrong, kept over a restart."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.horizon import horizon
from edge_balancer.forecast.unrest import BOUNDS, DAY_S, FeederUnrest, Unrest
from edge_balancer.types.kept import KeptHouses

STEP_S = 30.0
GOOD_S = 180.0
NEVER = np.array([False, False])


class Feeder:
    """Two houses whose loads swing to and fro every minute."""

    def __init__(self, counts: tuple[bool, bool] = (True, True)) -> None:
        self.unrest = FeederUnrest(np.array(counts))
        self.now = 0.0
        self._heard = False

    def live(
        self, hours: float, swing_w: float, of_the_second: float = 1.0, silent: tuple[bool, bool] = (False, False)
    ) -> float:
        """The feeder's unrest in the end."""
        for _ in range(round(hours * 3600.0 / STEP_S)):
            self.now += STEP_S
            sign = 1.0 if self.now % (4 * STEP_S) < 2 * STEP_S else -1.0
            load = 1000.0 + sign * swing_w * np.array([1.0, of_the_second])
            some = np.flatnonzero(~np.array(silent))
            good_until = np.full(len(some), self.now + GOOD_S)
            self.unrest.observe(
                some, load[some], np.full(len(some), STEP_S), (NEVER | (not self._heard))[some], good_until
            )
            self._heard = True
            self.unrest.follow(self.now)
        return self.unrest.relative


def test_a_swing_about_the_mean_is_its_root_mean_square() -> None:
    one = Unrest(1)
    for step in range(2000):
        swing = 400.0 if step % 2 else -400.0
        one.observe(np.array([0]), np.array([2000.0 + swing]), np.array([10.0]), np.array([step == 0]))
    assert one.root_w[0] == pytest.approx(400.0, rel=0.02)
    assert one.weight[0] == pytest.approx(1.0, abs=1e-3)


def test_a_steady_load_has_none_and_a_gap_starts_afresh() -> None:
    one = Unrest(1)
    for step in range(10):
        one.observe(np.array([0]), np.array([2000.0]), np.array([60.0]), np.array([step == 0]))
    assert one.root_w[0] == 0.0
    one.observe(np.array([0]), np.array([5000.0]), np.array([60.0]), np.array([False]))
    assert one.root_w[0] > 100.0
    one.observe(np.array([0]), np.array([9000.0]), np.array([0.0]), np.array([True]))
    assert (one.root_w[0], one.weight[0]) == (0.0, 0.0)


def test_an_ordinary_hour_is_one_a_lively_one_more_a_calm_one_less() -> None:
    feeder = Feeder()
    assert feeder.live(48.0, 500.0) == pytest.approx(1.0, abs=0.02)
    assert feeder.live(2.0, 1000.0) == pytest.approx(2.0, rel=0.08)
    assert feeder.live(4.0, 250.0) == pytest.approx(0.5, rel=0.08)


def test_it_stays_within_bounds() -> None:
    feeder = Feeder()
    feeder.live(48.0, 500.0)
    assert feeder.live(2.0, 20_000.0) == BOUNDS[1]
    assert feeder.live(12.0, 0.0) == BOUNDS[0]


def test_before_much_was_heard_an_hour_is_taken_for_ordinary() -> None:
    feeder = Feeder()
    assert feeder.unrest.relative == 1.0
    assert feeder.live(0.2, 800.0) == 1.0
    # A dead feeder has no unrest, and none is usual.
    still = Feeder()
    assert still.live(5.0, 0.0) == 1.0


def test_silence_is_not_what_is_usual() -> None:
    feeder = Feeder()
    feeder.live(48.0, 500.0)
    assert feeder.live(1.5, 1500.0) > 2.0
    before = feeder.unrest.learned()["usual_w2"]
    assert feeder.live(24.0, 0.0, silent=(True, True)) == 1.0
    assert feeder.unrest.learned()["usual_w2"] == pytest.approx(before, rel=0.05)
    assert feeder.live(3.0, 500.0) == pytest.approx(1.0, abs=0.1)


def test_a_house_that_fell_silent_no_longer_does_what_it_did() -> None:
    feeder = Feeder()
    feeder.live(48.0, 500.0)
    assert feeder.live(2.0, 500.0, of_the_second=6.0) == BOUNDS[1]
    assert feeder.live(2.0, 500.0, silent=(False, True)) == pytest.approx(1.0, abs=0.1)


def test_a_wild_reading_does_not_colour_a_day() -> None:
    feeder = Feeder()
    feeder.live(72.0, 500.0)
    feeder.live(STEP_S / 3600.0, 1e9)
    assert feeder.live(6.0, 500.0) == pytest.approx(1.0, abs=0.1)


def test_a_usual_of_one_night_says_little_of_the_morning() -> None:
    young, old = Feeder(), Feeder()
    young.live(3.0, 200.0)
    old.live(48.0, 200.0)
    assert young.live(1.0, 800.0) < 1.2
    assert old.live(1.0, 800.0) > 2.0


def test_only_those_who_count_make_it_up() -> None:
    feeder = Feeder((True, False))
    feeder.live(48.0, 500.0)
    assert feeder.live(2.0, 500.0, of_the_second=20.0) == pytest.approx(1.0, abs=0.02)


def test_a_restart_remembers_what_is_usual_and_not_the_hour() -> None:
    before = Feeder()
    before.live(48.0, 500.0)
    after = Feeder()
    after.unrest.relearn(json.loads(json.dumps(before.unrest.learned())))
    assert after.live(0.2, 1000.0) == 1.0
    assert after.live(2.0, 1000.0) == pytest.approx(2.0, rel=0.08)


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        [],
        {},
        {"usual_w2": "9", "days": 1.0},
        {"usual_w2": True, "days": 1.0},
        {"usual_w2": -1.0, "days": 1.0},
        {"usual_w2": math.nan, "days": 1.0},
        {"usual_w2": 10**400, "days": 1.0},
        {"usual_w2": 9.0, "days": 1e9},
        {"usual_w2": 9.0},
    ],
)
def test_nonsense_from_the_store_is_left_aside(nonsense: Any) -> None:
    feeder = Feeder()
    before = feeder.unrest.learned()
    feeder.unrest.relearn(nonsense)
    assert feeder.unrest.learned() == before


@pytest.mark.parametrize(("knows", "taken"), [((0, 1), True), ((0, -1), False)])
def test_the_usual_of_another_feeder_is_not_taken_back(knows: tuple[int, int], taken: bool) -> None:
    learned = SurvivalBlend(2, 0.0).learned() | {"unrest": {"usual_w2": 9e5, "days": 2.0}}
    other = SurvivalBlend(2, 0.0)
    assert other.relearn(learned, KeptHouses(2, np.array(knows)))
    assert (other.learned()["unrest"]["usual_w2"] == 9e5) is taken


def test_the_blends_error_follows_it() -> None:
    blend, looking = SurvivalBlend(2, 0.0), horizon(10.0)
    now = 0.0

    def live(hours: float, swing_w: float) -> None:
        nonlocal now
        for _ in range(round(hours * 120)):
            now += STEP_S
            load = np.full(2, 1000.0 + (swing_w if now % (4 * STEP_S) < 2 * STEP_S else -swing_w)) + 0j
            blend.observe(np.arange(2), load, np.full(2, now), now, 600.0)
            blend.learn(now, now, looking)

    live(DAY_S / 3600.0, 500.0)
    ordinary = blend.error_va(1300.0)
    live(1.5, 1000.0)
    assert blend.unrest == pytest.approx(1.85, abs=0.2)
    assert np.all(blend.error_va(1300.0) > 1.5 * ordinary)
