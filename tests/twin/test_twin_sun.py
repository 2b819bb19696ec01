"""The sun of the twin against known positions."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from edge_balancer.twin.sun import clear_sky, on_panel, position

MUNICH = (48.1, 11.6)


def at(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([dt.datetime.fromisoformat(text).timestamp()])


# 90 degrees minus latitude plus declination at solar noon (12 h - longitude/15 - equation of time).
@pytest.mark.parametrize(
    ("instant", "place", "elevation_deg"),
    [
        ("2025-06-21T11:15:30+00:00", MUNICH, 90 - 48.1 + 23.44),
        ("2025-12-21T11:12:00+00:00", MUNICH, 90 - 48.1 - 23.44),
        ("2025-03-20T12:07:00+00:00", (0.0, 0.0), 90.0),
        ("2025-09-22T11:53:00+00:00", (51.5, 0.0), 38.5),
    ],
)
def test_noon_elevation(instant: str, place: tuple[float, float], elevation_deg: float) -> None:
    elevation, _ = position(at(instant), *place)
    assert np.degrees(elevation[0]) == pytest.approx(elevation_deg, abs=0.6)


def test_the_sun_is_east_in_the_morning_and_west_in_the_evening() -> None:
    _, morning = position(at("2025-06-21T06:00:00+00:00"), *MUNICH)
    _, evening = position(at("2025-06-21T16:00:00+00:00"), *MUNICH)
    assert -115 < np.degrees(morning[0]) < -75
    assert 75 < np.degrees(evening[0]) < 115


def test_nothing_shines_at_night() -> None:
    elevation, azimuth = position(at("2025-06-21T23:00:00+00:00"), *MUNICH)
    assert elevation[0] < 0
    beam, diffuse = on_panel(elevation, azimuth, np.array([0.5]), np.array([0.0]))
    assert beam[0] == diffuse[0] == 0.0


def test_a_clear_noon_gives_about_a_kilowatt_per_square_metre() -> None:
    beam, diffuse = clear_sky(np.radians(np.array([65.0])))
    assert 900 < beam[0] * np.sin(np.radians(65.0)) + diffuse[0] < 1050
