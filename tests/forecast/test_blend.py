"""The survival blend: what it makes of a house's past."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.horizon import Horizon, horizon
from edge_balancer.types.kept import KeptHouses

DAY_S = 86_400.0
LONGEST_S = 2700.0
H = horizon(30.0)
ONE = np.array([0])


def feed(blend: SurvivalBlend, load: complex, at: float, wall: float | None = None) -> None:
    blend.observe(ONE, np.array([load]), np.array([at]), at if wall is None else wall, LONGEST_S)


def moments(*ahead_s: float) -> Horizon:
    """Blocks of a minute each that begin so many seconds from now."""
    starts = np.array(ahead_s)
    return Horizon(starts, starts + 60.0, np.ones(len(starts)))


def steady(load: complex, minutes: int, smoothing_s: float = 0.0) -> SurvivalBlend:
    blend = SurvivalBlend(1, smoothing_s)
    for minute in range(minutes):
        feed(blend, load, minute * 60.0)
    return blend


def test_a_steady_load_is_forecast_to_stay() -> None:
    blend = steady(1500 + 300j, 20)
    assert blend.forecast(1200.0, H)[0] == pytest.approx(np.full(len(H.minutes), 1500 + 300j))


def test_what_is_on_just_now_dies_out_and_the_younger_the_sooner() -> None:
    forecasts = []
    for minutes_on in (1, 10, 60, 240):
        blend = steady(200, 600)
        for minute in range(minutes_on):
            feed(blend, 1400, (600 + minute) * 60.0)  # too little for a session
        # At a time of day of which nothing is known.
        forecasts.append(blend.forecast((600 + minutes_on) * 60.0, H)[0].real)
    for earlier, later in itertools.pairwise(forecasts):
        assert np.all(earlier < later)
    youngest, oldest = forecasts[0], forecasts[-1]
    assert youngest[-1] < 300
    assert youngest[0] > 700
    assert oldest[0] > 1200


def test_reactive_power_is_forecast_by_the_same_coefficients() -> None:
    blend = steady(200 + 40j, 600)
    feed(blend, 1400 + 280j, 600 * 60.0)
    forecast = blend.forecast(601 * 60.0, H)[0]
    assert forecast.imag == pytest.approx(forecast.real / 5)


def test_a_silent_house_is_estimated_from_what_has_not_died_out_yet() -> None:
    blend = steady(200, 600)
    feed(blend, 3200, 600 * 60.0)
    after = [blend.estimate(601 * 60.0, np.array([60.0 * minutes]))[0].real for minutes in (0, 6, 60)]
    assert after[0] == pytest.approx(3200.0)
    assert after[1] - 200 == pytest.approx(3000 / math.e, rel=0.1)
    assert 200 < after[2] < 330
    assert SurvivalBlend(1, 0.0).estimate(0.0, np.array([math.inf]))[0] == 0.0


def two_days(load_at_noon: float = 4000.0) -> SurvivalBlend:
    """Nothing but between 12 and 13 o'clock."""
    blend = SurvivalBlend(1, 0.0)
    for minute in range(2 * 1440 + 1):
        hour = minute % 1440 / 60.0
        feed(blend, load_at_noon if 12 <= hour < 13 else 0.0, minute * 60.0)
    return blend


def test_after_two_days_it_knows_the_time_of_day() -> None:
    blend = two_days()
    at_ten = blend.usual(2 * DAY_S + 10 * 3600, moments(0.0, 2.5 * 3600))[0].real
    assert at_ten[0] == pytest.approx(0.0, abs=1.0)
    assert at_ten[1] > 2000.0
    # At half past nine with nothing on, noon is seen coming in the last block (11:30 to 13:30).
    forecast = blend.forecast(2 * DAY_S + 9.5 * 3600, H)[0].real
    assert forecast[0] < 100
    assert forecast[-1] > 500


