"""How loads die out is learned for each house from its own record, with the feeder's as the centre."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.horizon import horizon
from edge_balancer.forecast.levels import Levels
from edge_balancer.forecast.survival import PRIOR, STEP_S, Survival
from edge_balancer.forecast.usual import pack, unpack
from edge_balancer.types.kept import KeptHouses

H = horizon(30.0)
BLOCKS, PARTS = PRIOR.shape
DAY = round(86_400 / STEP_S)
WINDOW = round(4 * 3600 / STEP_S) + 1
"""Samples until the first one has seen its whole horizon."""
Floats = NDArray[np.float64]


class Record:
    """Loads as they come, with nothing usual about any time of day, into one `Survival`."""

    def __init__(self, houses: int, learns: list[bool] | None = None) -> None:
        self.survival = Survival(houses, np.ones(houses, dtype=bool) if learns is None else np.array(learns))
        self._levels = Levels(houses)
        self._energy, self._seen = np.zeros(houses), np.zeros(houses)
        self._every = np.arange(houses)
        self.now = 0.0

    def play(self, load: Floats) -> None:
        """`load` [samples, houses]"""
        fresh = np.zeros(len(self._every), dtype=bool)
        nothing = np.zeros((len(self._every), BLOCKS))
        for row in load:
            self.now += STEP_S
            self._energy += STEP_S * row
            self._seen += STEP_S
            drawn = row.astype(complex)
            self._levels.observe(self._every, drawn, np.full(len(row), STEP_S), fresh, drawn)
            if self.survival.due(self.now):
                steps = self._levels.steps(row.astype(complex)).real
                parts = np.concatenate([steps, np.zeros((1, len(row)))])
                rest = np.repeat(self._levels.slowest.real[:, None], BLOCKS, axis=1)
                self.survival.sample(self.now, parts, rest, nothing, self._energy, self._seen)


def on_and_off(samples: int, on_min: float, seed: int, watts: float = 1500.0) -> Floats:
    """A load that is on as often as off, each for about so long."""
    chance = np.random.default_rng(seed)
    turns = np.cumsum(chance.random(samples) < STEP_S / (60.0 * on_min))
    return np.asarray(watts * (turns % 2))


def side_by_side(*columns: Floats) -> Floats:
    return np.stack(columns, axis=1)


LASTING, BRIEF = 0, 1
QUARTER, HALF_HOUR = 1, 2
"""Blocks from 5 to 15 and from 15 to 30 minutes ahead."""


def of_two(days: float, learns: list[bool] | None = None) -> Record:
    """One house whose loads last for hours, one whose loads last for minutes."""
    record, samples = Record(2, learns), round(days * DAY)
    record.play(side_by_side(on_and_off(samples, 240.0, 1), on_and_off(samples, 8.0, 2)))
    return record


def left_of_a_load_that_just_began(survival: Survival, house: int, block: int) -> float:
    """What is left of a load that began ten minutes ago."""
    levels = Levels(1)
    for k in range(1 + 4):
        load = np.array([1000.0 + 0j if k else 0.0])
        levels.observe(np.array([0]), load, np.array([STEP_S]), np.array([k == 0]), load)
    parts = np.append(levels.steps(np.array([1000.0 + 0j])).real[:, 0], [0.0, levels.slowest.real[0]])
    return float(survival.left[house, block] @ parts) / 1000.0


def test_houses_begin_with_what_was_shipped() -> None:
    survival = Record(3).survival
    assert np.array_equal(survival.left, np.broadcast_to(PRIOR, (3, BLOCKS, PARTS)))


@pytest.mark.parametrize("block", [QUARTER, HALF_HOUR])
def test_within_days_a_house_is_known_by_how_long_its_loads_last(block: int) -> None:
    shipped = left_of_a_load_that_just_began(Record(1).survival, 0, block)
    after_one, after_four = (
        [left_of_a_load_that_just_began(of_two(days).survival, house, block) for house in (LASTING, BRIEF)]
        for days in (1.0, 4.0)
    )
    for lasting, brief in (after_one, after_four):
        assert brief < shipped < lasting
    assert after_four[LASTING] - after_four[BRIEF] > 1.5 * (after_one[LASTING] - after_one[BRIEF])
    assert after_four[LASTING] - after_four[BRIEF] > 0.2


def test_a_house_that_may_not_learn_follows_the_feeder_only() -> None:
    """Both kinds of houses, without PV and with it: those with it all have the feeder's coefficients."""
    record, samples = Record(4, [True, True, False, False]), 2 * DAY
    lasting, brief = (
        side_by_side(*(on_and_off(samples, minutes, seed) for seed in (1, 2))) for minutes in (240.0, 8.0)
    )
    record.play(np.concatenate([lasting, brief], axis=1)[:, [0, 2, 1, 3]])
    left = record.survival.left
    assert np.array_equal(left[2], left[3])
    assert not np.allclose(left[2], PRIOR, atol=1e-3), "the feeder has learned"
    assert np.abs(left[0] - left[2]).max() > 0.05
    assert np.abs(left[1] - left[2]).max() > 0.05


