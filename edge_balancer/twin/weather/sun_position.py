"""Where the sun stands, to a hundredth of a degree between 1950 and 2050. No atmosphere but its refraction.

J. Michalsky, "The Astronomical Almanac's algorithm for approximate solar position (1950-2050)", Solar Energy 40 (1988)
227-235, with the refraction of the same paper and the azimuth by arctangent of two arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.twin.noise import Floats

_J2000_UNIX_S: Final = 946728000.0
"""2000-01-01 12:00 UTC, the epoch that the Almanac's series count their days from."""


@dataclass(frozen=True, slots=True)
class SunPosition:
    """Radians. `azimuth` is counted from north through east; `elevation` is as seen, `true_elevation` without air."""

    elevation: Floats
    true_elevation: Floats
    azimuth: Floats


def sun_position(wall: Floats, latitude_deg: float, longitude_deg: float) -> SunPosition:
    """The sun at Unix seconds, seen from a place (degrees, north and east positive)."""
    days = (np.asarray(wall, dtype=np.float64) - _J2000_UNIX_S) / 86400.0
    mean_longitude = np.radians((280.460 + 0.9856474 * days) % 360.0)
    anomaly = np.radians((357.528 + 0.9856003 * days) % 360.0)
    ecliptic = mean_longitude + np.radians(1.915) * np.sin(anomaly) + np.radians(0.020) * np.sin(2.0 * anomaly)
    obliquity = np.radians(23.439 - 0.0000004 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    hour_utc = (np.asarray(wall, dtype=np.float64) % 86400.0) / 3600.0
    sidereal_h = 6.697375 + 0.0657098242 * days + hour_utc + longitude_deg / 15.0
    hour_angle = np.radians((sidereal_h % 24.0) * 15.0) - right_ascension
    latitude = np.radians(latitude_deg)
    sine = np.sin(declination) * np.sin(latitude) + np.cos(declination) * np.cos(latitude) * np.cos(hour_angle)
    true_elevation = np.arcsin(np.clip(sine, -1.0, 1.0))
    azimuth = np.arctan2(
        -np.cos(declination) * np.sin(hour_angle),
        np.sin(declination) * np.cos(latitude) - np.cos(declination) * np.sin(latitude) * np.cos(hour_angle),
    )
    return SunPosition(true_elevation + _refraction(true_elevation), true_elevation, azimuth % (2.0 * np.pi))


def _refraction(true_elevation: Floats) -> Floats:
    """How much the air lifts the sun at 15 degrees Celsius and sea level, radians; nothing below -0.56 degrees."""
    degrees = np.degrees(true_elevation)
    lift = 3.51561 * (0.1594 + 0.0196 * degrees + 0.00002 * degrees**2) / (1.0 + 0.505 * degrees + 0.0845 * degrees**2)
    return np.asarray(np.radians(np.where(degrees > -0.56, lift, 0.0)))


def extraterrestrial(wall: Floats) -> Floats:
    """Irradiance across the sun's rays above the air, W/m2 (Spencer 1971; solar constant 1366.1, ASTM E490)."""
    b = 2.0 * np.pi * (((np.asarray(wall, dtype=np.float64) / 86400.0) % 365.2425) / 365.2425)
    factor = 1.00011 + 0.034221 * np.cos(b) + 0.00128 * np.sin(b) + 0.000719 * np.cos(2 * b) + 0.000077 * np.sin(2 * b)
    return np.asarray(1366.1 * factor)
