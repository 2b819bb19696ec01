"""Who is at home and awake: an event process of waking, leaving, coming home, going out and going to bed.

A household's day begins at four in the morning, when almost everybody sleeps, so that evenings are not cut at midnight.
Each day of each house is drawn for itself. The shape follows time-use surveys as in I. Richardson, M. Thomson, D.
Infield, "A high-resolution domestic building occupancy model for energy demand simulations", Energy and Buildings 40
(2008) 1560-1566.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.twin.households.house_types import House, Person
from edge_balancer.twin.noise import Floats

DAY_BEGINS_H: Final = 4.0
SLOT_S: Final = 600
SLOTS: Final = 144
SLOT_HOURS: Final = DAY_BEGINS_H + (np.arange(SLOTS) + 0.5) * SLOT_S / 3600.0
"""Middle of each slot in hours of the day that began at midnight, from just after 4 to just before 28."""
_HOLIDAY_BLOCK_DAYS: Final = 28
_HOLIDAY_CHANCE: Final = 0.3

# Per kind of person: hour and standard deviation of waking, leaving, coming home and going to bed on a working day.
_WAKES: Final = ((6.5, 0.6), (7.5, 0.8), (6.9, 0.4))
_BACK: Final = ((17.3, 1.6), (0.0, 0.0), (14.9, 1.3))
_TO_BED: Final = ((22.8, 0.8), (22.7, 0.9), (21.0, 0.8))
_WORKS: Final = (0.78, 0.0, 0.97)
"""How often a person of the kind goes out to work or school on a working day."""
_OUTINGS: Final = (0.35, 1.0, 0.3)
_FREE_DAY_OUTINGS: Final = (1.1, 0.9, 0.9)


def is_weekend(day: int) -> bool:
    """Whether a local day, in days since 1970-01-01 (a Thursday), is a Saturday or Sunday."""
    return day % 7 in (2, 3)


def on_holiday(seed: int, house: int, day: int) -> bool:
    """Whether the household is away for days; about two weeks a year."""
    block, index = divmod(day, _HOLIDAY_BLOCK_DAYS)
    rng = np.random.default_rng([seed, 60, house, block])
    if rng.random() >= _HOLIDAY_CHANCE:
        return False
    length = int(rng.integers(2, 8))
    first = int(rng.integers(0, _HOLIDAY_BLOCK_DAYS - length + 1))
    return first <= index < first + length


def active_people(house: House, weekend: bool, rng: np.random.Generator) -> Floats:
    """How many people are at home and awake in each ten-minute slot from four in the morning."""
    people = house.type.people
    draws = rng.normal(size=(len(people), 4))
    chance = rng.random((len(people), 8))
    outings = rng.poisson([(_FREE_DAY_OUTINGS if weekend else _OUTINGS)[p] for p in people])
    active = np.zeros(SLOTS)
    for k, person in enumerate(people):
        free = weekend or chance[k, 0] >= _WORKS[person]
        wake = (
            _at(_WAKES[person], draws[k, 0]) + house.shift_h + (1.3 if free and person is not Person.AT_HOME else 0.0)
        )
        bed = _at(_TO_BED[person], draws[k, 1]) + house.shift_h + (0.6 if weekend else 0.0)
        home = (wake <= SLOT_HOURS) & (bed > SLOT_HOURS)
        if not free:
            leaves = wake + 1.1 + 0.25 * abs(draws[k, 2])
            home &= (leaves > SLOT_HOURS) | (_at(_BACK[person], draws[k, 3]) + 0.5 * house.shift_h <= SLOT_HOURS)
        for outing in range(min(int(outings[k]), 3)):
            begin = 9.5 + 11.0 * chance[k, 1 + 2 * outing]
            home &= ~((begin <= SLOT_HOURS) & (begin + 0.7 + 2.6 * chance[k, 2 + 2 * outing] > SLOT_HOURS))
        active += home
    return active


def _at(hour: tuple[float, float], draw: float) -> float:
    return hour[0] + hour[1] * float(draw)


def presence(active: Floats) -> Floats:
    """How much is going on, from the number of active people: the second and third add less than the first."""
    return np.asarray(active**0.4)
