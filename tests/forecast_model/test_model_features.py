"""The inputs of a learned forecast: complete, in order, never ahead of time, and the same however they are gathered."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.forecast.features import FEATURES, LONGEST_AGE_S, NAMES, features, log_age
from edge_balancer.forecast.tracker import FeatureTracker
from edge_balancer.types.kept import KeptHouses
from tests.forecast_model.recorded import BEGIN, LONGEST_S, MONO, STEP_S, H, record


def test_every_feature_has_a_name_of_its_own_a_unit_and_a_meaning() -> None:
    assert len(set(NAMES)) == len(FEATURES)
    assert all(feature.unit and feature.meaning for feature in FEATURES)


def test_every_column_is_filled_and_of_order_one() -> None:
    rec = record(days=1.5)
    blend, tracker = rec.blend(), rec.tracker()
    tables = [
        features(blend, tracker, wall, H) for _, _, wall in rec.drive(blend, tracker, range(0, 2160, 4), every=20)
    ]
    stack = np.stack(tables)
    assert stack.dtype == np.float32
    assert stack.shape[1:] == (rec.houses, len(FEATURES))
    assert np.isfinite(stack).all()
    told = {name for k, name in enumerate(NAMES) if np.ptp(stack[:, :, k]) > 0.0}
    # All readings here are fresh. It begins on a Sunday.
    assert set(NAMES) - told == {"reading_age"}
    assert np.abs(stack).max() < 20.0


def test_the_first_columns_say_what_they_are_called() -> None:
    rec = record()
    blend, tracker = rec.blend(), rec.tracker()
    *_, (_, _, wall) = rec.drive(blend, tracker, range(700))
    table = features(blend, tracker, wall, H)
    told = {name: table[:, k] for k, name in enumerate(NAMES)}
    assert told["now"] == pytest.approx(blend.now.real / 1000.0, abs=1e-5)
    usual = blend.usual(wall, H).real
    assert told["usual_5min"] == pytest.approx(usual[:, 0] / 1000.0, abs=1e-5)
    assert told["usual_240min"] == pytest.approx(usual[:, 5] / 1000.0, abs=1e-5)
    assert told["blend_5min"] == pytest.approx(blend.forecast(wall, H)[:, 0].real / 1000.0, abs=1e-5)
    assert told["blend_240min"] == pytest.approx(blend.forecast(wall, H)[:, 5].real / 1000.0, abs=1e-5)
    assert told["reactive"] == pytest.approx(blend.now.imag / 1000.0, abs=1e-5)
    assert told["pv_size"] == pytest.approx(rec.pv_w / 1000.0)
    assert told["feeder"] == pytest.approx(np.full(rec.houses, blend.now.real.mean() / 1000.0), abs=1e-5)


def test_a_feature_knows_nothing_of_what_comes() -> None:
    """Two records that part at five have the same features until then, to the bit, and not after."""
    one = record(seed=5)
    other = record(seed=5)
    other.power[300:] += 777.0
    tables = []
    for rec in (one, other):
        blend, tracker = rec.blend(), rec.tracker()
        tables.append([features(blend, tracker, wall, H) for _, _, wall in rec.drive(blend, tracker, range(302))])
    for slot in range(300):
        assert np.array_equal(tables[0][slot], tables[1][slot])
    assert not np.array_equal(tables[0][301], tables[1][301])


def test_it_is_all_one_in_which_batches_readings_came() -> None:
    """Serving takes readings as they arrive, training whole slots."""
    rec = record()
    whole_blend, whole = rec.blend(), rec.tracker()
    single_blend, single = rec.blend(), rec.tracker()
    for _, now, wall in rec.drive(whole_blend, whole, range(200)):
        slot = round((now - MONO) / STEP_S)
        for house in range(rec.houses):
            one, load, at = np.array([house]), rec.power[slot, [house]], np.array([now])
            single_blend.observe(one, load, at, wall, LONGEST_S)
            single.observe(one, load, at, LONGEST_S)
        single_blend.learn(now, wall, H)
        single.tick(now, wall, single_blend.now.real)
    wall = BEGIN + 199 * STEP_S
    assert features(single_blend, single, wall, H) == pytest.approx(features(whole_blend, whole, wall, H), abs=1e-6)


def test_what_is_at_hand_need_not_be_made_again() -> None:
    rec = record()
    blend, tracker = rec.blend(), rec.tracker()
    *_, (_, _, wall) = rec.drive(blend, tracker, range(300))
    usual = blend.usual(wall, H)
    assert np.array_equal(
        features(blend, tracker, wall, H, usual, blend.upon(usual)), features(blend, tracker, wall, H)
    )


def test_a_house_that_was_never_heard_says_nothing() -> None:
    rec = record()
    blend, tracker = rec.blend(), rec.tracker()
    some = np.arange(rec.houses - 2)
    for slot in range(100):
        at = np.full(len(some), MONO + slot * STEP_S)
        blend.observe(some, rec.power[slot, some], at, BEGIN + slot * STEP_S, LONGEST_S)
        tracker.observe(some, rec.power[slot, some], at, LONGEST_S)
    tracker.tick(MONO + 6000.0, BEGIN + 6000.0, blend.now.real)
    table = features(blend, tracker, BEGIN + 6000.0, H)
    assert not table[-2:].any()
    assert table[:-2, NAMES.index("reading_age")] == pytest.approx(log_age(np.full(len(some), 60.0)), abs=1e-6)


def test_ages_run_from_now_to_a_day() -> None:
    ages = log_age(np.array([-1.0, 0.0, 60.0, LONGEST_AGE_S, 1e9, np.inf, np.nan]))
    assert ages[[0, 1]] == pytest.approx([0.0, 0.0])
    assert 0.0 < ages[2] < 0.15
    assert ages[3:] == pytest.approx(np.ones(4))


@pytest.mark.parametrize(
    ("loads", "told"),
    [
        pytest.param([200] * 9 + [2200], {"up_size": 2.0, "above_before_up": 2.0, "down_size": 0.0}, id="a kettle"),
        pytest.param([200] * 8 + [1200, 2200], {"up_size": 2.0, "above_before_up": 2.0}, id="half of it first"),
        pytest.param([200] * 5 + [2200] * 3 + [200] * 2, {"up_size": 2.0, "above_before_up": 0.0, "down_size": 2.0}),
        pytest.param([200, 250, 300, 350, 400, 450, 500, 550, 600, 650], {"up_size": 0.0}, id="a slow rise is no step"),
    ],
)
def test_steps_are_seen(loads: list[float], told: dict[str, float]) -> None:
    rec = record(houses=1, roofs=0)
    rec.power[: len(loads), 0] = loads
    blend, tracker = rec.blend(), rec.tracker()
    blend._smoothing_s = 0.0
    *_, (_, _, wall) = rec.drive(blend, tracker, range(len(loads)))
    table = features(blend, tracker, wall, H)
    for name, value in told.items():
        assert table[0, NAMES.index(name)] == pytest.approx(value, abs=0.01), name


def test_how_long_things_last_and_pause_is_seen() -> None:
    tracker = FeatureTracker(1)
    loads = [100] * 5 + [2100] * 7 + [100] * 11 + [2100] * 4
    for minute, load in enumerate(loads):
        tracker.observe(np.array([0]), np.array([load + 0j]), np.array([minute * 60.0]), LONGEST_S)
    assert tracker.on_s[0] == 7 * 60.0
    assert tracker.off_s[0] == 11 * 60.0


def test_off_and_on_again_is_a_new_step_however_soon() -> None:
    tracker = FeatureTracker(1)
    for second, load in ((0.0, 100), (30.0, 2100), (60.0, 100), (80.0, 2100)):
        tracker.observe(np.array([0]), np.array([load + 0j]), np.array([second]), LONGEST_S)
    assert (tracker.up_at[0], tracker.up_w[0], tracker.off_s[0]) == (80.0, 2000.0, 20.0)


def test_a_gap_forgets_the_steps_and_not_the_day() -> None:
    tracker = FeatureTracker(1)
    one = np.array([0])
    for minute, load in enumerate([100] * 60 + [2100] * 60):
        tracker.observe(one, np.array([load + 0j]), np.array([minute * 60.0]), LONGEST_S)
    day = tracker.day_w[0]
    assert np.isfinite(tracker.up_at[0])
    tracker.observe(one, np.array([500 + 0j]), np.array([119 * 60.0 + LONGEST_S + 1.0]), LONGEST_S)
    assert not np.isfinite(tracker.up_at[0])
    assert tracker.unrest_w[0] == 0.0
    assert tracker.day_w[0] == pytest.approx(day)
    assert (tracker.lowest_w[0], tracker.highest_w[0]) == (100.0, 2100.0)


def test_what_was_learned_comes_back_to_the_houses_that_are_still_there() -> None:
    rec = record(days=0.3)
    blend, tracker = rec.blend(), rec.tracker()
    for _ in rec.drive(blend, tracker, range(400)):
        pass
    again = FeatureTracker(3, np.zeros(3))
    kept = KeptHouses.of([f"h{k}" for k in range(rec.houses)], ["h7", "new", "h2"])
    assert again.relearn(tracker.learned(), kept)
    assert again.day_w[[0, 2]] == pytest.approx(tracker.day_w[[7, 2]], rel=1e-5)
    assert again.highest_w[[0, 2]] == pytest.approx(tracker.highest_w[[7, 2]], rel=1e-5)
    assert again.day_w[1] == 0.0
    assert again.highest_w[1] == -np.inf


@pytest.mark.parametrize("nonsense", [None, {}, {"houses": "??"}, {"houses": 5}, {"houses": ""}])
def test_nonsense_is_left_aside(nonsense: object) -> None:
    tracker = FeatureTracker(3)
    assert not tracker.relearn(nonsense, KeptHouses.same(3))
    assert (tracker.day_w == 0.0).all()
