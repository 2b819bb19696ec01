"""Profiles of households: the same by seed, by any window and by any step, and every watt-hour accounted for."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_balancer.twin.households import Mix, Population, PopulationOptions, Profiles
from edge_balancer.twin.weather import Site

OPTIONS = PopulationOptions(houses=9, ev_share=0.4, heat_pump_share=0.3, water_heater_share=0.5)
START = Site().midnight_of(dt.date(2025, 1, 17))
DAYS = 4


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(OPTIONS, 5)


@pytest.fixture(scope="module")
def whole(population: Population) -> Profiles:
    """A Friday to a Monday, at one minute."""
    return population.power(START, DAYS * 86400, 60)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(population: Population, whole: Profiles) -> None:
    again = Population(OPTIONS, 5).power(START, DAYS * 86400, 60)
    assert again.p.tobytes() == whole.p.tobytes()
    assert again.q.tobytes() == whole.q.tobytes()
    other = Population(OPTIONS, 6).power(START, DAYS * 86400, 60)
    assert not np.array_equal(other.p, whole.p)


@given(first=st.integers(0, DAYS * 1440 - 1), length=st.integers(1, 900))
@settings(max_examples=20, deadline=None)
def test_any_window_gives_the_bytes_of_the_larger_one(first: int, length: int) -> None:
    # A fresh population: no cache of days can help.
    length = min(length, DAYS * 1440 - first)
    population, whole = _shared()
    part = population.power(START + 60 * first, 60 * length, 60)
    assert part.p.tobytes() == whole.p[first : first + length].tobytes()
    assert part.q.tobytes() == whole.q[first : first + length].tobytes()


_SHARED: list[tuple[Population, Profiles]] = []


def _shared() -> tuple[Population, Profiles]:
    """Hypothesis takes no module fixtures, so the window that all examples look into is made once here."""
    if not _SHARED:
        small = replace(OPTIONS, houses=3)
        _SHARED.append((Population(small, 5), Population(small, 5).power(START, DAYS * 86400, 60)))
    return _SHARED[0]


def test_days_asked_for_backwards_are_the_same(whole: Profiles) -> None:
    population = Population(OPTIONS, 5)
    for day in reversed(range(DAYS)):
        part = population.power(START + 86400 * day, 86400, 60)
        assert np.array_equal(part.p, whole.p[1440 * day : 1440 * (day + 1)])


@pytest.mark.parametrize("step_s", [1, 5, 20, 300, 900])
def test_steps_of_any_length_agree_in_their_means(population: Population, whole: Profiles, step_s: int) -> None:
    # Over a midnight, where sessions of two days meet.
    first, minutes = 1440 - 120, 240
    part = population.power(START + 60 * first, 60 * minutes, step_s)
    longer = max(step_s, 60)
    fine = part.p.reshape(-1, longer // step_s, 9).mean(axis=1)
    coarse = whole.p[first : first + minutes].reshape(-1, longer // 60, 9).mean(axis=1)
    assert np.allclose(fine, coarse, rtol=0.0, atol=1e-9)
    assert part.q.mean() == pytest.approx(whole.q[first : first + minutes].mean(), abs=1e-9)


def test_seconds_have_edges_that_minutes_have_not(population: Population) -> None:
    seconds = population.power(START + 18 * 3600, 3600, 1).p
    assert np.abs(np.diff(seconds, axis=0)).max() > 1000.0


def test_a_window_that_begins_between_minutes_still_sums_up(population: Population) -> None:
    one = population.power(START + 7, 3000, 1).p
    five = population.power(START + 7, 3000, 300).p
    assert np.allclose(one.reshape(10, 300, -1).mean(axis=1), five, atol=1e-9)


def test_the_energy_of_the_profiles_is_that_of_the_pulses(population: Population) -> None:
    first = population.site.local_day(START)
    # Everything that overlaps the three days begins on one of these four.
    pulses = [population.day_pulses(day) for day in range(first - 1, first + 3)]
    end = START + 3 * 86400
    expected = sum(float(((np.clip(x.end, START, end) - np.clip(x.start, START, end)) * x.p).sum()) for x in pulses)
    assert population.power(START, 3 * 86400, 60).p.sum() * 60.0 == pytest.approx(expected, rel=1e-12)


def test_chunks_are_the_window_in_pieces(population: Population, whole: Profiles) -> None:
    pieces = list(population.chunks(START, DAYS * 86400, 60))
    assert len(pieces) == DAYS
    assert [c.start for c in pieces] == [START + 86400 * k for k in range(DAYS)]
    assert np.array_equal(np.concatenate([c.p for c in pieces]), whole.p)


def test_chunks_bound_the_memory_at_one_second() -> None:
    population = Population(PopulationOptions(houses=60), 1)
    piece = next(population.chunks(START, 14 * 86400, 1))
    assert piece.p.size <= 4_000_000


def test_a_house_is_the_same_in_a_larger_population(whole: Profiles) -> None:
    """Shares are exact, so only houses without the shared devices can be compared."""
    few, many = (Population(PopulationOptions(houses=n, water_heater_share=0.0), 3) for n in (4, 12))
    a, b = (x.power(START, 86400, 60).p for x in (few, many))
    assert np.array_equal(a, b[:, :4])


def test_a_car_changes_nothing_else_in_the_house() -> None:
    plain, with_cars = (Population(PopulationOptions(houses=4, ev_share=s), 3) for s in (0.0, 1.0))
    a, b = (x.power(START, 86400, 60).p for x in (plain, with_cars))
    assert (b >= a).all()
    assert (b > a).any()


def test_consumption_is_never_negative_and_stays_below_a_service_fuse(whole: Profiles) -> None:
    assert whole.p.min() >= 0.0
    assert whole.p.max() < 25_000.0


def test_apparent_power_is_that_of_households(whole: Profiles) -> None:
    assert 0.95 < whole.p.sum() / np.hypot(whole.p, whole.q).sum() < 1.0


@pytest.mark.parametrize(
    ("window", "named"),
    [
        ((START, 100, 60), "seconds = 100 is no multiple of step_s = 60"),
        ((START, 0, 1), "seconds = 0"),
        ((START, 60, 0), "step_s = 0"),
        ((START + 0.5, 60, 1), "whole Unix seconds"),
    ],
)
def test_a_window_that_is_none_is_named(population: Population, window: tuple[int, int, int], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        population.power(*window)


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"houses": 0}, "houses = 0"), ({"ev_share": 1.2}, "ev_share = 1.2"), ({"shower_share": -0.1}, "shower_share")],
)
def test_options_that_make_no_sense_are_named(changes: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        PopulationOptions(**changes)  # type: ignore[arg-type]


def test_a_mini_grid_has_its_own_small_households() -> None:
    population = Population(PopulationOptions(houses=30, mix=Mix.MINI_GRID, water_heater_share=0.0), 1)
    p = population.power(START, 86400, 60).p
    assert p.sum() / 60.0 / 30 < 500.0
    assert {h.type.name for h in population.houses} >= {"homestead", "better-off homestead"}
