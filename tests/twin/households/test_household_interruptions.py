"""What a dark interval costs: the dead time and nothing else, each kind of appliance in its own way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge_balancer.twin.households import Dark, Fixed, Population, PopulationOptions
from edge_balancer.twin.households.catalogue import Resumption
from edge_balancer.twin.households.interruption import interrupted
from edge_balancer.twin.households.kinds import Return
from edge_balancer.twin.households.pulses import Pulses

GOES_ON = Return(Resumption.GOES_ON, 0)
FINISHES = Return(Resumption.FINISHES, 30)
MAKES_UP = Return(Resumption.MAKES_UP, 240, 240)


def pulses(*spans: tuple[float, float, float], house: int = 0) -> Pulses:
    """Spans of (start, end, W), one session."""
    start, end, p = (np.array([s[k] for s in spans], dtype=np.float64) for k in range(3))
    return Pulses.of(house, 0, 7, start, end, p, 0.0 * p)


def spans(x: Pulses) -> list[tuple[int, int, float]]:
    order = np.argsort(x.start, kind="stable")
    return [(int(x.start[k]), int(x.end[k]), float(x.p[k])) for k in order]


CASES = {
    "a lamp loses the dead time": (GOES_ON, [(0, 1000, 50)], (400, 410), [(0, 400, 50), (410, 1000, 50)]),
    "a lamp does not notice 80 ms": (GOES_ON, [(0, 1000, 50)], (400.2, 400.28), [(0, 400, 50), (400, 1000, 50)]),
    "a lamp of later does not care": (GOES_ON, [(500, 900, 50)], (400, 410), [(500, 900, 50)]),
    "a charge goes on after its handshake": (
        FINISHES,
        [(0, 1000, 3680), (1000, 1200, 1600)],
        (400, 410),
        [(0, 400, 3680), (440, 1040, 3680), (1040, 1240, 1600)],
    ),
    "a charge stops even for 80 ms": (
        FINISHES,
        [(0, 1000, 3680)],
        (400.2, 400.28),
        [(0, 400, 3680), (430, 1030, 3680)],
    ),
    "a charge that would begin in the dark waits": (FINISHES, [(405, 905, 3680)], (400, 410), [(410, 910, 3680)]),
    "a charge that is over does not care": (FINISHES, [(0, 300, 3680)], (400, 410), [(0, 300, 3680)]),
    "a fridge runs longer next time": (
        MAKES_UP,
        [(0, 1000, 90), (3000, 4000, 90), (6000, 7000, 90)],
        (400, 410),
        [(0, 400, 90), (650, 1250, 90), (3000, 4000, 90), (6000, 7000, 90)],
    ),
    "a fridge that was off does not care": (MAKES_UP, [(0, 300, 90)], (400, 410), [(0, 300, 90)]),
    "a fridge at its end makes it up in the next cycle": (
        MAKES_UP,
        [(0, 500, 90), (3000, 4000, 90), (6000, 7000, 90)],
        (400, 410),
        [(0, 400, 90), (3000, 4100, 90), (6000, 7000, 90)],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_one_interruption(
    case: tuple[Return, list[tuple[float, float, float]], tuple[float, float], list[tuple[int, int, float]]],
) -> None:
    how, before, (gone, back), after = case
    assert spans(interrupted(pulses(*before), [Dark(0, gone, back)], lambda _: how)) == after


def test_only_the_house_in_the_dark_is_touched() -> None:
    both = Pulses.join([pulses((0, 1000, 50)), pulses((0, 1000, 60), house=1)])
    out = interrupted(both, [Dark(1, 400, 500)], lambda _: GOES_ON)
    assert out.take(out.house == 0).energy_wh() == both.take(both.house == 0).energy_wh()
    assert out.take(out.house == 1).energy_wh() == pytest.approx(0.9 * both.take(both.house == 1).energy_wh())


def test_thermostats_leave_a_compressor_its_rest() -> None:
    """There is no room for all that was missed: the rest stays, but no pause becomes shorter than it may be."""
    crowded = pulses(*[(600.0 * k, 600.0 * k + 330.0, 500.0) for k in range(8)])
    out = interrupted(crowded, [Dark(0, 100, 130)], lambda _: MAKES_UP)
    rows = spans(out)
    gaps = [b[0] - a[1] for a, b in pairwise(rows[1:])]
    assert min(gaps) >= 240
    assert out.energy_wh() <= crowded.energy_wh()


def test_two_interruptions_add_up() -> None:
    out = interrupted(pulses((0, 1000, 3680)), [Dark(0, 600, 610), Dark(0, 200, 220)], lambda _: FINISHES)
    assert out.energy_wh() == pytest.approx(3680 * 1000 / 3600)
    assert spans(out)[-1][1] == 1000 + 50 + 40


def test_a_dark_interval_must_not_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="house 3 is dark from 10 to 5"):
        Dark(3, 10, 5)


def test_a_population_in_the_dark_draws_nothing_and_loses_little() -> None:
    population = Population(PopulationOptions(houses=6, ev_share=1.0, heat_pump_share=0.5), 4)
    start = population.site.local_midnight(20101)
    dark = [Dark(house, start + 19 * 3600, start + 19 * 3600 + 120) for house in (0, 2, 4)]
    plain = population.power(start, 2 * 86400, 60)
    there = population.power(start, 2 * 86400, 60, dark=dark)
    assert (there.p[19 * 60 : 19 * 60 + 2, [0, 2, 4]] == 0.0).all()
    assert np.array_equal(there.p[:, [1, 3, 5]], plain.p[:, [1, 3, 5]])
    assert np.array_equal(there.p[: 19 * 60], plain.p[: 19 * 60])
    lost_wh = (plain.p - there.p).sum(axis=0)[[0, 2, 4]] / 60.0
    # At most what was drawn in the two minutes; what is charged, washed or heated is made up.
    assert (lost_wh <= plain.p[19 * 60 : 19 * 60 + 2, [0, 2, 4]].sum(axis=0) / 60.0 + 1e-6).all()
    assert (lost_wh > -1.0).all()


def test_an_interrupted_car_takes_all_its_energy() -> None:
    population = Population(PopulationOptions(houses=10, ev_share=1.0), 4)
    day = 20101
    cars = population.day_pulses(day)
    cars = cars.take(cars.kind == Fixed.CAR)
    house = int(cars.house[0])
    middle = 0.5 * float(cars.start[0] + cars.end[0])
    start = population.site.local_midnight(day)
    plain = population.power(start, 2 * 86400, 60).p[:, house]
    there = population.power(start, 2 * 86400, 60, dark=[Dark(house, middle, middle + 0.1)]).p[:, house]
    # 100 ms cost no energy, but the charge ends half a minute later.
    assert there.sum() == pytest.approx(plain.sum(), rel=1e-3)
    assert not np.array_equal(there, plain)
