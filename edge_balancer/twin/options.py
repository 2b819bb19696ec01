"""What a simulated feeder looks like: one frozen value that, with its seed, fixes every line, house and cloud."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from edge_balancer.twin.grid.style import Style
from edge_balancer.twin.households.options import Mix, PopulationOptions, mini_grid
from edge_balancer.twin.weather.site import EAST_AFRICA, Site
from edge_balancer.types.phases import Phase

# A Monday in early summer: enough sun for a skewed feeder to show, and evenings with load.
DEFAULT_DAY: Final = dt.date(2025, 6, 2)
_SHARES: Final = ("pv_share", "pv_skew", "ev_share", "heat_pump_share")


@dataclass(frozen=True, slots=True)
class TwinOptions:
    """A feeder. The same options give the same feeder, to the byte. Shares are fractions of the houses."""

    houses: int = 55
    seed: int = 1
    style: Style = Style.SUBURBAN
    """Of the lines and the transformer; on a mini-grid also of the households and of the place."""
    pv_share: float = 0.5
    """Houses with rooftop PV."""
    pv_skew: float = 0.7
    """Fraction of the PV houses on `skewed_phase`; one third is an even feeder."""
    skewed_phase: Phase = Phase.L1
    ev_share: float = 0.0
    """Houses that charge a car at home."""
    heat_pump_share: float = 0.0
    pv_reconnect_s: tuple[float, float] = (60.0, 300.0)
    """Range of the times a house's inverter stays away after an interruption."""

    def __post_init__(self) -> None:
        if self.houses < 1:
            raise ValueError(f"houses = {self.houses}: a feeder needs at least one")
        if self.seed < 0:
            raise ValueError(f"seed = {self.seed}: give a whole number from 0")
        for name in _SHARES:
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} = {value:g} is a fraction: give a value from 0 to 1")
        if self.style is Style.MINI_GRID and (self.ev_share or self.heat_pump_share):
            raise ValueError(
                f"ev_share = {self.ev_share:g} and heat_pump_share = {self.heat_pump_share:g}: on a mini-grid nobody "
                "has a car or a heat pump, leave them at 0"
            )

    @property
    def site(self) -> Site:
        """Where the feeder stands."""
        return EAST_AFRICA if self.style is Style.MINI_GRID else Site()

    @property
    def population(self) -> PopulationOptions:
        """Who lives there."""
        if self.style is Style.MINI_GRID:
            return mini_grid(self.houses)
        return PopulationOptions(
            houses=self.houses,
            mix=Mix.EUROPEAN,
            ev_share=self.ev_share,
            heat_pump_share=self.heat_pump_share,
            site=self.site,
        )

    @property
    def utc_offset_h(self) -> float:
        """Local standard time minus UTC, h. There is no summer time in the twin."""
        return self.site.utc_offset_h

    def wall(self, day: dt.date, local_s: float = 0.0) -> float:
        """Unix seconds of a local time of day (seconds after midnight) on a local day."""
        return self.site.midnight_of(day) + local_s
