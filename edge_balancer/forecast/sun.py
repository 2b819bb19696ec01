"""How much sun a clear sky would give: by the feeder's place, or else by what its own roofs have given. Pure.

It is a feature of a forecast, and no forecast of the weather. The place's share follows Haurwitz (1945), the irradiance
of a clear sky by the sun's elevation alone, with Cooper's declination (1969) and Spencer's equation of time (1971):
within a degree of an almanac, which is far less than a cloud.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.usual import pack, unpack

Floats = NDArray[np.float64]

DAY_S: Final = 86_400.0
BINS: Final = 48
FULL_W_M2: Final = 1000.0
"""What a roof's rating is given for."""
MEMORY_DAYS: Final = 14.0
"""What the roofs gave at their best is forgotten with this time constant, so that it follows the season."""
LEAST_SHARE: Final = 0.1
"""Roofs that never gave this share of their rating have not shown yet where the sun stands."""


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees, north and east positive."""

    latitude_deg: float
    longitude_deg: float


def clear_sky(wall: Floats, place: Place) -> Floats:
    """Share of `FULL_W_M2` on level ground under a clear sky at Unix seconds, 0 at night; of the shape of `wall`."""
    day = (wall / DAY_S + 0.5) % 365.2425
    declination = np.radians(23.45) * np.sin(2.0 * np.pi * (day + 284.0) / 365.2425)
    b = 2.0 * np.pi * day / 365.2425
    time_min = 229.18 * (
        0.000075 + 0.001868 * np.cos(b) - 0.032077 * np.sin(b) - 0.014615 * np.cos(2.0 * b) - 0.040849 * np.sin(2.0 * b)
    )
    solar_h = wall % DAY_S / 3600.0 + place.longitude_deg / 15.0 + time_min / 60.0
    hour_angle = np.radians(15.0 * (solar_h - 12.0))
    latitude = np.radians(place.latitude_deg)
    sine = np.sin(declination) * np.sin(latitude) + np.cos(declination) * np.cos(latitude) * np.cos(hour_angle)
    up = np.maximum(sine, 1e-3)
    return np.where(sine > 0.0, 1098.0 / FULL_W_M2 * up * np.exp(-0.057 / up), 0.0)


class ClearSky:
    """The clear-sky share now and later: computed where the place is known, learned from the roofs where it is not."""

    def __init__(self, place: Place | None) -> None:
        self.place = place
        self._best: Floats = np.zeros(BINS)
        self._seen = 0.0
        self._bin = -1

    def observe(self, wall: float, roofs_share: float) -> None:
        """`roofs_share`: export of the houses with PV over their rating; of no use where the place is known, or
        the time is not (NaN)."""
        if self.place is not None or wall != wall:
            return
        page = int(wall % DAY_S // (DAY_S / BINS))
        if page != self._bin:
            if self._bin >= 0:
                faded = self._best[self._bin] * np.exp(-1.0 / MEMORY_DAYS)
                self._best[self._bin] = max(faded, self._seen)
            self._bin, self._seen = page, 0.0
        self._seen = max(self._seen, min(roofs_share, 1.5))

    def share(self, wall: Floats) -> Floats:
        """0 at night to about 1 at noon, of the shape of `wall` (Unix s)."""
        if self.place is not None:
            return clear_sky(wall, self.place)
        place = wall % DAY_S / (DAY_S / BINS) - 0.5
        left = np.floor(place).astype(np.intp)
        part = place - left
        most = max(float(self._best.max()), LEAST_SHARE)
        between = self._best[left % BINS] * (1.0 - part) + self._best[(left + 1) % BINS] * part
        return np.asarray(between / most)

    def learned(self) -> dict[str, Any]:
        return {"best": pack(self._best.astype(np.float32))}

    def relearn(self, learned: Any) -> bool:
        """Take back what `learned()` gave. False where it does not fit; nothing is changed then."""
        try:
            best = unpack(learned["best"], np.float32, (BINS,)).astype(np.float64)
        except (KeyError, TypeError, ValueError):
            return False
        if not (np.isfinite(best).all() and (best >= 0.0).all()):
            return False
        self._best = np.minimum(best, 1.5)
        return True
