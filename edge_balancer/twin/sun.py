"""Where the sun stands and what a cloudless sky gives to a tilted panel. No clouds, no inverters.

Position after Spencer (1971) as in Duffie and Beckman, "Solar Engineering of Thermal Processes"; beam irradiance after
Meinel (1976) with the air mass of Kasten and Young (1989). Good to about a degree and 10 %.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.twin.noise import Floats

_SOLAR_CONSTANT: Final = 1361.0
_DIFFUSE: Final = 0.12
"""Diffuse irradiance of a clear sky as a fraction of the beam on the horizontal."""
_ALBEDO: Final = 0.2


def position(wall: Floats, latitude_deg: float, longitude_deg: float) -> tuple[Floats, Floats]:
    """Elevation and azimuth of the sun in radians at Unix seconds; azimuth 0 is south, west is positive."""
    days = wall / 86400.0
    # Days since the year's begin only steer the season, so the mean year is exact enough.
    b = 2.0 * np.pi * (days % 365.2425) / 365.2425
    declination = (
        0.006918
        - 0.399912 * np.cos(b)
        + 0.070257 * np.sin(b)
        - 0.006758 * np.cos(2 * b)
        + 0.000907 * np.sin(2 * b)
        - 0.002697 * np.cos(3 * b)
        + 0.00148 * np.sin(3 * b)
    )
    equation_min = 229.18 * (
        0.000075 + 0.001868 * np.cos(b) - 0.032077 * np.sin(b) - 0.014615 * np.cos(2 * b) - 0.040849 * np.sin(2 * b)
    )
    solar_h = (wall % 86400.0) / 3600.0 + longitude_deg / 15.0 + equation_min / 60.0
    hour_angle = np.radians(15.0 * (solar_h - 12.0))
    latitude = np.radians(latitude_deg)
    sin_elevation = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    azimuth = np.arctan2(
        np.sin(hour_angle) * np.cos(declination),
        np.cos(hour_angle) * np.cos(declination) * np.sin(latitude) - np.sin(declination) * np.cos(latitude),
    )
    return np.arcsin(sin_elevation), azimuth


def clear_sky(elevation: Floats) -> tuple[Floats, Floats]:
    """Beam irradiance across its own direction, and diffuse irradiance on the horizontal, W/m2."""
    degrees = np.degrees(elevation).clip(0.0)
    air_mass = 1.0 / (np.sin(elevation).clip(0.0) + 0.50572 * (degrees + 6.07995) ** -1.6364)
    beam = np.where(elevation > 0.0, _SOLAR_CONSTANT * 0.7 ** (air_mass**0.678), 0.0)
    return beam, _DIFFUSE * beam * np.sin(elevation).clip(0.0)


def on_panel(elevation: Floats, azimuth: Floats, tilt: Floats, facing: Floats) -> tuple[Floats, Floats]:
    """Beam and diffuse irradiance in the plane of a panel, W/m2; the arguments broadcast."""
    beam, diffuse = clear_sky(elevation)
    incidence = np.sin(elevation) * np.cos(tilt) + np.cos(elevation) * np.sin(tilt) * np.cos(azimuth - facing)
    ground = (beam * np.sin(elevation).clip(0.0) + diffuse) * _ALBEDO * (1.0 - np.cos(tilt)) / 2.0
    return beam * incidence.clip(0.0), diffuse * (1.0 + np.cos(tilt)) / 2.0 + ground
