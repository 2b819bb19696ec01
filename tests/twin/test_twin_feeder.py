"""The simulated feeder: deterministic, moved by contacts, and plausible."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import pytest

from edge_balancer.twin.feeder import Truth, TwinFeeder
from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.twin.grid.style import Style
from edge_balancer.twin.households import Fixed
from edge_balancer.twin.houses import draw_houses
from edge_balancer.twin.neighbourhood import Neighbourhood
from edge_balancer.twin.options import DEFAULT_DAY, TwinOptions
from edge_balancer.types.phases import ROTATION, Phase

OPTIONS = TwinOptions(ev_share=0.2)
CLEAR_DAY = dt.date(2025, 5, 27)
NOON = OPTIONS.wall(CLEAR_DAY, 12 * 3600.0)
SMALL = TwinOptions(houses=9, seed=4)


@pytest.fixture
def feeder() -> TwinFeeder:
    return TwinFeeder(OPTIONS)


@pytest.fixture(scope="module")
def untouched() -> TwinFeeder:
    """For tests that move nothing, and to compare with."""
    return TwinFeeder(OPTIONS)


def a_roof(feeder: TwinFeeder) -> tuple[int, str]:
    """A house on L1 whose PV is large."""
    on_l1 = np.flatnonzero(feeder.houses.phases == 0)
    k = int(on_l1[np.argmax(feeder.houses.pv_w[on_l1])])
    return k, feeder.houses.ids[k]


def move(feeder: TwinFeeder, house: str, phase: Phase, wall: float) -> None:
    feeder.contact(house, None, wall)
    feeder.contact(house, phase, wall + 0.2)


@pytest.mark.parametrize(
    ("options", "per_phase", "roofs"),
    [
        (TwinOptions(), [21, 19, 15], [20, 4, 4]),
        (TwinOptions(pv_skew=1 / 3), [21, 19, 15], [9, 10, 9]),
        (TwinOptions(pv_share=0.0), [21, 19, 15], [0, 0, 0]),
        (TwinOptions(skewed_phase=Phase.L3), [19, 15, 21], [4, 4, 20]),
        (TwinOptions(houses=3, pv_share=1.0, pv_skew=1.0), [3, 0, 0], [3, 0, 0]),
        (TwinOptions(style=Style.MINI_GRID, houses=11, pv_share=0.2, pv_skew=0.5), [4, 4, 3], [1, 1, 0]),
    ],
)
def test_houses_and_roofs_are_spread_as_asked(options: TwinOptions, per_phase: list[int], roofs: list[int]) -> None:
    houses = draw_houses(options)
    assert [int((houses.phases == k).sum()) for k in range(3)] == per_phase
    assert [int(((houses.phases == k) & (houses.pv_w > 0)).sum()) for k in range(3)] == roofs


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"houses": 0}, "houses"),
        ({"seed": -1}, "seed"),
        ({"pv_share": 1.5}, "pv_share"),
        ({"ev_share": -0.1}, "ev_share"),
        ({"pv_skew": 2.0}, "pv_skew"),
        ({"heat_pump_share": 1.1}, "heat_pump_share"),
        ({"style": Style.MINI_GRID, "ev_share": 0.1}, "mini-grid"),
    ],
)
def test_options_out_of_range_are_named(change: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        TwinOptions(**change)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_feeder_whatever_was_asked_before() -> None:
    one, other = TwinFeeder(SMALL), TwinFeeder(SMALL)
    for day in range(5):
        other.at(NOON + day * 86400.0)
    assert np.array_equal(one.at(NOON).p, other.at(NOON).p)
    assert one.at(NOON).neutral == other.at(NOON).neutral
    assert not np.array_equal(one.at(NOON).p, TwinFeeder(TwinOptions(houses=9, seed=5)).at(NOON).p)


def test_without_moves_it_is_its_own_counterfactual(untouched: TwinFeeder) -> None:
    truth = untouched.at(NOON)
    assert truth.neutral == truth.neutral_without
    assert truth.neutral_a > 100.0, "a skewed feeder at a clear noon"


def test_an_instant_is_what_the_power_flow_gives_for_its_second(untouched: TwinFeeder) -> None:
    wall = NOON + 77.6
    truth, place = untouched.at(wall), Neighbourhood.of(OPTIONS)
    second = int(NOON) + 77
    loads = place.population.power(second, 1, 1)
    p = loads.p - place.solar(second, 1)
    found = PowerFlow(place.grid).solve(p + 1j * loads.q, source=place.mv_level(np.array([float(second)])))
    assert truth.wall == wall
    assert truth.p == pytest.approx(p[0])
    assert truth.v == pytest.approx(np.abs(found.house_v[0]))
    assert truth.neutral == pytest.approx(found.neutral[0])
    assert truth.bus_p == pytest.approx(found.bus_s[0].real)
    assert truth.bus_i == pytest.approx(found.bus_i[0])


def test_the_neutral_is_the_sum_of_the_houses_currents(untouched: TwinFeeder) -> None:
    truth = untouched.at(NOON)
    # The voltages' angles, a few degrees, are not in the truth.
    expected = ((truth.p - 1j * truth.q) / truth.v * ROTATION[truth.phases]).sum()
    assert abs(truth.neutral - expected) < 0.08 * abs(expected)
    assert truth.load_w.sum() - truth.solar_w.sum() == pytest.approx(truth.p.sum())


def test_far_houses_of_the_crowded_phase_see_more_voltage_than_the_transformer_and_the_others_less(
    untouched: TwinFeeder,
) -> None:
    truth = untouched.at(NOON)
    bus = np.abs(truth.bus_v)
    assert truth.v[truth.phases == 0].max() > bus.max() + 8.0
    assert truth.v[truth.phases != 0].min() < bus.max()


def test_a_rural_feeder_sees_over_voltage_at_noon_and_moves_end_it() -> None:
    """The limit is EN 50160's."""
    limit_v = 253.0
    feeder = TwinFeeder(TwinOptions(style=Style.RURAL, ev_share=0.2))
    assert feeder.at(NOON).v.max() > limit_v
    on_l1 = [h for k, h in enumerate(feeder.houses.ids) if feeder.houses.phases[k] == 0 and feeder.houses.pv_w[k] > 0]
    for number, house in enumerate(on_l1[:13]):
        move(feeder, house, Phase.L2 if number % 2 else Phase.L3, NOON)
    assert feeder.at(NOON + 400.0).v.max() < limit_v


