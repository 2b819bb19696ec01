"""Where the feeder stands: coordinates, local time and climate. No weather of a certain day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """A place. The climate's defaults are those of southern Germany (DWD normals 1991-2020, rounded)."""

    latitude_deg: float = 48.1
    longitude_deg: float = 11.6
    utc_offset_h: float = 1.0
    """Local standard time minus UTC, h. There is no summer time in the twin."""
    mean_temperature_c: float = 9.5
    yearly_swing_k: float = 9.8
    """Half the difference between the warmest and the coldest time of the year."""
    daily_swing_k: float = 4.5
    """Half the difference between the warmest and the coldest hour of a clear day."""
    synoptic_k: float = 4.0
    """How far warm and cold spells go from the season's mean."""
    clear_share: float = 0.22
    """Share of the days on which hardly a cloud is seen."""
    overcast_share: float = 0.4
    """Share of the days on which hardly the sun is seen; the rest is mixed."""

    def __post_init__(self) -> None:
        for name, limit in (("latitude_deg", 90.0), ("longitude_deg", 180.0), ("utc_offset_h", 14.0)):
            value = getattr(self, name)
            if not abs(value) <= limit:
                raise ValueError(f"{name} = {value:g}: give a value from {-limit:g} to {limit:g}")
        if self.clear_share < 0.0 or self.overcast_share < 0.0 or self.clear_share + self.overcast_share > 1.0:
            raise ValueError(
                f"clear_share = {self.clear_share:g} and overcast_share = {self.overcast_share:g}: "
                "give two fractions that add up to at most 1"
            )

    def local_day(self, wall: float) -> int:
        """The local day that an instant falls on, in days since 1970-01-01 (a Thursday)."""
        return int((wall + self.utc_offset_h * 3600.0) // 86400.0)

    def local_midnight(self, day: int) -> int:
        """Unix seconds at which a local day begins."""
        return day * 86400 - round(self.utc_offset_h * 3600.0)

    def midnight_of(self, date: dt.date) -> int:
        """Unix seconds at which a calendar day begins here."""
        return self.local_midnight((date - dt.date(1970, 1, 1)).days)


EAST_AFRICA = Site(
    latitude_deg=-1.3,
    longitude_deg=36.8,
    utc_offset_h=3.0,
    mean_temperature_c=19.0,
    yearly_swing_k=2.0,
    daily_swing_k=5.5,
    synoptic_k=1.2,
    clear_share=0.3,
    overcast_share=0.15,
)
"""The highlands of Kenya, where many of the published mini-grids stand."""