def test_a_day_that_differs_is_followed_only_by_and_by() -> None:
    blend = two_days(4000.0)
    noon = moments(12.5 * 3600)
    before = blend.usual(2 * DAY_S, noon)[0, 0].real
    for minute in range(2 * 1440 + 1, 3 * 1440 + 1):
        feed(blend, 0.0, minute * 60.0)
    after = blend.usual(3 * DAY_S, noon)[0, 0].real
    assert before / 2 < after < before


@pytest.mark.parametrize(
    ("smoothing_s", "gap_s", "least", "most"),
    [
        pytest.param(0.0, 1.0, 3000.0, 3000.0, id="none asked for"),
        pytest.param(5.0, 1.0, 400.0, 700.0, id="a meter that reports every second"),
        pytest.param(5.0, 60.0, 2999.0, 3000.0, id="a meter that reports every minute is not slowed"),
    ],
)
def test_inrush_is_smoothed_only_for_quick_meters(smoothing_s: float, gap_s: float, least: float, most: float) -> None:
    blend = SurvivalBlend(1, smoothing_s)
    feed(blend, 0.0, 0.0)
    feed(blend, 3000.0, gap_s)
    assert least <= blend.now[0].real <= most


def test_a_long_gap_starts_a_house_afresh() -> None:
    blend = steady(5000, 60)
    feed(blend, 100, 60 * 60.0 + LONGEST_S + 1)
    assert blend.now[0] == 100
    half_a_day_later = DAY_S / 2  # a time of day of which nothing is known
    assert blend.forecast(half_a_day_later, H)[0, 0] == pytest.approx(100)


def test_houses_do_not_mix() -> None:
    blend = SurvivalBlend(2, 0.0)
    for minute in range(30):
        blend.observe(np.array([1]), np.array([800 + 0j]), np.array([minute * 60.0]), minute * 60.0, LONGEST_S)
    forecast = blend.forecast(1800.0, H)
    assert np.abs(forecast[0]).max() == 0
    assert forecast[1].real == pytest.approx(np.full(len(H.minutes), 800.0))


def test_what_was_learned_comes_back() -> None:
    blend, again = two_days(), SurvivalBlend(1, 0.0)
    assert again.relearn(blend.learned(), KeptHouses.same(1))
    assert again.learned() == blend.learned()
    noon = moments(12.5 * 3600)
    assert again.usual(0.0, noon)[0, 0] == pytest.approx(blend.usual(0.0, noon)[0, 0], rel=1e-6)


def test_a_house_that_joins_costs_the_others_nothing() -> None:
    blend, again = two_days(), SurvivalBlend(2, 0.0)
    assert again.relearn(blend.learned(), KeptHouses.of(["h01"], ["h00", "h01"]))
    noon = moments(12.5 * 3600)
    assert again.usual(0.0, noon)[1, 0] == pytest.approx(blend.usual(0.0, noon)[0, 0], rel=1e-6)
    assert again.usual(0.0, noon)[0, 0] == 0.0


GOOD = SurvivalBlend(1, 0.0).learned()
OTHER = SurvivalBlend(3, 0.0).learned()
NEGATIVE = SurvivalBlend(1, 0.0)
NEGATIVE._usual._days -= 1.0
INFINITE = SurvivalBlend(1, 0.0)
INFINITE._usual._day += math.inf


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param({}, id="empty"),
        pytest.param(None, id="nothing"),
        pytest.param("text", id="text"),
        pytest.param([], id="a list"),
        pytest.param(OTHER, id="of other houses"),
        pytest.param(GOOD | {"day": "not base 64!"}, id="damaged"),
        pytest.param(GOOD | {"days": GOOD["days"][:-8]}, id="cut off"),
        pytest.param(GOOD | {"day": 7}, id="a number"),
        pytest.param(INFINITE.learned(), id="not finite"),
        pytest.param(NEGATIVE.learned(), id="days below zero"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(nonsense: Any) -> None:
    blend = two_days()
    before = blend.learned()
    assert not blend.relearn(nonsense, KeptHouses.same(1))
    assert blend.learned() == before
