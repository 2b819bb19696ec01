"""Published figures of household loads and rooftop PV, with their sources, to hold the model against. No model here.

A figure is a range: either as published, or a published value with a margin that another country, other appliances
or another year explain. The margins are stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LV_FEEDER: Final = "IEEE European LV Test Feeder, its 100 one-minute load shapes of one day, evaluated the same way"
LONDON: Final = "Konstantelos, Sun, Strbac, Quantifying demand diversity of households, Low Carbon London, 2014"
OFGEM: Final = "Ofgem typical domestic consumption values 2020: 1,800 to 4,300 kWh a year, median 2,900"
H0: Final = "VDEW/BDEW standard load profile H0, winter weeks"
HEAT_PUMPS: Final = "Love et al., Applied Energy 204 (2017): nearly 700 heat pumps, ADMD 1.7 kW, night 40 % of the peak"
ELECTRIC_NATION: Final = "Electric Nation 2019: 140,000 charges at home, about three a week and car"
SAGEWELL: Final = (
    "Sagewell, charging statistics: 12 to 13 charges and 200 to 250 kWh a month; on the peak 1.0 to 1.2 kW"
)
KENYA: Final = "Blodgett et al. 2017: eight mini-grids in Kenya, 113 Wh a customer and day, at most 230"
GERMAN_ROOFS: Final = (
    "te Heesen et al., Solar Energy 194 (2019): 23,944 roofs, 816 to 1,049 kWh/kWp; Bavaria 2019: 1,100"
)
DWD: Final = "Munich, long-term mean of the German Weather Service: 1,169 kWh/m2 a year"
SAN_DIEGO: Final = "Lave, Kleissl, Arias-Castro, Solar Energy 86 (2012): up to 60 %/s at a sensor, less for many sites"


@dataclass(frozen=True, slots=True)
class Range:
    """What a quantity may be: published `value` (or None where only a range is known) within `low` and `high`."""

    low: float
    high: float
    source: str
    value: float | None = None

    def holds(self, seen: float) -> bool:
        return self.low <= seen <= self.high


def around(value: float, margin: float, source: str) -> Range:
    """A published value with a relative margin."""
    return Range(value * (1.0 - margin), value * (1.0 + margin), source, value)


# Highest minute of the day in W a house. Single British houses peak higher: two thirds have an electric shower of 9 kW.
DAILY_PEAK_W: Final = {
    1: around(5137, 0.35, LV_FEEDER),
    2: around(3705, 0.35, LV_FEEDER),
    5: around(2325, 0.30, LV_FEEDER),
    10: around(1642, 0.25, LV_FEEDER),
    20: around(1208, 0.25, LV_FEEDER),
    50: around(894, 0.25, LV_FEEDER),
    100: around(743, 0.25, LV_FEEDER),
}
HALF_HOUR_PEAK_100_W: Final = Range(540, 1780, LONDON)
DAILY_KWH: Final = Range(1800 / 365, 4300 / 365, OFGEM, 2900 / 365)
HOUSE_SPREAD: Final = around(12.6 / 4.98, 0.35, LV_FEEDER)
"""Ninetieth over tenth percentile of the houses' daily energy."""
LOAD_FACTOR: Final = Range(0.36, 0.56, LV_FEEDER, 0.47)
"""The load profile H0 has 0.51 in a winter week."""
HOUSE_LOAD_FACTOR: Final = around(0.084, 0.35, LV_FEEDER)
PEAK_HOUR: Final = Range(18.0, 20.5, H0, 19.25)
PEAK_OVER_MEAN: Final = around(1.71, 0.15, H0)
NIGHT_OVER_MEAN: Final = around(0.36, 0.35, H0)
"""From two to five o'clock."""
SHAPE_CORRELATION: Final = Range(0.88, 1.0, H0)
# fmt: off
H0_WINTER: Final = (
    0.53, 0.40, 0.36, 0.35, 0.36, 0.43, 0.82, 1.18, 1.22, 1.13, 1.06, 1.08,
    1.20, 1.19, 1.06, 0.96, 0.96, 1.18, 1.52, 1.71, 1.54, 1.29, 1.07, 0.79,
)
# fmt: on
"""Each hour's mean over the mean of all."""
RAMP_MEAN_W: Final = around(36.1, 0.35, LV_FEEDER)
RAMP_P95_W: Final = around(118, 0.5, LV_FEEDER)
RAMP_P999_W: Final = around(2975, 0.3, LV_FEEDER)
AUTOCORRELATION: Final = {
    1: around(0.905, 0.08, LV_FEEDER),
    5: around(0.658, 0.25, LV_FEEDER),
    15: around(0.401, 0.45, LV_FEEDER),
    30: around(0.198, 0.5, LV_FEEDER),
    60: around(0.154, 0.6, LV_FEEDER),
}
HEAT_PUMP_PEAK_W: Final = around(1700, 0.3, HEAT_PUMPS)
HEAT_PUMP_NIGHT: Final = around(0.40, 0.3, HEAT_PUMPS)
CHARGES_PER_WEEK: Final = around(3.0, 0.25, ELECTRIC_NATION)
CHARGED_KWH_PER_DAY: Final = Range(200 * 12 / 365 * 0.85, 250 * 12 / 365 * 1.15, SAGEWELL)
CHARGE_KWH: Final = Range(200 / 13 * 0.85, 250 / 12 * 1.15, SAGEWELL)
CAR_PEAK_W: Final = Range(1000 * 0.85, 1200 * 1.35, SAGEWELL)
"""The published one is the mean at the hour of the system's peak; ours the highest half hour of a fortnight."""
MINI_GRID_WH: Final = Range(113 * 0.9, 230, KENYA, 113)
YIELD_KWH_KW: Final = Range(816 * 0.95, 1100 * 1.1, GERMAN_ROOFS)
GLOBAL_KWH_M2: Final = around(1169, 0.12, DWD)
"""Years differ by some percent, and the sample of days that stands for a year by more."""
SECOND_RAMP: Final = Range(0.02, 0.60, SAN_DIEGO)
