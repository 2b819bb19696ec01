"""What the roofs produce: the sun through passing clouds, on each house's panels, up to its inverter's rating.

A few cloud fields are shared by all houses (a feeder is a few hundred metres long, its roofs darken nearly together);
a house sees a mixture of them a little earlier or later than its neighbour, and a small variation of its own.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.twin.houses import Houses
from edge_balancer.twin.noise import Floats, keys, value_noise
from edge_balancer.twin.options import TwinOptions
from edge_balancer.twin.sun import on_panel, position

_FIELDS: Final = 3
_WEATHER_S: Final = 9 * 3600.0
"""How long a kind of weather lasts."""
_OCTAVES: Final = ((2700.0, 0.5), (700.0, 0.3), (160.0, 0.2))
"""Periods (s) and weights of a field: cloud banks, single clouds, their edges."""
_BEAM_LOST: Final = 0.92
_DIFFUSE_LOST: Final = 0.45
_PERFORMANCE: Final = 0.86
"""AC power over rated power at 1000 W/m2: heat, cables, dirt and inverter."""


class SolarModel:
    """PV production of the houses, W, positive, at unity power factor. Stateless."""

    def __init__(self, options: TwinOptions, houses: Houses) -> None:
        self._options = options
        self._roofs = np.flatnonzero(houses.pv_w > 0.0)
        self._n = len(houses)
        roofs = len(self._roofs)
        self._rated = houses.pv_w[self._roofs]
        self._tilt = houses.tilt[self._roofs]
        self._azimuth = houses.azimuth[self._roofs]
        rng = np.random.default_rng([options.seed, 4])
        self._weather_key = keys(rng, 1)
        self._field_keys = keys(rng, (_FIELDS, len(_OCTAVES)))
        self._own_keys = keys(rng, roofs)
        self._lag_s = rng.uniform(0.0, 150.0, roofs)
        # Most roofs lie under one field, some between two.
        self._mixture = rng.dirichlet(np.full(_FIELDS, 0.4), roofs)

    def _cover(self, wall: Floats) -> Floats:
        """How much of the sky is clouded, from 0 to 1, by the slow weather; it lingers near clear and near overcast."""
        calm = value_noise(wall / _WEATHER_S, self._weather_key)
        return 0.5 - 0.5 * np.cos(np.pi * calm.clip(0.0, 1.0) ** 1.15)

    def _thickness(self, wall: Floats) -> Floats:
        """Cloud before the sun for each roof, from 0 (none) to 1, where `wall` has shape (..., roofs)."""
        cover = self._cover(wall)
        total = np.zeros(np.broadcast_shapes(wall.shape, (len(self._roofs),)))
        for k in range(_FIELDS):
            depth = np.zeros_like(total)
            for (period, weight), key in zip(_OCTAVES, self._field_keys[k], strict=True):
                depth += weight * value_noise(wall / period, key)
            # The field is centred on one half with little spread; the logistic makes clouds with edges of it.
            total += self._mixture[:, k] / (1.0 + np.exp((1.0 - cover - depth) / 0.045))
        return total

    def series(self, wall: Floats) -> Floats:
        """Production of every house at the given Unix seconds; shape (len(wall), houses)."""
        out = np.zeros((len(wall), self._n))
        elevation, azimuth = position(wall[:, None], self._options.latitude_deg, self._options.longitude_deg)
        day = np.flatnonzero(elevation[:, 0] > 0.0)
        if not len(day) or not len(self._roofs):
            return out
        beam, diffuse = on_panel(elevation[day], azimuth[day], self._tilt, self._azimuth)
        seen = wall[day, None] - self._lag_s
        cloud = self._thickness(seen)
        own = 1.0 + 0.06 * (value_noise(seen / 45.0, self._own_keys) - 0.5)
        plane = beam * (1.0 - _BEAM_LOST * cloud) + diffuse * (1.0 - _DIFFUSE_LOST * cloud)
        power = (self._rated * _PERFORMANCE * plane / 1000.0 * own).clip(0.0, self._rated)
        out[np.ix_(day, self._roofs)] = power
        return out

    def at(self, wall: float) -> Floats:
        """Production of every house at one instant."""
        return np.asarray(self.series(np.array([wall]))[0])
