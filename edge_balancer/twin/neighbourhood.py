"""Everything about a feeder that no switch can change: lines, houses, households, sky, and the medium voltage above.

`TwinFeeder` plays it instant by instant, `readings` writes it down for days. It knows no present and no moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_balancer.twin.grid.generate import generate
from edge_balancer.twin.grid.model import Feeder
from edge_balancer.twin.households import Population
from edge_balancer.twin.houses import Houses, draw_houses
from edge_balancer.twin.medium_voltage import source_pu
from edge_balancer.twin.noise import Floats, keys
from edge_balancer.twin.options import TwinOptions
from edge_balancer.twin.weather import PvFleet, Weather


def mv_level(seed: int, wall: Floats) -> Floats:
    """Voltage of the medium-voltage side by its usual one."""
    return source_pu(wall, keys(np.random.default_rng([seed, 6]), 1))


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A feeder and who lives on it. Everything in it follows from `options`."""

    options: TwinOptions
    houses: Houses
    grid: Feeder
    population: Population
    fleet: PvFleet

    @staticmethod
    def of(options: TwinOptions) -> Neighbourhood:
        houses = draw_houses(options)
        drawn = generate(options.style, options.houses, options.seed)
        # The grid's own phases know nothing of PV that crowds on one of them.
        homes = replace(drawn.houses, names=houses.ids, phase=houses.phases)
        # One sky for all: the roofs and the heat pumps live through the same day.
        weather = Weather(options.site, options.seed)
        return Neighbourhood(
            options,
            houses,
            replace(drawn, houses=homes),
            Population(options.population, options.seed, weather),
            PvFleet(weather, houses.roofs, options.seed),
        )

    @property
    def nominal_v(self) -> float:
        """Line-to-neutral, V: Europe's and Kenya's (IEC 60038), whatever tap the transformer stands on."""
        return 230.0

    @property
    def transformer_kva(self) -> float:
        return self.grid.transformer.kva

    @property
    def weather(self) -> Weather:
        return self.fleet.weather

    def solar(self, start: int, seconds: int, step_s: int = 1) -> Floats:
        """What each house's inverter would feed in, mean over each step, W; shape (steps, houses)."""
        out = np.zeros((seconds // step_s, len(self.houses)))
        out[:, self.houses.roof_of] = self.fleet.power(start, seconds, step_s)
        return out

    def mv_level(self, wall: Floats) -> Floats:
        """Voltage of the medium-voltage side by its usual one, at Unix seconds."""
        return mv_level(self.options.seed, wall)
