"""Sun, sky and temperature of a place, and what the roofs make of them; reproducible by seed, at any instant.

`Weather` answers the clear-sky index and the temperature, `PvFleet` the power of the roofs. Nothing here knows the
feeder's phases or its network, and nothing reads a clock: instants are Unix seconds that are handed in.
"""

from edge_balancer.twin.weather.pv import PvFleet
from edge_balancer.twin.weather.roofs import Roof, draw_roofs
from edge_balancer.twin.weather.site import Site
from edge_balancer.twin.weather.sky import Weather

__all__ = ["PvFleet", "Roof", "Site", "Weather", "draw_roofs"]