def first_error(houses: int) -> Floats:
    return Record(houses).survival.error_va(1000.0)


def test_nothing_is_learned_before_a_sample_has_seen_its_whole_horizon() -> None:
    record = Record(1)
    record.play(on_and_off(WINDOW - 1, 30.0, 1)[:, None])
    assert np.array_equal(record.survival.error_va(1000.0), first_error(1))
    record.play(np.zeros((1, 1)))
    assert not np.array_equal(record.survival.error_va(1000.0), first_error(1))


def test_a_gap_clears_the_samples_for_what_came_before_it_says_nothing_about_after() -> None:
    record = Record(1)
    record.play(on_and_off(WINDOW - 10, 30.0, 1)[:, None])
    record.now += 2 * STEP_S
    record.play(on_and_off(WINDOW - 1, 30.0, 2)[:, None])
    assert np.array_equal(record.survival.error_va(1000.0), first_error(1))
    record.play(np.zeros((1, 1)))
    assert not np.array_equal(record.survival.error_va(1000.0), first_error(1))


def test_a_house_that_is_not_heard_teaches_nothing() -> None:
    record = Record(2)
    quiet = record._seen[1:]
    for row in side_by_side(on_and_off(2 * WINDOW, 30.0, 1), on_and_off(2 * WINDOW, 30.0, 2)):
        quiet[:] = 0.0
        record.play(row[None, :])
    kept = record.survival.learned()
    samples = unpack(kept["samples"], np.float32, (2, BLOCKS))
    assert (samples[0] > 50).all()
    assert (samples[1] == 0).all()


def test_what_was_learned_survives_a_restart_and_is_where_learning_goes_on() -> None:
    before = of_two(3.0).survival
    again = Record(2)
    assert again.survival.relearn(before.learned(), KeptHouses.same(2))
    assert again.survival.left == pytest.approx(before.left, abs=1e-5)
    assert again.survival.error_va(1000.0) == pytest.approx(before.error_va(1000.0), rel=1e-5)
    kept = [left_of_a_load_that_just_began(before, house, HALF_HOUR) for house in (LASTING, BRIEF)]
    again.play(np.zeros((2 * WINDOW, 2)))  # a night: nothing to learn from
    after = [left_of_a_load_that_just_began(again.survival, house, HALF_HOUR) for house in (LASTING, BRIEF)]
    assert after == pytest.approx(kept, abs=0.01)
    for _ in range(5):  # and restarts do not wear it off
        once_more = Record(2)
        assert once_more.survival.relearn(again.survival.learned(), KeptHouses.same(2))
        once_more.play(np.zeros((2, 2)))
        again = once_more
    after = [left_of_a_load_that_just_began(again.survival, house, HALF_HOUR) for house in (LASTING, BRIEF)]
    assert after == pytest.approx(kept, abs=0.01)


