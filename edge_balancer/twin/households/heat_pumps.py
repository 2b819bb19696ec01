"""A modulating air-to-water heat pump on one day, driven by the weather. No radiators, no thermal model of the walls.

The house wants heat in proportion to how far the smoothed outdoor temperature is below its heating limit, less at night
and more in the morning, and hot water once or twice a day. The compressor serves it in slots of 20 to 30 minutes: at
part load all through a slot, or, below its lowest speed, for a part of the slot, never for less than a minimum time and
never off for less than what a compressor needs.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.twin.households.house_types import House
from edge_balancer.twin.households.kinds import HEAT_PUMP_OFF_S, Fixed
from edge_balancer.twin.households.pulses import Pulses
from edge_balancer.twin.noise import Floats
from edge_balancer.twin.weather.sky import Weather

HEATING_LIMIT_C: Final = 15.5
"""Base temperature of British degree days; German heating limits are 15 degrees for older houses."""
_LEAST_ON_S: Final = 360.0
_LOWEST_SPEED: Final = 0.35
"""Part of full load below which the compressor cycles."""
_TAN_PHI: Final = 0.2
_WALLS_S: Final = 24 * 3600
"""Over so many seconds the house averages the temperature outside."""
_WATER_WH: Final = 1700.0
"""Electric energy for the hot water of a mean household in a day: about 4 kWh of heat."""
_WATER_PER_SLOT: Final = 0.9
"""Of full power while hot water is made."""


def coefficient(outside_c: Floats) -> Floats:
    """Heat over electric energy at a flow temperature of about 40 degrees.

    A straight line through the means of field tests (Fraunhofer ISE, "WPsmart im Bestand", 2020: seasonal 3.1 for air).
    """
    return np.asarray(np.clip(3.0 + 0.075 * (outside_c - 2.0), 1.7, 5.0))


def schedule(hour: Floats) -> Floats:
    """Set-back at night and boost in the morning, as a factor on the heat; mean about one.

    Love et al., Applied Energy 204 (2017) 332-342: two peaks a day, at night about 40 % of the higher one.
    """
    factor = np.full_like(hour, 1.0)
    factor[(hour < 4.5) | (hour >= 22.5)] = 0.62
    factor[(hour >= 5.5) & (hour < 9.0)] = 1.5
    factor[(hour >= 16.5) & (hour < 21.0)] = 1.22
    return factor


def heat_pump_day(
    house: House, weather: Weather, midnight: int, session: int, rng: np.random.Generator
) -> Pulses | None:
    """All running times that begin in the slots of the day."""
    pump = house.heat_pump
    if pump is None:
        return None
    slot_s = 86400 // pump.slots
    start = midnight + pump.offset_s + slot_s * np.arange(pump.slots, dtype=np.float64)
    hour = (start - midnight) / 3600.0 % 24.0
    past = weather.temperature_c(start[:, None] - np.linspace(0.0, _WALLS_S, 9))
    heat_w = pump.loss_w_k * np.maximum(0.0, HEATING_LIMIT_C - past.mean(axis=1)) * schedule(hour)
    cop = coefficient(past[:, 0])
    full_w = pump.heat_w / 3.0 * np.ones(pump.slots)
    wanted_wh = np.minimum(heat_w / cop, full_w) * slot_s / 3600.0
    _add_hot_water(house, hour - house.shift_h, wanted_wh, full_w * slot_s / 3600.0, rng)
    on_s, watts = _slots(wanted_wh, full_w, float(slot_s), rng.random())
    numbers = session + np.arange(pump.slots)
    return Pulses.of(house.index, Fixed.HEAT_PUMP, numbers, start, start + on_s, watts, watts * _TAN_PHI)


def _add_hot_water(house: House, hour: Floats, wanted_wh: Floats, full_wh: Floats, rng: np.random.Generator) -> None:
    """Hot water in the morning and in the afternoon: slots at nearly full power until the tank is warm."""
    need = _WATER_WH * len(house.type.people) / 2.3
    for part, centre in ((0.55, 5.3), (0.45, 15.5)):
        slot = int(np.argmin(np.abs(hour - centre - rng.normal(0.0, 0.5))))
        left = need * part * rng.uniform(0.7, 1.3)
        while left > 0.0 and slot < len(wanted_wh):
            room = max(0.0, _WATER_PER_SLOT * full_wh[slot] - wanted_wh[slot])
            wanted_wh[slot] += min(room, left)
            left -= min(room, left)
            slot += 1


def _slots(wanted_wh: Floats, full_w: Floats, slot_s: float, first: float) -> tuple[Floats, Floats]:
    """How long and with how many watts the compressor runs in each slot; what is too little is saved up."""
    on_s = np.zeros(len(wanted_wh))
    watts = np.zeros(len(wanted_wh))
    longest_s = slot_s - HEAT_PUMP_OFF_S
    owed = first * _LOWEST_SPEED * full_w[0] * _LEAST_ON_S / 3600.0
    for k, wish in enumerate(wanted_wh):
        owed += float(wish)
        lowest = _LOWEST_SPEED * full_w[k]
        mean = owed * 3600.0 / slot_s
        if mean >= lowest:
            watts[k], on_s[k] = min(mean, full_w[k]), slot_s
        else:
            length = owed * 3600.0 / lowest
            if length < _LEAST_ON_S:
                continue
            watts[k], on_s[k] = lowest, min(length, longest_s)
        owed -= watts[k] * on_s[k] / 3600.0
    return on_s, watts
