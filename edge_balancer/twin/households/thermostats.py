"""What runs by itself in a house on one day: standby, fridges and freezers, the storage water heater. No heat pump.

Fridges run through midnight: their cycles are numbered from 1970 and each is made from its number.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.households.european import BATHROOM
from edge_balancer.twin.households.house_types import Compressor, House
from edge_balancer.twin.households.kinds import Fixed
from edge_balancer.twin.households.occupancy import DAY_BEGINS_H, SLOT_S, SLOTS, presence
from edge_balancer.twin.households.pulses import Pulses
from edge_balancer.twin.households.usage import habit_weights, one_after_another
from edge_balancer.twin.noise import Floats, value_noise

_BASE_TAN_PHI: Final = -0.4
_FRIDGE_TAN_PHI: Final = 0.62
"""Power factor 0.85 (CREST 2010)."""
_HOT_WATER_WH: Final = 1700.0
"""A day and person: about 35 litres warmed by 42 kelvin (VDI 2067 gives 30 to 60 litres at 60 degrees)."""
_STANDING_WH: Final = 900.0
"""Loss of the tank in a day."""
_DRAWS: Final = 1.5
"""Larger draws of hot water a day and person."""
_STANDING_PULSES: Final = 6
_BATHROOM: Final = habit_weights(BATHROOM)


def base(house: House, midnight: int, session: int) -> Pulses:
    """Router, standby, clocks, circulation pump: all day."""
    start = np.array([float(midnight)])
    watts = np.array([house.base_w])
    return Pulses.of(house.index, Fixed.BASE, session, start, start + 86400.0, watts, watts * _BASE_TAN_PHI)


def compressor(
    house: int, which: int, one: Compressor, midnight: int, keys: NDArray[np.uint64], session: int
) -> Pulses:
    """The cycles of a fridge or freezer that begin on the day."""
    first = int(midnight // one.period_s) - 1
    number = np.arange(first, first + int(86400.0 / one.period_s) + 4, dtype=np.float64)
    # At whole numbers the noise is a hash of the number: one draw for each cycle, whoever asks.
    start = np.rint((number + 0.2 * value_noise(number, keys[0])) * one.period_s)
    length = one.duty * one.period_s * (0.85 + 0.3 * value_noise(number, keys[1]))
    today = (start >= midnight) & (start < midnight + 86400)
    watts = np.full(int(today.sum()), one.power_w)
    numbers = session + np.arange(len(watts))
    begin = start[today]
    return Pulses.of(
        house, Fixed.COMPRESSOR + which, numbers, begin, begin + length[today], watts, watts * _FRIDGE_TAN_PHI
    )


def water_heater(
    house: House, midnight: int, session: int, active: Floats, away: bool, rng: np.random.Generator
) -> Pulses | None:
    """The tank: once for the whole day on a night tariff, else after each draw, and small pulses for its losses."""
    heater = house.water_heater
    if heater is None:
        return None
    people = len(house.type.people)
    rates = _BATHROOM * presence(active)
    draws = 0 if away or not rates.any() else int(rng.poisson(_DRAWS * people))
    energy = rng.gamma(6.0, _HOT_WATER_WH / _DRAWS / 6.0, draws)
    if heater.night_h is not None:
        start = np.array([midnight + heater.night_h * 3600.0])
        length = np.array([min((energy.sum() + _STANDING_WH) / heater.power_w * 3600.0, 7 * 3600.0)])
    else:
        cumulative = np.cumsum(rates)
        slot = np.searchsorted(cumulative, rng.random(draws) * cumulative[-1], side="right")
        drawn = midnight + DAY_BEGINS_H * 3600.0 + (np.minimum(slot, SLOTS - 1) + rng.random(draws)) * SLOT_S
        losing = (
            midnight + (np.arange(_STANDING_PULSES) + 0.8 * rng.random(_STANDING_PULSES)) * 86400.0 / _STANDING_PULSES
        )
        start = np.concatenate([drawn, losing])
        length = np.concatenate([energy, np.full(_STANDING_PULSES, _STANDING_WH / _STANDING_PULSES)])
        length = length / heater.power_w * 3600.0
        order = np.argsort(start, kind="stable")
        length = length[order]
        start = one_after_another(start[order], length)
    watts = np.full(len(start), heater.power_w)
    numbers = session + np.arange(len(start))
    return Pulses.of(house.index, Fixed.WATER_HEATER, numbers, start, start + length, watts, 0.0 * watts)
