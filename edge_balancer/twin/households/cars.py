"""A car that is charged at home: when it is plugged in, how much it takes. One charge a day at most, no smart control.

The time is that of coming home; some have a timer for the night tariff. Energy is log-normal around the car's mean,
with a taper at the end, where the battery and not the charging point sets the power.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.twin.households.house_types import House
from edge_balancer.twin.households.kinds import Fixed
from edge_balancer.twin.households.pulses import Pulses

EARLIEST_H: Final = 12.5
LATEST_END_H: Final = 36.0
"""At noon of the next day the car has left, full or not; so two charges never overlap."""
_TAPER_PART: Final = 0.07
_TAPER_SHARE: Final = 0.45
_SPREAD: Final = 0.55
_LEAST_KWH: Final = 1.5
_MOST_KWH: Final = 60.0
_TAN_PHI: Final = 0.1
_ARRIVAL: Final = (17.9, 1.6)
_FREE_DAY_ARRIVAL: Final = (17.0, 2.8)


def charge(
    house: House, midnight: int, session: int, weekend: bool, away: bool, rng: np.random.Generator
) -> Pulses | None:
    """The charge that begins on the day, if there is one: at full power, then the taper."""
    car = house.car
    plugged_in, arrival, spread = rng.random(), rng.normal(), rng.lognormal(-0.5 * _SPREAD**2, _SPREAD)
    if car is None or away or plugged_in >= car.per_week / 7.0:
        return None
    centre, width = _FREE_DAY_ARRIVAL if weekend else _ARRIVAL
    hour = float(np.clip(centre + width * arrival + house.shift_h, EARLIEST_H, 27.5))
    if car.timer_h is not None:
        hour = max(hour, 24.0 + car.timer_h)
    energy_wh = 1000.0 * float(np.clip(car.mean_kwh * spread, _LEAST_KWH, _MOST_KWH))
    main_s = energy_wh * (1.0 - _TAPER_PART) / car.power_w * 3600.0
    taper_s = energy_wh * _TAPER_PART / (car.power_w * _TAPER_SHARE) * 3600.0
    edges = midnight + 3600.0 * hour + np.array([0.0, main_s, main_s + taper_s])
    edges = np.minimum(edges, midnight + 3600.0 * LATEST_END_H)
    watts = car.power_w * np.array([1.0, _TAPER_SHARE])
    return Pulses.of(house.index, Fixed.CAR, session, edges[:-1], edges[1:], watts, watts * _TAN_PHI)
