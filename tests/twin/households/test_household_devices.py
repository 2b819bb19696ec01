"""Cars, heat pumps, fridges and appliances do what their data say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from edge_balancer.twin.households import Fixed, Population, PopulationOptions
from edge_balancer.twin.households.cars import EARLIEST_H, LATEST_END_H
from edge_balancer.twin.households.european import APPLIANCES, ELECTRIC_SHOWER
from edge_balancer.twin.households.house_types import EUROPEAN_TYPES, Person, draw_houses
from edge_balancer.twin.households.kinds import HEAT_PUMP_OFF_S
from edge_balancer.twin.households.occupancy import active_people, is_weekend, on_holiday
from edge_balancer.twin.households.pulses import Pulses
from edge_balancer.twin.households.usage import habit_weights

WINTER = 20101
SUMMER = 20255
JULY = range(20270, 20301)
DAYS = 7
HOUSES = 10


def of_kind(population: Population, kind: int, first: int, days: int = DAYS) -> Pulses:
    parts = [population.day_pulses(day) for day in range(first, first + days)]
    return Pulses.join([x.take(x.kind == kind) for x in parts])


@pytest.fixture(scope="module")
def electric() -> Population:
    return Population(PopulationOptions(houses=HOUSES, ev_share=1.0, heat_pump_share=1.0), 2)


def test_shares_are_exact(electric: Population) -> None:
    for share in (0.0, 0.25, 0.5, 1.0):
        houses = Population(PopulationOptions(houses=20, ev_share=share, shower_share=share), 4).houses
        shower = [a.name for a in APPLIANCES].index(ELECTRIC_SHOWER)
        assert sum(h.car is not None for h in houses) == 20 * share
        assert sum(any(o.kind == shower for o in h.appliances) for h in houses) == 20 * share


def test_charges_are_plausible(electric: Population) -> None:
    for day in range(WINTER, WINTER + DAYS):
        midnight = electric.site.local_midnight(day)
        pulses = electric.day_pulses(day)
        pulses = pulses.take(pulses.kind == Fixed.CAR)
        for house in np.unique(pulses.house):
            one = pulses.take(pulses.house == house)
            car = electric.houses[house].car
            assert car is not None
            assert len(np.unique(one.session)) == 1
            assert one.p.max() == pytest.approx(car.power_w, abs=0.1)
            assert car.power_w in (3680.0, 4600.0, 7360.0)
            assert one.start.min() - midnight >= EARLIEST_H * 3600 - 1
            assert one.end.max() - midnight <= LATEST_END_H * 3600 + 1
            assert 1000.0 <= one.energy_wh() <= 60_500.0
            if len(one) == 2:
                # The taper follows the main part without a gap, at less power.
                assert one.start[1] == one.end[0]
                assert one.p[1] < 0.5 * one.p[0]


def test_a_car_never_takes_more_than_its_charging_point_gives(electric: Population) -> None:
    plain = Population(PopulationOptions(houses=HOUSES, ev_share=0.0, heat_pump_share=1.0), 2)
    start = electric.site.local_midnight(WINTER)
    cars = electric.power(start, DAYS * 86400, 60).p - plain.power(start, DAYS * 86400, 60).p
    ratings = np.array([h.car.power_w for h in electric.houses if h.car is not None])
    assert (cars <= ratings + 0.1).all()
    assert cars.max() > 3600.0


def test_most_charges_begin_in_the_evening_and_some_by_a_timer(electric: Population) -> None:
    pulses = of_kind(electric, Fixed.CAR, WINTER, 21)
    hours = (pulses.start + 3600) / 3600.0 % 24.0
    first = np.unique(pulses.house * 2**40 + pulses.session, return_index=True)[1]
    evening = ((hours[first] > 15.5) & (hours[first] < 21.5)).mean()
    night = (hours[first] < 3.0).mean()
    assert evening > 0.5
    assert 0.02 < night < 0.45


def test_a_compressor_is_never_off_for_less_than_it_needs(electric: Population) -> None:
    pulses = of_kind(electric, Fixed.HEAT_PUMP, WINTER - 30, 36)
    for house in range(HOUSES):
        one = pulses.take(pulses.house == house)
        one = one.take(np.argsort(one.start))
        gaps = one.start[1:] - one.end[:-1]
        assert (gaps >= 0).all()
        assert gaps[gaps > 0].min(initial=HEAT_PUMP_OFF_S) >= HEAT_PUMP_OFF_S - 1
        assert (one.end - one.start).min() >= 359


def test_heat_pumps_follow_the_weather(electric: Population) -> None:
    start = electric.site.local_midnight
    energy, cold = [], []
    for day in range(WINTER - 40, WINTER + 60, 5):
        pulses = of_kind(electric, Fixed.HEAT_PUMP, day, 1)
        energy.append(pulses.energy_wh() / HOUSES)
        cold.append(-electric.weather.temperature_c(np.arange(start(day), start(day + 1), 3600.0)).mean())
    assert np.corrcoef(energy, cold)[0, 1] > 0.9
    mean_c = {d: electric.weather.temperature_c(np.arange(start(d - 1), start(d + 1), 3600.0)).mean() for d in JULY}
    warm = [day for day in JULY if mean_c[day] > 18.5]
    summer = np.mean([of_kind(electric, Fixed.HEAT_PUMP, day, 1).energy_wh() / HOUSES for day in warm])
    # In summer there is hot water and little else.
    assert 500.0 < summer < 3000.0
    assert min(energy) > 3000.0


def test_fridges_cycle_through_midnight() -> None:
    population = Population(PopulationOptions(houses=6), 8)
    for house in population.houses:
        for which, one in enumerate(house.compressors):
            pulses = of_kind(population, Fixed.COMPRESSOR + which, SUMMER)
            pulses = pulses.take(pulses.house == house.index)
            pulses = pulses.take(np.argsort(pulses.start))
            gaps = pulses.start[1:] - pulses.start[:-1]
            assert gaps.min() > 0.75 * one.period_s
            assert gaps.max() < 1.25 * one.period_s
            assert pulses.energy_wh() == pytest.approx(one.power_w * one.duty * 24 * DAYS, rel=0.05)


def test_appliances_are_used_as_often_as_their_data_say() -> None:
    """Per owner and day, over houses that are not away; thrift and size average to about one."""
    days = 10
    population = Population(PopulationOptions(houses=45), 3)
    uses: Counter[int] = Counter()
    for day in range(WINTER, WINTER + days):
        pulses = population.day_pulses(day)
        key = np.unique(np.stack([pulses.kind, pulses.house, pulses.session]), axis=1)
        uses.update(key[0].tolist())
    for kind, appliance in enumerate(APPLIANCES):
        owners = [h for h in population.houses if any(o.kind == kind for o in h.appliances)]
        expected = sum(
            appliance.per_day * h.thrift * h.relative_size**appliance.with_people
            for h in owners
            for day in range(WINTER, WINTER + days)
            if not on_holiday(3, h.index, day)
        )
        if appliance.after_dark:
            assert 0.4 * expected < uses[kind] < 0.95 * expected
        else:
            assert uses[kind] == pytest.approx(expected, abs=4.5 * expected**0.5 + 0.08 * expected), appliance.name


def test_nobody_cooks_in_an_empty_or_sleeping_house() -> None:
    population = Population(PopulationOptions(houses=8), 5)
    hob = [a.name for a in APPLIANCES].index("hob")
    pulses = of_kind(population, hob, WINTER, 14)
    hours = (pulses.start + 3600) / 3600.0 % 24.0
    assert len(pulses) > 50
    assert (((hours < 4.0) | (hours > 5.0)) & ((hours < 1.5) | (hours > 5.0))).mean() > 0.98


def test_a_household_on_holiday_leaves_only_what_runs_by_itself() -> None:
    population = Population(PopulationOptions(houses=20, ev_share=1.0, water_heater_share=0.5), 6)
    seen = 0
    for day in range(WINTER, WINTER + 28):
        away = [h for h in range(20) if on_holiday(6, h, day)]
        pulses = population.day_pulses(day)
        for house in away:
            kinds = set(pulses.kind[pulses.house == house].tolist())
            assert kinds <= {Fixed.BASE, Fixed.WATER_HEATER, Fixed.COMPRESSOR, Fixed.COMPRESSOR + 1}
            seen += 1
    assert seen > 5


def test_workers_are_out_by_day_on_working_days_and_at_home_at_weekends() -> None:
    house = Population(PopulationOptions(houses=60), 1).houses
    worker = next(h for h in house if h.type.people == (Person.WORKER,))
    rng = np.random.default_rng(0)
    noon = slice(36, 60)
    weekday = np.mean([active_people(worker, False, rng)[noon].mean() for _ in range(150)])
    weekend = np.mean([active_people(worker, True, rng)[noon].mean() for _ in range(150)])
    assert weekday < 0.35
    assert weekend > 0.5


def test_weekends_are_saturday_and_sunday() -> None:
    # 2025-01-13 is a Monday.
    assert [is_weekend(WINTER + k) for k in range(7)] == [False] * 5 + [True] * 2


def test_house_types_fill_the_population() -> None:
    assert sum(t.share for t in EUROPEAN_TYPES) == pytest.approx(1.0)
    houses = draw_houses(PopulationOptions(houses=400), 2)
    people = np.mean([len(h.type.people) for h in houses])
    assert 1.9 < people < 2.5


def test_habits_add_up_and_peak_where_they_say() -> None:
    weights = habit_weights(((0.25, 7.5, 0.5), (0.75, 26.0, 0.5)))
    assert weights.sum() == pytest.approx(1.0)
    # Two o'clock at night belongs to the end of the day that begins at four.
    assert abs(4.0 + (np.argmax(weights) + 0.5) / 6.0 - 26.0) < 0.2


@pytest.mark.parametrize("appliance", APPLIANCES, ids=lambda a: a.name)
def test_the_table_of_appliances_is_sane(appliance: object) -> None:
    from edge_balancer.twin.households.catalogue import Appliance

    assert isinstance(appliance, Appliance)
    assert 0.0 < appliance.owned <= 1.0
    assert 0.0 < appliance.power_w[0] < appliance.power_w[1] < 10_000.0
    assert 3.0 < appliance.energy_wh < 2500.0
    assert appliance.source
    assert sum(s.duration_s for s in appliance.stages) < 4 * 3600
