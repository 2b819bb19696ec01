"""What the roofs feed in: sun, sky and temperature on each roof, through its inverter. It trips for nobody.

Panels and inverter as in PVWatts (A. Dobos, "PVWatts Version 5 Manual", NREL/TP-6A20-62641, 2014): power in proportion
to the irradiance with a temperature coefficient, losses of cables, dirt and mismatch, and the inverter's efficiency
over its load with clipping at its rating. The cell is warmer than the air in proportion to the irradiance (Ross 1976).

Computed at each second and averaged over the step, so that steps of different length agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from edge_balancer.twin.noise import Floats, keys, value_noise
from edge_balancer.twin.weather.irradiance import haurwitz, plane_of_array
from edge_balancer.twin.weather.roofs import Roof
from edge_balancer.twin.weather.sky import Weather
from edge_balancer.twin.weather.sun_position import extraterrestrial, sun_position
from edge_balancer.twin.weather.windows import check_window

_GAMMA_PER_K: Final = -0.0037
_ROSS_K_M2_W: Final = 0.032
_LOSSES: Final = 0.14
"""Cables, dirt, mismatch, shading, ageing, availability: the default of PVWatts."""
_ETA_NOMINAL: Final = 0.96
_ETA_REFERENCE: Final = 0.9637
_CLOUD_DRIFT_M_S: Final = 8.0
_OWN_SWING: Final = 0.05
"""How far a roof's own sky goes from its neighbours' (half of it each way): trees, gables, a cloud's ragged rim."""
_OWN_SWING_S: Final = 50.0
_BLOCK_S: Final = 3600
_GEOMETRY_S: Final = 60


class PvFleet:
    """Production of the roofs, W, positive, at unity power factor. Stateless."""

    def __init__(self, weather: Weather, roofs: Sequence[Roof], seed: int) -> None:
        self.weather = weather
        self.roofs = tuple(roofs)
        self._dc_w = np.array([r.dc_w for r in self.roofs])
        self._ac_w = np.array([r.ac_w for r in self.roofs])
        self._tilt = np.array([r.tilt_rad for r in self.roofs])
        self._azimuth = np.array([r.azimuth_rad for r in self.roofs])
        self._lag_s = [round(r.downwind_m / _CLOUD_DRIFT_M_S) for r in self.roofs]
        # Keyed by house, so that a roof is the same whoever else has one.
        self._own_keys = np.array(
            [keys(np.random.default_rng([seed, 32, r.house]), 1)[0] for r in self.roofs], np.uint64
        )

    def power(self, start: int, seconds: int, step_s: int = 60) -> Floats:
        """Mean AC power of each roof over each step from `start` (Unix seconds); shape (seconds / step_s, roofs).

        Raises ValueError where the window is not a whole number of steps of whole seconds.
        """
        check_window(start, seconds, step_s)
        steps = seconds // step_s
        out = np.zeros((steps, len(self.roofs)))
        if not self.roofs:
            return out
        per_block = max(1, _BLOCK_S // step_s)
        for first in range(0, steps, per_block):
            count = min(per_block, steps - first)
            each = self._seconds(start + first * step_s, count * step_s)
            if each is not None:
                out[first : first + count] = each.reshape(count, step_s, -1).mean(axis=1)
        return out

    def _seconds(self, start: int, seconds: int) -> Floats | None:
        """Power at each second; None where the sun is down all the time."""
        site = self.weather.site
        # The sun's way is smooth: computed each minute of the clock (so that windows agree) and drawn straight between.
        grid_0 = start // _GEOMETRY_S * _GEOMETRY_S
        grid = np.arange(grid_0, start + seconds + _GEOMETRY_S, _GEOMETRY_S, dtype=np.float64)
        sun = sun_position(grid, site.latitude_deg, site.longitude_deg)
        if not (sun.elevation > 0.0).any():
            return None
        wall = np.arange(start, start + seconds, dtype=np.float64)
        sine = np.interp(wall, grid, np.sin(sun.elevation))[:, None]
        incidence = np.sin(sun.elevation)[:, None] * np.cos(self._tilt) + np.cos(sun.elevation)[:, None] * np.sin(
            self._tilt
        ) * np.cos(sun.azimuth[:, None] - self._azimuth)
        place = (wall - grid_0) / _GEOMETRY_S
        cell = place.astype(np.int64)
        part = (place - cell)[:, None]
        facing = incidence[cell] * (1.0 - part) + incidence[np.minimum(cell + 1, len(grid) - 1)] * part
        index = self._sky(start, seconds)
        above = extraterrestrial(wall)[:, None]
        plane = plane_of_array(index * haurwitz(sine), sine, above, facing, self._tilt)
        return self._inverters(plane, np.interp(wall, grid, self.weather.temperature_c(grid))[:, None])

    def _sky(self, start: int, seconds: int) -> Floats:
        """The clear-sky index over each roof: the feeder's clouds, later downwind, and a little of its own."""
        longest = max(self._lag_s)
        common = self.weather.sky_index(start - longest, seconds + longest)
        index = np.stack([common[longest - lag : longest - lag + seconds] for lag in self._lag_s], axis=1)
        wall = np.arange(start, start + seconds, dtype=np.float64)[:, None]
        own = value_noise(wall / _OWN_SWING_S, self._own_keys)
        # A cloudless or a grey sky is the same for neighbours; only in between do they differ.
        mixed = 4.0 * np.clip(index, 0.0, 1.0) * np.clip(1.0 - index, 0.0, 1.0)
        return np.asarray(index * (1.0 + _OWN_SWING * mixed * (2.0 * own - 1.0)))

    def _inverters(self, plane_w_m2: Floats, air_c: Floats) -> Floats:
        warmth = air_c + _ROSS_K_M2_W * plane_w_m2 - 25.0
        dc = self._dc_w * (1.0 - _LOSSES) * plane_w_m2 / 1000.0 * (1.0 + _GAMMA_PER_K * warmth)
        load = dc * _ETA_NOMINAL / self._ac_w
        # Below half a percent of its rating the inverter sleeps.
        awake = load > 0.005
        safe = np.where(awake, load, 1.0)
        eta = _ETA_NOMINAL / _ETA_REFERENCE * (-0.0162 * safe - 0.0059 / safe + 0.9858)
        return np.asarray(np.where(awake, np.clip(eta * dc, 0.0, self._ac_w), 0.0))
