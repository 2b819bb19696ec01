"""The simulated feeder: deterministic, moved by contacts, and plausible."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.twin.feeder import TwinFeeder
from edge_balancer.twin.houses import draw_houses
from edge_balancer.twin.loads import LoadModel
from edge_balancer.twin.options import DEFAULT_DAY, TwinOptions
from edge_balancer.types.phases import ROTATION, Phase

OPTIONS = TwinOptions()
NOON = OPTIONS.wall(DEFAULT_DAY, 12.5 * 3600.0)
SMALL = TwinOptions(houses=9, seed=4)


def a_roof(feeder: TwinFeeder) -> tuple[int, str]:
    """A house on L1 whose PV is large."""
    on_l1 = np.flatnonzero(feeder.houses.phases == 0)
    k = int(on_l1[np.argmax(feeder.houses.pv_w[on_l1])])
    return k, feeder.houses.ids[k]


@pytest.mark.parametrize(
    ("options", "per_phase", "roofs"),
    [
        (OPTIONS, [21, 19, 15], [20, 4, 4]),
        (TwinOptions(pv_skew=1 / 3), [21, 19, 15], [9, 10, 9]),
        (TwinOptions(pv_share=0.0), [21, 19, 15], [0, 0, 0]),
        (TwinOptions(skewed_phase=Phase.L3), [19, 15, 21], [4, 4, 20]),
        (TwinOptions(houses=3, pv_share=1.0, pv_skew=1.0), [3, 0, 0], [3, 0, 0]),
    ],
)
def test_houses_and_roofs_are_spread_as_asked(options: TwinOptions, per_phase: list[int], roofs: list[int]) -> None:
    houses = draw_houses(options)
    assert [int((houses.phases == k).sum()) for k in range(3)] == per_phase
    assert [int(((houses.phases == k) & (houses.pv_w > 0)).sum()) for k in range(3)] == roofs


def test_the_same_seed_gives_the_same_feeder_whatever_was_asked_before() -> None:
    one, other = TwinFeeder(SMALL), TwinFeeder(SMALL)
    for day in range(20):
        other.at(NOON + day * 86400.0)
    assert np.array_equal(one.at(NOON).p, other.at(NOON).p)
    assert one.at(NOON).neutral == other.at(NOON).neutral
    assert not np.array_equal(one.at(NOON).p, TwinFeeder(TwinOptions(houses=9, seed=5)).at(NOON).p)


def test_without_moves_it_is_its_own_counterfactual() -> None:
    truth = TwinFeeder(OPTIONS).at(NOON)
    assert truth.neutral == truth.neutral_without
    assert truth.neutral_a > 100.0, "a skewed feeder at a clear noon"


def test_the_neutral_is_the_sum_of_the_houses_currents() -> None:
    truth = TwinFeeder(OPTIONS).at(NOON)
    expected = ((truth.p - 1j * truth.q) / truth.v * ROTATION[truth.phases]).sum()
    assert abs(truth.neutral - expected) < 0.05 * abs(expected)


def test_an_open_switch_is_a_dark_house() -> None:
    feeder = TwinFeeder(OPTIONS)
    k, house = a_roof(feeder)
    feeder.contact(house, None, NOON)
    truth = feeder.at(NOON)
    assert (truth.p[k], truth.q[k], truth.v[k], truth.phases[k]) == (0.0, 0.0, 0.0, -1)
    assert feeder.phases[house] is None


def test_a_moved_house_loses_its_pv_for_its_reconnect_time_only() -> None:
    feeder, still = TwinFeeder(OPTIONS), TwinFeeder(OPTIONS)
    k, house = a_roof(feeder)
    feeder.contact(house, None, NOON)
    feeder.contact(house, Phase.L3, NOON + 0.2)
    after = feeder.at(NOON + 1.0)
    assert feeder.phases[house] is Phase.L3
    assert after.p[k] > 0.0, "load without PV"
    shortest, longest = OPTIONS.pv_reconnect_s
    assert feeder.at(NOON + shortest - 1.0).p[k] > 0.0
    later = feeder.at(NOON + longest + 1.0)
    assert later.p[k] == pytest.approx(still.at(NOON + longest + 1.0).p[k])
    assert later.neutral_without == still.at(NOON + longest + 1.0).neutral_without
    assert later.neutral != later.neutral_without


def test_closing_where_it_was_trips_the_inverter_too() -> None:
    feeder = TwinFeeder(OPTIONS)
    k, house = a_roof(feeder)
    feeder.contact(house, None, NOON)
    feeder.contact(house, Phase.L1, NOON + 0.2)
    assert feeder.at(NOON + 1.0).p[k] > 0.0
    assert feeder.at(NOON + 400.0).p[k] < 0.0


def test_moving_the_right_houses_cuts_the_neutral_current() -> None:
    feeder = TwinFeeder(OPTIONS)
    roofs = [h for k, h in enumerate(feeder.houses.ids) if feeder.houses.phases[k] == 0 and feeder.houses.pv_w[k] > 0]
    for number, house in enumerate(roofs[:12]):
        feeder.contact(house, Phase.L2 if number % 2 else Phase.L3, NOON)
    truth = feeder.at(NOON + 400.0)
    assert truth.neutral_a < 0.35 * truth.neutral_without_a


@pytest.mark.parametrize("ev_share", [0.0, 0.4])
def test_a_series_of_instants_is_what_each_instant_gives(ev_share: float) -> None:
    options = TwinOptions(houses=12, seed=3, ev_share=ev_share)
    loads = LoadModel(options, draw_houses(options))
    start = options.wall(DEFAULT_DAY, 23.9 * 3600.0)
    p, q = loads.series(start, 37.0, 40, mean=False)
    for k in range(40):
        p_now, q_now = loads.at(start + 37.0 * k)
        assert p[k] == pytest.approx(p_now)
        assert q[k] == pytest.approx(q_now)


def test_a_mean_is_the_mean_of_its_instants() -> None:
    options = TwinOptions(houses=12, seed=3)
    loads = LoadModel(options, draw_houses(options))
    start = options.wall(DEFAULT_DAY, 18.0 * 3600.0)
    fine, _ = loads.series(start - 900.0 + 0.25, 0.5, 1800, mean=False)
    mean, _ = loads.series(start, 900.0, 1, mean=True)
    assert mean[0] == pytest.approx(fine.mean(axis=0), rel=0.01, abs=3.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_three_days_are_plausible(seed: int) -> None:
    options = TwinOptions(seed=seed)
    feeder = TwinFeeder(options)
    start = options.wall(DEFAULT_DAY)
    truths = [feeder.at(start + 300.0 * k) for k in range(3 * 288)]
    neutral = np.array([t.neutral_a for t in truths])
    load = np.array([t.load_w.sum() for t in truths])
    volts = np.array([t.v for t in truths])
    factor = load.sum() / np.hypot(load.sum(), sum(float(t.q.sum()) for t in truths))
    assert 25.0 < neutral.mean() < 75.0
    assert 6.0 < load.mean() / options.houses * 24 / 1000.0 < 14.0, "kWh per house and day"
    assert 0.94 < factor < 0.99
    assert load.max() > 2.2 * np.median(load), "a feeder's evening"
    plain = np.flatnonzero(feeder.houses.pv_w == 0)
    one = np.array([t.p[plain] for t in truths])
    assert np.median(one.max(axis=0) / np.median(one, axis=0)) > 10.0, "a house's spikes"
    assert 205.0 < volts.min() < 228.0
    assert 238.0 < volts.max() < 258.0
    assert not any(t.solar_w.any() for t in truths if t.wall < start + 2 * 3600.0), "PV at night"
