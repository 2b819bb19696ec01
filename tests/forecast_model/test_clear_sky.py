"""Where the sun stands, against the twin's almanac; and where the place is not known, what the roofs have shown."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_balancer.forecast.sun import DAY_S, ClearSky, Place, clear_sky
from edge_balancer.twin.weather.sun_position import sun_position

YEAR: NDArray[np.float64] = 1_735_689_600.0 + np.arange(0.0, 365.0 * DAY_S, 4567.0)
HOURS: NDArray[np.float64] = np.arange(24.0) * 3600.0


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(48.1, 11.6), (-1.3, 36.8), (60.0, -149.0), (-33.9, 151.2), (0.0, 0.0)]
)
def test_the_clear_sky_follows_the_almanac(latitude: float, longitude: float) -> None:
    elevation = sun_position(YEAR, latitude, longitude).true_elevation
    up = np.maximum(np.sin(elevation), 1e-3)
    almanac = np.where(elevation > 0.0, 1.098 * up * np.exp(-0.057 / up), 0.0)
    assert np.abs(clear_sky(YEAR, Place(latitude, longitude)) - almanac).max() < 0.03


def test_roofs_show_where_the_sun_stands_where_the_place_is_not_known() -> None:
    place = Place(48.1, 11.6)
    sky = ClearSky(None)
    wall = 1_750_000_000.0 // DAY_S * DAY_S
    for minute in range(0, 5 * 1440, 10):
        clouds = 1.0 if minute < 1440 else 0.2
        sky.observe(wall + minute * 60.0, 0.7 * clouds * float(clear_sky(np.array([wall + minute * 60.0]), place)[0]))
    hours = wall + 5 * DAY_S + HOURS
    true = clear_sky(hours, place)
    assert sky.share(hours) == pytest.approx(true / true.max(), abs=0.12)


def test_without_sun_there_is_no_clear_sky() -> None:
    sky = ClearSky(None)
    for minute in range(0, 2880, 10):
        sky.observe(1_750_000_000.0 + minute * 60.0, 0.01)
    assert sky.share(1_750_000_000.0 + HOURS).max() <= 0.1


def test_an_unknown_time_teaches_nothing() -> None:
    sky = ClearSky(None)
    sky.observe(float("nan"), 0.8)
    sky.observe(float("nan"), 0.8)
    assert sky.share(HOURS) == pytest.approx(np.zeros(24))


def test_what_was_learned_comes_back_and_nonsense_does_not() -> None:
    sky = ClearSky(None)
    for minute in range(0, 2880, 10):
        sky.observe(1_750_000_000.0 + minute * 60.0, 0.5 + 0.3 * np.sin(minute / 200.0))
    again = ClearSky(None)
    assert again.relearn(sky.learned())
    assert again.share(HOURS) == pytest.approx(sky.share(HOURS), abs=1e-6)
    for nonsense in (None, {}, {"best": "x"}, {"best": 3}):
        assert not again.relearn(nonsense)
    assert again.share(HOURS) == pytest.approx(sky.share(HOURS), abs=1e-6)
