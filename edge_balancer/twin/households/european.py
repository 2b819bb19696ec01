"""The appliances of European households, as a table with sources. What is heated, cooled or charged is elsewhere.

CREST: I. Richardson, M. Thomson, D. Infield, C. Clifford, "Domestic electricity use: A high-resolution energy demand
model", Energy and Buildings 42 (2010) 1878-1887, from which cycles a year, mean lengths, mean powers, ownership and
power factors are taken; lamps and screens are brought to what is sold since (LED, flat screens). Programmes of washing
machines, dishwashers and dryers have the stages metered by M. Pipattanasomporn et al., "Load profiles of selected major
household appliances and their demand response opportunities", IEEE Trans. Smart Grid 5 (2014) 742-750. The hours of the
habits are chosen so that the sum follows the German household profile H0 (`published`).
"""

from __future__ import annotations

from typing import Final

from edge_balancer.twin.households.catalogue import Appliance, Habit, Resumption, Stage

_CREST: Final = "CREST 2010"
_CREST_TODAY: Final = "CREST 2010, ratings of today's products"
_METERED: Final = "CREST 2010; programme after Pipattanasomporn 2014"

MEALS: Final[Habit] = ((0.27, 7.4, 0.8), (0.25, 12.6, 0.9), (0.48, 18.7, 1.3))
COOKING: Final[Habit] = ((0.06, 8.0, 0.9), (0.34, 12.3, 0.8), (0.6, 18.6, 1.3))
HOT_DRINKS: Final[Habit] = ((0.34, 7.6, 1.0), (0.31, 13.0, 2.4), (0.35, 19.2, 2.0))
WASHING: Final[Habit] = ((0.5, 10.2, 2.0), (0.25, 14.5, 2.0), (0.25, 18.6, 1.6))
DRYING: Final[Habit] = ((0.35, 12.0, 2.0), (0.4, 17.0, 2.5), (0.25, 20.0, 1.2))
DISHES: Final[Habit] = ((0.15, 9.0, 1.2), (0.25, 13.6, 1.0), (0.6, 20.0, 1.2))
BATHROOM: Final[Habit] = ((0.58, 7.1, 0.9), (0.12, 13.0, 3.0), (0.3, 20.3, 1.6))
SCREENS: Final[Habit] = ((0.12, 8.5, 1.5), (0.25, 14.5, 2.5), (0.63, 20.4, 1.6))
CHORES: Final[Habit] = ((0.55, 10.8, 1.6), (0.45, 16.5, 2.0))
LAMPS: Final[Habit] = ((0.2, 7.0, 1.0), (0.25, 16.5, 2.0), (0.55, 20.0, 1.7))
DESK: Final[Habit] = ((0.35, 10.0, 1.8), (0.25, 15.0, 1.8), (0.4, 19.8, 1.8))

ELECTRIC_SHOWER: Final = "electric shower"

APPLIANCES: Final = (
    Appliance("kettle", 0.95, 4.2, (1900, 2600), (Stage(165),), HOT_DRINKS, _CREST, with_people=0.5),
    Appliance("toaster, coffee", 0.95, 1.5, (800, 1400), (Stage(190, power_factor=0.99),), MEALS, _CREST, 0.4),
    Appliance("microwave", 0.86, 0.9, (1100, 1450), (Stage(300, power_factor=0.93),), MEALS, _CREST, 0.4),
    # Hob rings and oven elements chop at full power under their thermostats.
    Appliance(
        "hob", 0.75, 1.75, (1400, 3200), (Stage(180), Stage(1080, cycle_s=40, duty=0.4)), COOKING, _CREST, spread=0.4
    ),
    Appliance("oven", 0.72, 0.65, (2000, 2700), (Stage(500), Stage(1500, cycle_s=240, duty=0.33)), COOKING, _CREST),
    Appliance("cooker hood", 0.6, 0.9, (70, 160), (Stage(1300, power_factor=0.9),), COOKING, _CREST_TODAY),
    Appliance(
        "washing machine",
        0.95,
        0.6,
        (1850, 2200),
        (
            Stage(960),
            Stage(2700, 0.09, 0.65, cycle_s=20, duty=0.6),
            Stage(360, 0.2, 0.7),
            Stage(1200, 0.09, 0.65, 20, 0.6),
            Stage(480, 0.24, 0.7),
        ),
        WASHING,
        _METERED,
        with_people=0.8,
        spread=0.15,
        resumption=Resumption.FINISHES,
    ),
    Appliance(
        "tumble dryer",
        0.45,
        0.42,
        (2000, 2600),
        (Stage(2700, 1.0, 0.98, cycle_s=300, duty=0.82), Stage(420, 0.09, 0.7)),
        DRYING,
        _METERED,
        with_people=0.8,
        spread=0.25,
        resumption=Resumption.FINISHES,
    ),
    Appliance(
        "dishwasher",
        0.62,
        0.66,
        (1850, 2200),
        (Stage(420, 0.05, 0.7), Stage(900), Stage(2000, 0.05, 0.7), Stage(660), Stage(1500, 0.02, 0.7)),
        DISHES,
        _METERED,
        with_people=0.5,
        spread=0.12,
        resumption=Resumption.FINISHES,
    ),
    Appliance(
        ELECTRIC_SHOWER, 0.12, 1.3, (7200, 9200), (Stage(300),), BATHROOM, "CREST 2010; BS EN 60335-2-35 ratings", 0.9
    ),
    Appliance("hair dryer", 0.8, 0.45, (1200, 2000), (Stage(300),), BATHROOM, _CREST_TODAY, with_people=0.7),
    Appliance(
        "television", 0.97, 2.6, (60, 170), (Stage(5000, power_factor=-0.92),), SCREENS, _CREST_TODAY, spread=0.6
    ),
    Appliance(
        "second screen", 0.6, 1.5, (50, 130), (Stage(4400, power_factor=-0.92),), SCREENS, _CREST_TODAY, 0.7, 0.6
    ),
    Appliance(
        "computer", 0.85, 1.7, (40, 190), (Stage(7200, power_factor=-0.93),), DESK, _CREST_TODAY, 0.6, spread=0.6
    ),
    Appliance(
        "lamps", 1.0, 20.0, (10, 60), (Stage(3000, power_factor=-0.9),), LAMPS, _CREST_TODAY, 0.4, 0.9, after_dark=True
    ),
    Appliance("vacuum cleaner", 0.94, 0.32, (700, 1100), (Stage(1200, power_factor=0.93),), CHORES, _CREST_TODAY),
    Appliance("iron", 0.9, 0.13, (1600, 2400), (Stage(1800, cycle_s=60, duty=0.4),), CHORES, _CREST),
    Appliance(
        "tools, pumps, others", 0.7, 1.1, (300, 1100), (Stage(900, power_factor=0.8),), CHORES, _CREST_TODAY, spread=0.7
    ),
)
