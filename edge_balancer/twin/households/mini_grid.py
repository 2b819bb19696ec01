"""The appliances of households on a rural mini-grid: few, small, and used in the evening.

J. Blodgett, P. Dauenhauer, H. Louie, L. Kickham, "Accuracy of energy-use surveys in predicting rural mini-grid user
consumption", Energy for Sustainable Development 41 (2017) 88-105: eight mini-grids in Kenya, 113 Wh a customer and day
on average and 230 Wh on the busiest; lights, televisions, telephone chargers and radios are what people own most.
"""

from __future__ import annotations

from typing import Final

from edge_balancer.twin.households.catalogue import Appliance, Habit, Stage

_KENYA: Final = "Blodgett et al. 2017; ratings of products sold there"

EVENING: Final[Habit] = ((0.12, 6.0, 0.6), (0.88, 19.9, 1.1))
DAY_AND_EVENING: Final[Habit] = ((0.25, 7.5, 1.5), (0.25, 13.5, 2.5), (0.5, 19.3, 1.6))

APPLIANCES: Final = (
    Appliance(
        "lamps", 1.0, 3.2, (4, 12), (Stage(6600, power_factor=-0.7),), EVENING, _KENYA, 0.4, 0.5, after_dark=True
    ),
    Appliance("telephone chargers", 0.95, 2.0, (4, 9), (Stage(5400, power_factor=-0.6),), DAY_AND_EVENING, _KENYA, 0.5),
    Appliance("radio", 0.55, 1.6, (5, 15), (Stage(7200, power_factor=-0.7),), DAY_AND_EVENING, _KENYA, spread=0.6),
    Appliance("television", 0.36, 1.1, (25, 70), (Stage(6600, power_factor=-0.75),), EVENING, _KENYA, spread=0.5),
    Appliance("fan", 0.12, 1.0, (30, 60), (Stage(7200, power_factor=0.8),), DAY_AND_EVENING, _KENYA, spread=0.5),
    Appliance("iron", 0.05, 0.4, (800, 1200), (Stage(1200, cycle_s=60, duty=0.5),), DAY_AND_EVENING, _KENYA),
    Appliance("hair clipper, blender", 0.08, 0.7, (40, 300), (Stage(900, power_factor=0.8),), DAY_AND_EVENING, _KENYA),
)
