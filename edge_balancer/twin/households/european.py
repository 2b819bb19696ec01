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

MEALS: Final[Habit] = ((0.32, 7.5, 0.9), (0.26, 12.6, 1.0), (0.42, 19.0, 1.4))
COOKING: Final[Habit] = ((0.13, 8.0, 1.0), (0.35, 12.4, 1.1), (0.52, 19.0, 1.9))
HOT_DRINKS: Final[Habit] = ((0.38, 7.8, 1.1), (0.32, 13.0, 2.4), (0.3, 19.6, 2.2))
WASHING: Final[Habit] = ((0.58, 9.6, 2.0), (0.24, 14.5, 2.0), (0.18, 19.0, 1.8))
DRYING: Final[Habit] = ((0.35, 12.0, 2.0), (0.4, 17.0, 2.5), (0.25, 20.0, 1.2))
DISHES: Final[Habit] = ((0.2, 9.0, 1.2), (0.3, 13.6, 1.2), (0.5, 20.2, 1.4))
BATHROOM: Final[Habit] = ((0.58, 7.1, 0.9), (0.12, 13.0, 3.0), (0.3, 20.3, 1.6))
SCREENS: Final[Habit] = ((0.18, 8.3, 1.4), (0.3, 14.5, 2.5), (0.52, 20.5, 1.8))
CHORES: Final[Habit] = ((0.55, 10.8, 1.6), (0.45, 16.5, 2.0))
LAMPS: Final[Habit] = ((0.25, 7.0, 1.0), (0.27, 16.5, 2.0), (0.48, 20.0, 1.8))
DESK: Final[Habit] = ((0.35, 10.0, 1.8), (0.25, 15.0, 1.8), (0.4, 19.8, 1.8))

ELECTRIC_SHOWER: Final = "electric shower"

APPLIANCES: Final = (
    Appliance("kettle", 0.95, 4.4, (1900, 2600), (Stage(165),), HOT_DRINKS, _CREST, with_people=0.5),
    Appliance("toaster, coffee", 0.95, 1.5, (800, 1400), (Stage(190, power_factor=0.99),), MEALS, _CREST, 0.4),
    Appliance("microwave", 0.86, 0.9, (1100, 1450), (Stage(300, power_factor=0.93),), MEALS, _CREST, 0.4),
    # Hob rings and oven elements chop at full power under their thermostats.
    Appliance(
        "hob", 0.78, 1.6, (1400, 3200), (Stage(270), Stage(1080, cycle_s=30, duty=0.4)), COOKING, _CREST, spread=0.4
    ),
    Appliance("oven", 0.72, 0.65, (2000, 2700), (Stage(600), Stage(1500, cycle_s=240, duty=0.35)), COOKING, _CREST),
    Appliance("cooker hood", 0.6, 0.9, (70, 160), (Stage(1300, power_factor=0.9),), COOKING, _CREST_TODAY),
    Appliance(
        "washing machine",
        0.95,
        0.65,
        (1850, 2200),
        (
            Stage(1080),
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
        0.45,
        (2000, 2600),
        (Stage(3000, 1.0, 0.98, cycle_s=600, duty=0.88), Stage(420, 0.09, 0.7)),
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
        (Stage(420, 0.05, 0.7), Stage(1020), Stage(2000, 0.05, 0.7), Stage(780), Stage(1500, 0.02, 0.7)),
        DISHES,
        _METERED,
        with_people=0.5,
        spread=0.12,
        resumption=Resumption.FINISHES,
    ),
    Appliance(
        ELECTRIC_SHOWER, 0.15, 1.3, (7200, 9200), (Stage(330),), BATHROOM, "CREST 2010; BS EN 60335-2-35 ratings", 0.9
    ),
    Appliance("hair dryer", 0.8, 0.6, (1200, 2000), (Stage(300),), BATHROOM, _CREST_TODAY, with_people=0.7),
    Appliance(
        "television", 0.97, 2.9, (60, 170), (Stage(5000, power_factor=-0.92),), SCREENS, _CREST_TODAY, spread=0.6
    ),
    Appliance(
        "second screen", 0.6, 1.5, (50, 130), (Stage(4400, power_factor=-0.92),), SCREENS, _CREST_TODAY, 0.7, 0.6
    ),
    Appliance(
        "computer", 0.85, 1.7, (40, 190), (Stage(7200, power_factor=-0.93),), DESK, _CREST_TODAY, 0.6, spread=0.6
    ),
    Appliance(
        "lamps", 1.0, 16.0, (10, 60), (Stage(3000, power_factor=-0.9),), LAMPS, _CREST_TODAY, 0.4, 0.9, after_dark=True
    ),
    Appliance("vacuum cleaner", 0.94, 0.4, (700, 1100), (Stage(1200, power_factor=0.93),), CHORES, _CREST_TODAY),
    Appliance("iron", 0.9, 0.17, (1600, 2400), (Stage(1800, cycle_s=60, duty=0.4),), CHORES, _CREST),
    Appliance(
        "tools, pumps, others", 0.7, 1.1, (300, 1100), (Stage(900, power_factor=0.8),), CHORES, _CREST_TODAY, spread=0.7
    ),
)
