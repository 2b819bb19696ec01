"""From the sun's height and the clear-sky index to irradiance on a tilted panel. No clouds are made here, no watts.

- cloudless sky, global on the horizontal: B. Haurwitz, J. Meteorology 2 (1945) 154-166 (found the best of the models
  that need the sun's height alone: Reno, Hansen, Stein, SAND2012-2389);
- how much of the global irradiance is diffuse: D. Erbs, S. Klein, J. Duffie, Solar Energy 28 (1982) 293-302;
- onto the panel: J. Hay, J. Davies 1980 (circumsolar and isotropic part), ground as an isotropic reflector.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.twin.noise import Floats

ALBEDO: Final = 0.2
_LOWEST: Final = 0.065
"""Sine of the elevation (3.7 degrees) below which a beam across the horizon is not computed: it would be 0/0."""


def haurwitz(sin_elevation: Floats) -> Floats:
    """Global irradiance of a cloudless sky on the horizontal, W/m2; zero while the sun is down."""
    up = sin_elevation > 0.0
    safe = np.where(up, sin_elevation, 1.0)
    return np.asarray(np.where(up, 1098.0 * safe * np.exp(-0.059 / safe), 0.0))


def erbs_fraction(clearness: Floats) -> Floats:
    """Diffuse part of the global irradiance at a clearness index (global over extraterrestrial on the horizontal)."""
    kt = clearness
    middle = 0.9511 + kt * (-0.1604 + kt * (4.388 + kt * (-16.638 + kt * 12.336)))
    low = 1.0 - 0.09 * kt
    return np.asarray(np.where(kt <= 0.22, low, np.where(kt <= 0.80, middle, 0.165)))


def plane_of_array(
    global_w_m2: Floats, sin_elevation: Floats, above_air_w_m2: Floats, cos_incidence: Floats, tilt_rad: Floats
) -> Floats:
    """Irradiance in the plane of panels, W/m2; the arguments broadcast.

    `cos_incidence` is between the sun's rays and the panel's normal, negative where the sun stands behind the panel.
    """
    height = np.maximum(sin_elevation, _LOWEST)
    fraction = erbs_fraction(global_w_m2 / (above_air_w_m2 * height))
    diffuse = global_w_m2 * fraction
    beam = np.where(sin_elevation > _LOWEST, (global_w_m2 - diffuse) / height, 0.0)
    diffuse = global_w_m2 - beam * height * (sin_elevation > _LOWEST)
    facing = np.maximum(cos_incidence, 0.0)
    circumsolar = beam / above_air_w_m2
    cos_tilt = np.cos(tilt_rad)
    sky = diffuse * (circumsolar * facing / height + (1.0 - circumsolar) * (0.5 + 0.5 * cos_tilt))
    ground = global_w_m2 * ALBEDO * (0.5 - 0.5 * cos_tilt)
    return np.asarray(beam * facing + sky + ground)
