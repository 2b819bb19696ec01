"""A car, a heat pump, a boiler is recognised from its house's meter; kettles and clouds are not."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from edge_balancer.forecast.sessions import CONFIRM_S, Sessions
from edge_balancer.twin.households import Population, PopulationOptions

ONE = np.array([0])


class House:
    """One house whose meter reports every `each_s` seconds."""

    def __init__(self, each_s: float = 10.0, load_w: complex = 300.0) -> None:
        self.sessions, self.each_s = Sessions(1), each_s
        self.sessions.observe(ONE, np.array([load_w + 0j]), np.zeros(1), np.array([True]), np.array([load_w + 0j]))
        self.draws(load_w, 7200.0)

    def draws(self, load_w: complex, seconds: float, *, after_a_gap: bool = False) -> list[bool]:
        """For so long; tells after each reading whether a session is on."""
        told = []
        for k in range(round(seconds / self.each_s)):
            gap = after_a_gap and k == 0
            dt = np.array([0.0 if gap else self.each_s])
            self.sessions.observe(ONE, np.array([load_w + 0j]), dt, np.array([gap]), np.array([load_w + 0j]))
            told.append(bool(self.sessions.on[0]))
        return told

    @property
    def level(self) -> complex:
        return complex(self.sessions.level[0])


@pytest.mark.parametrize(
    ("car_w", "each_s"), [(2300.0, 10.0), (3680.0, 5.0), (3680.0, 60.0), (7360.0, 10.0), (7360.0, 60.0)]
)
def test_a_car_is_recognised_after_five_minutes(car_w: float, each_s: float) -> None:
    house = House(each_s)
    told = house.draws(300.0 + car_w, 3600.0)
    began = told.index(True) * each_s
    assert CONFIRM_S - each_s <= began <= CONFIRM_S + 2 * each_s
    assert all(told[told.index(True) :]), "it stays on"
    assert house.level.real == pytest.approx(car_w, rel=0.02)


def test_a_heat_pump_of_fixed_speed_is_recognised_in_every_cycle() -> None:
    house = House()
    for _ in range(6):
        on = house.draws(300.0 + 2200.0, 1200.0)
        assert sum(on) * house.each_s > 0.7 * 1200.0
        off = house.draws(300.0, 1200.0)
        assert sum(off) * house.each_s < 120.0


def test_cars_of_the_twin_are_recognised_for_most_of_the_time_they_charge() -> None:
    houses, days = 8, 3
    with_cars, without = (Population(PopulationOptions(houses=houses, ev_share=share), 5) for share in (1.0, 0.0))
    start = with_cars.site.midnight_of(dt.date(2025, 1, 6))
    drawn, rest = (one.power(start, days * 86_400, 60) for one in (with_cars, without))
    charging = drawn.p - rest.p > 500.0
    sessions, on = Sessions(houses), np.zeros(charging.shape, dtype=bool)
    for k, load in enumerate(drawn.p + 1j * drawn.q):
        dt_s, fresh = np.full(houses, 60.0 * (k > 0)), np.full(houses, k == 0)
        sessions.observe(np.arange(houses), load, dt_s, fresh, load)
        on[k] = sessions.on
    assert (on & charging).sum() / charging.sum() > 0.85
    assert (on & ~charging).mean() < 0.03


def test_its_reactive_power_belongs_to_it() -> None:
    house = House(load_w=300 + 100j)
    house.draws(2800 + 900j, 3600.0)
    assert house.level == pytest.approx(2500 + 800j, rel=0.02)


@pytest.mark.parametrize(
    ("load_w", "seconds"),
    [
        pytest.param(2500.0, 180.0, id="a kettle"),
        pytest.param(9300.0, 240.0, id="an electric shower"),
        pytest.param(1900.0, 7200.0, id="a load below that of any charger"),
        pytest.param(-4000.0, 180.0, id="a gap in the clouds"),
    ],
)
def test_what_is_no_session(load_w: float, seconds: float) -> None:
    house = House()
    assert not any(house.draws(load_w, seconds))
    assert not any(house.draws(300.0, 1200.0))


def test_a_washing_machine_that_heats_now_and_then_is_none() -> None:
    house = House()
    for _ in range(6):
        assert not any(house.draws(2400.0, 200.0))
        assert not any(house.draws(400.0, 400.0))


@pytest.mark.parametrize("each_s", [5.0, 10.0, 60.0])
def test_it_ends_when_the_load_falls_back_and_the_next_is_recognised(each_s: float) -> None:
    house = House(each_s)
    house.draws(4000.0, 7200.0)
    told = house.draws(300.0, 600.0)
    assert told.index(False) * each_s <= 120.0
    assert not any(told[told.index(False) :])
    assert house.level == 0.0
    assert house.draws(4000.0, 900.0)[-1]


def test_a_car_that_tapers_off_is_followed() -> None:
    house = House()
    house.draws(4000.0, 7200.0)
    for step in range(8):
        assert all(house.draws(4000.0 - 200.0 * step, 900.0))
    assert house.level.real == pytest.approx(2300.0, rel=0.1)


def test_a_kettle_beside_the_car_does_not_end_it() -> None:
    house = House()
    house.draws(4000.0, 3600.0)
    assert all(house.draws(6300.0, 180.0))
    assert all(house.draws(4000.0, 3600.0))
    assert house.level.real == pytest.approx(3700.0, rel=0.05)


def test_clouds_over_a_roof_are_no_session() -> None:
    house = House(load_w=-3500.0)
    for _ in range(10):
        assert not any(house.draws(-500.0, 120.0))
        assert not any(house.draws(-3500.0, 240.0))


def test_a_cloud_that_stays_is_over_when_the_sun_is_back() -> None:
    house = House(load_w=-3500.0)
    house.draws(-500.0, 1800.0)
    assert not house.draws(-3500.0, 300.0)[-1]


def test_a_meter_of_quarter_hours_tells_of_it_with_its_first_mean() -> None:
    """It has stood for five minutes by then: a kettle lifts such a mean by a tenth of that."""
    house = House(900.0)
    assert not any(House(900.0).draws(300.0 + 2200.0 * 3 / 15, 900.0))
    assert house.draws(300.0 + 3680.0, 900.0) == [True]
    assert house.level.real == pytest.approx(3680.0, rel=0.05)
    assert house.draws(300.0, 900.0) == [False]


def test_after_a_gap_nothing_is_known_of_it() -> None:
    house = House()
    house.draws(4000.0, 3600.0)
    told = house.draws(4000.0, 3600.0, after_a_gap=True)
    assert not any(told), "what the house drew before the car is not known any more"


def test_what_stands_higher_for_most_of_a_day_is_how_the_house_lives() -> None:
    house = House(60.0)
    told = house.draws(4000.0, 20 * 3600.0)
    assert told[13 * 60]
    assert not told[-1]
    assert not any(house.draws(4000.0, 3600.0))


def test_houses_do_not_mix() -> None:
    sessions, both = Sessions(2), np.arange(2)
    rest = np.array([300.0 + 0j, 300.0])
    sessions.observe(both, rest, np.zeros(2), np.ones(2, dtype=bool), rest)
    for _ in range(60):
        sessions.observe(both, np.array([4000.0 + 0j, 300.0]), np.full(2, 10.0), np.zeros(2, dtype=bool), rest)
    assert sessions.on.tolist() == [True, False]
