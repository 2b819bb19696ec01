"""What a simulated feeder looks like: one frozen value that, with its seed, fixes every house, load and cloud."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from edge_balancer.types.phases import Phase

# A Monday in early summer: enough sun for a skewed feeder to show, and evenings with load.
DEFAULT_DAY: Final = dt.date(2025, 6, 2)


@dataclass(frozen=True, slots=True)
class TwinOptions:
    """A feeder. The same options give the same feeder, to the byte."""

    houses: int = 55
    seed: int = 1
    pv_share: float = 0.5
    """Fraction of the houses with rooftop PV."""
    pv_skew: float = 0.7
    """Fraction of the PV houses on `skewed_phase`; one third is an even feeder."""
    skewed_phase: Phase = Phase.L1
    ev_share: float = 0.0
    """Fraction of the houses that charge a car at home."""
    nominal_v: float = 230.0
    """Line-to-neutral, V."""
    transformer_kva: float = 250.0
    latitude_deg: float = 48.1
    longitude_deg: float = 11.6
    utc_offset_h: float = 1.0
    """Local standard time minus UTC, h. There is no summer time in the twin."""
    pv_reconnect_s: tuple[float, float] = (60.0, 300.0)
    """Range of the times a house's inverter stays away after an interruption (IEEE 1547: 300 s by default)."""

    def __post_init__(self) -> None:
        if self.houses < 1:
            raise ValueError(f"houses = {self.houses}: a feeder needs at least one")
        for name in ("pv_share", "pv_skew", "ev_share"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} = {value:g} is a fraction: give a value from 0 to 1")

    def wall(self, day: dt.date, local_s: float = 0.0) -> float:
        """Unix seconds of a local time of day (seconds after midnight) on a local day."""
        midnight = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()
        return midnight - self.utc_offset_h * 3600.0 + local_s

    def local_day(self, wall: float) -> int:
        """The local day that an instant falls on, in days since 1970-01-01 (a Thursday)."""
        return int((wall + self.utc_offset_h * 3600.0) // 86400.0)

    def local_midnight(self, day: int) -> float:
        """Unix seconds at which a local day begins."""
        return day * 86400.0 - self.utc_offset_h * 3600.0