def test_an_open_switch_is_a_dark_house(feeder: TwinFeeder) -> None:
    k, house = a_roof(feeder)
    feeder.contact(house, None, NOON)
    truth = feeder.at(NOON)
    assert (truth.p[k], truth.q[k], truth.v[k], truth.phases[k]) == (0.0, 0.0, 0.0, -1)
    assert feeder.phases[house] is None


def test_a_moved_house_loses_its_pv_for_its_reconnect_time_only(feeder: TwinFeeder, untouched: TwinFeeder) -> None:
    k, house = a_roof(feeder)
    move(feeder, house, Phase.L3, NOON)
    assert feeder.phases[house] is Phase.L3
    assert feeder.at(NOON + 1.0).p[k] > 0.0, "load without PV"
    shortest, longest = OPTIONS.pv_reconnect_s
    assert feeder.at(NOON + shortest - 1.0).p[k] > 0.0
    later, undisturbed = feeder.at(NOON + longest + 1.0), untouched.at(NOON + longest + 1.0)
    # Its fridge may still be making up what it missed.
    assert later.p[k] == pytest.approx(undisturbed.p[k], abs=150.0)
    assert later.p[k] < -1000.0
    assert later.neutral_without == undisturbed.neutral_without
    assert later.neutral != later.neutral_without


def test_closing_where_it_was_trips_the_inverter_too(feeder: TwinFeeder) -> None:
    k, house = a_roof(feeder)
    move(feeder, house, Phase.L1, NOON)
    assert feeder.at(NOON + 1.0).p[k] > 0.0
    assert feeder.at(NOON + 400.0).p[k] < 0.0


def test_a_move_at_night_costs_no_sun(feeder: TwinFeeder, untouched: TwinFeeder) -> None:
    _, house = a_roof(feeder)
    midnight = OPTIONS.wall(CLEAR_DAY)
    move(feeder, house, Phase.L2, midnight)
    assert not feeder.at(midnight + 1.0).solar_w.any()
    assert feeder.at(NOON).solar_w.sum() == pytest.approx(untouched.at(NOON).solar_w.sum())


