"""What a population of households looks like: one frozen value that, with its seed, fixes everything they do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edge_balancer.twin.weather.site import EAST_AFRICA, Site


class Mix(StrEnum):
    """Which kinds of households there are."""

    EUROPEAN = "european"
    MINI_GRID = "mini_grid"


@dataclass(frozen=True, slots=True)
class PopulationOptions:
    """Households of a feeder. The shares are fractions of the houses."""

    houses: int = 55
    mix: Mix = Mix.EUROPEAN
    ev_share: float = 0.0
    """Houses that charge a car at home."""
    heat_pump_share: float = 0.0
    shower_share: float | None = None
    """Houses with an instantaneous electric shower; None: as the table of appliances says."""
    water_heater_share: float = 0.12
    """Houses with an electric storage water heater (without a heat pump)."""
    site: Site = field(default_factory=Site)

    def __post_init__(self) -> None:
        if self.houses < 1:
            raise ValueError(f"houses = {self.houses}: a feeder needs at least one")
        for name in ("ev_share", "heat_pump_share", "shower_share", "water_heater_share"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} = {value:g} is a fraction of the houses: give a value from 0 to 1")


def mini_grid(houses: int = 40) -> PopulationOptions:
    """A rural mini-grid near the equator."""
    return PopulationOptions(houses=houses, mix=Mix.MINI_GRID, water_heater_share=0.0, site=EAST_AFRICA)