def test_houses_keep_what_they_taught_when_others_come_and_go() -> None:
    before = of_two(3.0).survival
    again = Record(3)
    names = ["lasting", "brief"]
    assert again.survival.relearn(before.learned(), KeptHouses.of(names, ["new", "brief", "another"]))
    assert again.survival.left[1] == pytest.approx(before.left[1], abs=1e-5)
    assert again.survival.left[0] == pytest.approx(again.survival.left[2])
    assert not np.allclose(again.survival.left[0], PRIOR)  # the feeder's own coefficients, not the shipped ones
    again.play(np.zeros((WINDOW, 3)))
    assert again.survival.left[1] == pytest.approx(before.left[1], abs=0.01)


GOOD = Survival(2, np.ones(2, dtype=bool)).learned()
LEFT = np.broadcast_to(PRIOR, (2, BLOCKS, PARTS)).astype(np.float32)
SAMPLES = np.zeros((2, BLOCKS), dtype=np.float32)


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="empty"),
        pytest.param([1], id="a list"),
        pytest.param(Survival(3, np.ones(3, dtype=bool)).learned(), id="of other houses"),
        pytest.param(GOOD | {"left": "no base64!"}, id="damaged"),
        pytest.param(GOOD | {"left": 3}, id="a number"),
        pytest.param(GOOD | {"feeder": GOOD["feeder"][:-8]}, id="cut off"),
        pytest.param(GOOD | {"left": pack(LEFT * np.float32(np.nan))}, id="no number"),
        pytest.param(GOOD | {"square": pack(SAMPLES - 1)}, id="negative squares"),
        pytest.param(GOOD | {"samples": pack(SAMPLES - 1)}, id="negative samples"),
        pytest.param(GOOD | {"samples": pack(SAMPLES + np.float32(np.inf))}, id="without end"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(nonsense: Any) -> None:
    survival = of_two(1.0).survival
    before = survival.learned()
    assert not survival.relearn(nonsense, KeptHouses.same(2))
    assert survival.learned() == before


def test_the_error_that_is_told_is_the_one_that_is_met() -> None:
    """Thirty houses whose loads wander independently with half an hour's memory: their forecasts' sum, judged on the
    last two of five days."""
    houses, days, each_s, longest_s = 30, 5, 300.0, 900.0
    chance, per_day = np.random.default_rng(3), round(86_400 / each_s)
    memory, spread = math.exp(-each_s / 1800.0), 500.0
    load = np.zeros((days * per_day, houses))
    for k in range(1, len(load)):
        load[k] = memory * load[k - 1] + spread * math.sqrt(1 - memory**2) * chance.normal(size=houses)
    load += 800.0
    blend, every = SurvivalBlend(houses, 0.0), np.arange(houses)
    ends = np.round(H.ends_s / each_s).astype(int)
    starts = np.round(H.starts_s / each_s).astype(int)
    told, missed = [], []
    for k, row in enumerate(load[: -ends[-1] - 1]):
        now = k * each_s
        blend.observe(every, row + 0j, np.full(houses, now), now, longest_s)
        # Between two readings too: a sample is due each 150 s.
        for part in (0.0, STEP_S):
            blend.learn(now + part, now + part, H)
        if k >= 3 * per_day and k % 3 == 0:
            really = np.array(
                [load[k + a + 1 : k + b + 1].sum(axis=1).mean() for a, b in zip(starts, ends, strict=True)]
            )
            missed.append(blend.forecast(now, H).real.sum(axis=0) - really)
            told.append(blend.error_va(1000.0))
    met = np.sqrt(np.mean(np.square(missed), axis=0))
    assert np.mean(told, axis=0) == pytest.approx(met, rel=0.25)
    assert np.mean(told[-1]) < 0.5 * houses * spread, "the errors of houses do not add up"