def test_a_charging_car_finishes_later_by_what_it_stood_still() -> None:
    options = TwinOptions(houses=5, seed=2, pv_share=0.0, ev_share=1.0)
    still, moved = TwinFeeder(options), TwinFeeder(options)
    pulses = still.place.population.day_pulses((DEFAULT_DAY - dt.date(1970, 1, 1)).days)
    cars = pulses.take(pulses.kind == Fixed.CAR)
    longest = int(np.argmax(cars.end - cars.start))
    k, begin, end = int(cars.house[longest]), int(cars.start[longest]), int(cars.end[longest])
    assert end - begin > 3600
    half = (begin + end) // 2
    moved.contact(still.houses.ids[k], None, half)
    moved.contact(still.houses.ids[k], Phase.L2, half + 600.0)
    car_w = float(cars.p[longest])
    assert moved.at(half + 700.0).p[k] >= car_w
    # The ten minutes in the dark, and half a minute for which the charging point hesitated.
    assert all(moved.at(end + after).p[k] >= car_w for after in (1.0, 300.0, 625.0))
    # Then the charge ends as it would have: with less power.
    assert moved.at(end + 635.0).p[k] < moved.at(end + 625.0).p[k] - 0.4 * car_w


def test_moving_the_right_houses_cuts_the_neutral_current(feeder: TwinFeeder) -> None:
    roofs = [h for k, h in enumerate(feeder.houses.ids) if feeder.houses.phases[k] == 0 and feeder.houses.pv_w[k] > 0]
    for number, house in enumerate(roofs[:12]):
        move(feeder, house, Phase.L2 if number % 2 else Phase.L3, NOON)
    truth = feeder.at(NOON + 400.0)
    assert truth.neutral_a < 0.35 * truth.neutral_without_a


def test_a_move_is_seen_in_the_same_minute_and_leaves_its_house_alone_to_change(
    feeder: TwinFeeder, untouched: TwinFeeder
) -> None:
    before = feeder.at(NOON + 10.0)
    k = int(np.flatnonzero((feeder.houses.pv_w == 0) & (feeder.houses.phases == 0))[0])
    move(feeder, feeder.houses.ids[k], Phase.L2, NOON + 10.2)
    after = feeder.at(NOON + 11.0)
    others = [j for j in range(OPTIONS.houses) if j != k]
    assert before.phases[k] == 0
    assert after.phases[k] == 1
    assert after.p[others] == pytest.approx(untouched.at(NOON + 11.0).p[others])


@pytest.mark.parametrize("seed", [1, 2])
def test_days_are_plausible(seed: int) -> None:
    options = TwinOptions(seed=seed)
    place = Neighbourhood.of(options)
    start, days, minute = int(options.wall(DEFAULT_DAY)), 2, 60
    loads = place.population.power(start, days * 86400, minute)
    solar = place.solar(start, days * 86400, minute)
    s = loads.p - solar + 1j * loads.q
    found = PowerFlow(place.grid).solve(s, source=place.mv_level(start + minute * np.arange(len(s), dtype=np.float64)))
    neutral, volts, load = np.abs(found.neutral), np.abs(found.house_v), loads.p.sum(axis=1)
    assert 25.0 < neutral.mean() < 110.0
    assert 4.5 < load.mean() / options.houses * 24 / 1000.0 < 12.0, "kWh per house and day"
    assert load.max() > 2.0 * np.median(load), "a feeder's evening"
    plain = loads.p[:, place.houses.pv_w == 0]
    assert np.median(plain.max(axis=0) / np.median(plain, axis=0)) > 8.0, "a house's spikes"
    assert 205.0 < volts.min() < 229.0
    assert 236.0 < volts.max() < 258.0
    assert not solar[:120].any(), "PV at night"


def test_the_medium_voltage_wanders_slowly() -> None:
    place = Neighbourhood.of(SMALL)
    level = place.mv_level(NOON + np.arange(0.0, 86400.0, 60.0))
    assert 0.99 < level.min() < 0.997
    assert 1.003 < level.max() < 1.01
    assert np.abs(np.diff(level)).max() < 0.0005
    truths: list[Truth] = [TwinFeeder(SMALL).at(NOON + 900.0 * k) for k in range(3)]
    assert all(abs(a.bus_v[0]) != abs(b.bus_v[0]) for a, b in pairwise(truths))
