"""Households that switch things on and off: appliances, occupancy, fridges, hot water, heat pumps, cars.

`Population(options, seed)` makes them, `.power(start, seconds, step_s)` says what they draw. They know no phase and no
PV (`edge_balancer.twin.weather` has the roofs), and they are a model: `statistics` holds it against published figures.
"""

from edge_balancer.twin.households.house_types import House
from edge_balancer.twin.households.interruption import Dark
from edge_balancer.twin.households.kinds import Fixed
from edge_balancer.twin.households.options import Mix, PopulationOptions, mini_grid
from edge_balancer.twin.households.population import Population, Profiles

__all__ = ["Dark", "Fixed", "House", "Mix", "Population", "PopulationOptions", "Profiles", "mini_grid"]
