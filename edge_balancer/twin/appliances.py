"""What households switch on: a table of appliances, and the pulses of power that one day of their use makes.

A pulse is a constant power of one house between two instants; all that comes and goes in a house is made of pulses.
The numbers are ordinary appliance ratings and habits, chosen for a plausible mixture of spikes; they are no survey.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.houses import Houses
from edge_balancer.twin.noise import Floats

Ints = NDArray[np.int64]

# Hours of the day at which a household does things: (weight, centre, standard deviation).
Habit = tuple[tuple[float, float, float], ...]
MEALS: Final[Habit] = ((0.25, 7.3, 0.7), (0.25, 12.4, 0.7), (0.5, 18.6, 1.0))
MORNING_EVENING: Final[Habit] = ((0.6, 7.0, 0.8), (0.4, 20.5, 1.6))
DAYTIME: Final[Habit] = ((0.5, 10.5, 2.0), (0.5, 17.0, 2.5))
EVENING: Final[Habit] = ((0.2, 7.0, 0.8), (0.2, 13.0, 2.5), (0.6, 20.0, 1.5))
NIGHT: Final[Habit] = ((0.7, 23.5, 1.0), (0.3, 13.5, 1.0))
HOME_FROM_WORK: Final[Habit] = ((0.8, 18.3, 1.4), (0.2, 13.0, 3.0))


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of an appliance's programme; `cycle_s` > 0 makes a thermostat that is on for `duty` of each cycle."""

    duration_s: float
    share: float = 1.0
    tan_phi: float = 0.0
    cycle_s: float = 0.0
    duty: float = 1.0


@dataclass(frozen=True, slots=True)
class Appliance:
    """A kind of appliance. `per_day` is for a household of mean size; `owned`: the fraction of houses that has one."""

    owned: float
    per_day: float
    power_w: tuple[float, float]
    stages: tuple[Stage, ...]
    habit: Habit
    spread: float = 0.35
    """Durations vary by this factor (log-normal)."""


APPLIANCES: Final = (
    # Kettle, toaster, microwave: short spikes.
    Appliance(1.0, 3.5, (1800, 2800), (Stage(170),), MEALS),
    Appliance(1.0, 2.0, (800, 1300), (Stage(240, tan_phi=0.1),), MEALS),
    # Hob and oven: thermostats that chop for half an hour.
    Appliance(0.9, 1.5, (1200, 3200), (Stage(1500, cycle_s=45, duty=0.55),), MEALS),
    Appliance(0.8, 0.4, (2000, 2800), (Stage(540), Stage(1800, cycle_s=300, duty=0.35)), MEALS),
    # Instantaneous electric shower, and the storage water heater.
    Appliance(0.2, 1.6, (6500, 8500), (Stage(390),), MORNING_EVENING),
    Appliance(0.3, 1.5, (1800, 2400), (Stage(3000),), NIGHT),
    # Washing machine, dryer, dishwasher: heating, then motors.
    Appliance(
        0.95, 0.55, (1900, 2200), (Stage(1000), Stage(3600, 0.12, 0.9, 20, 0.6), Stage(600, 0.25, 0.9)), DAYTIME, 0.15
    ),
    Appliance(0.45, 0.35, (2000, 2600), (Stage(3300, 1.0, 0.15, 240, 0.85),), DAYTIME),
    Appliance(
        0.7, 0.6, (1900, 2200), (Stage(900), Stage(2100, 0.05, 0.6), Stage(700), Stage(1200, 0.03, 0.6)), EVENING, 0.15
    ),
    # Lights, screens, electronics.
    Appliance(1.0, 5.0, (40, 260), (Stage(5400, tan_phi=0.35),), EVENING, 0.6),
    # Vacuum cleaner, tools, pump: motors in the day.
    Appliance(0.8, 0.5, (600, 1500), (Stage(900, tan_phi=0.6),), DAYTIME, 0.6),
)
_EV_PER_DAY: Final = 0.65
_EV_SESSION_S: Final = 2.3 * 3600.0
_FRIDGE_DUTY: Final = 0.36
_FRIDGE_TAN_PHI: Final = 0.65


@dataclass(frozen=True, slots=True)
class Pulses:
    """Pulses of power, one entry each: house, start and end (s from the day's midnight), W and var."""

    house: Ints
    start: Floats
    end: Floats
    p: Floats
    q: Floats

    @staticmethod
    def join(parts: list[Pulses]) -> Pulses:
        return Pulses(
            house=np.concatenate([x.house for x in parts]),
            start=np.concatenate([x.start for x in parts]),
            end=np.concatenate([x.end for x in parts]),
            p=np.concatenate([x.p for x in parts]),
            q=np.concatenate([x.q for x in parts]),
        )

    def shifted(self, seconds: float) -> Pulses:
        return Pulses(self.house, self.start + seconds, self.end + seconds, self.p, self.q)


def _pulses(house: Ints, start: Floats, duration: Floats, power: Floats, tan_phi: float) -> Pulses:
    return Pulses(house, start, start + duration, power, power * tan_phi)


def _chopped(house: Ints, start: Floats, duration: Floats, power: Floats, stage: Stage) -> Pulses:
    """The on-times of a thermostat within each session."""
    count = np.maximum(1, np.ceil(duration / stage.cycle_s)).astype(np.int64)
    session = np.repeat(np.arange(len(house)), count)
    cycle = np.arange(len(session)) - np.repeat(np.cumsum(count) - count, count)
    begin = start[session] + cycle * stage.cycle_s
    on = np.minimum(stage.duty * stage.cycle_s, (start + duration)[session] - begin)
    return _pulses(house[session], begin, on, power[session], stage.tan_phi)


def _hours(habit: Habit, shift_h: Floats, weekend: bool, rng: np.random.Generator) -> Floats:
    """Times of day in hours for sessions of households with these shifts."""
    weight = np.array([w for w, _, _ in habit])
    centre = np.array([c for _, c, _ in habit])
    width = np.array([s for _, _, s in habit])
    which = rng.choice(len(habit), size=len(shift_h), p=weight / weight.sum())
    # On free days people get up later, and spread what they do.
    late = np.where(centre[which] < 10.0, 1.5, 0.3) if weekend else 0.0
    stretch = 1.4 if weekend else 1.0
    return np.asarray(rng.normal(centre[which] + late + shift_h, width[which] * stretch) % 24.0)


def day_pulses(houses: Houses, owned: NDArray[np.bool_], weekend: bool, rng: np.random.Generator) -> Pulses:
    """All pulses that begin on one day. `owned` (appliances x houses) says who has what."""
    n = len(houses)
    parts: list[Pulses] = []
    for k, appliance in enumerate(APPLIANCES):
        count = rng.poisson(appliance.per_day * houses.occupants * (1.15 if weekend else 1.0)) * owned[k]
        house = np.repeat(np.arange(n), count)
        start = _hours(appliance.habit, houses.habit_shift_h[house], weekend, rng) * 3600.0
        power = rng.uniform(*appliance.power_w, len(house))
        stretch = rng.lognormal(0.0, appliance.spread, len(house)).clip(0.3, 3.0)
        for stage in appliance.stages:
            duration = stage.duration_s * stretch
            watts = power * stage.share
            if stage.cycle_s > 0.0:
                parts.append(_chopped(house, start, duration, watts, stage))
            else:
                parts.append(_pulses(house, start, duration, watts, stage.tan_phi))
            start = start + duration
    parts.append(_fridges(houses, rng))
    sessions = np.flatnonzero((houses.ev_w > 0.0) & (rng.uniform(size=n) < _EV_PER_DAY))
    start = _hours(HOME_FROM_WORK, houses.habit_shift_h[sessions], weekend, rng) * 3600.0
    duration = _EV_SESSION_S * 3680.0 / houses.ev_w[sessions] * rng.lognormal(0.2, 0.5, len(sessions)).clip(0.2, 3.0)
    parts.append(_pulses(sessions, start, duration, houses.ev_w[sessions], 0.05))
    return Pulses.join(parts)


def _fridges(houses: Houses, rng: np.random.Generator) -> Pulses:
    """Compressor cycles from midnight to midnight, each a little irregular."""
    count = np.ceil(86400.0 / houses.fridge_period_s).astype(np.int64)
    house = np.repeat(np.arange(len(houses)), count)
    cycle = np.arange(len(house)) - np.repeat(np.cumsum(count) - count, count)
    period = houses.fridge_period_s[house]
    offset = rng.uniform(0.0, 1.0, len(houses))[house]
    start = np.minimum((cycle + offset) * period + rng.normal(0.0, 0.05, len(house)) * period, 86400.0)
    duration = period * _FRIDGE_DUTY * rng.uniform(0.8, 1.2, len(house))
    return _pulses(house, start, duration, houses.fridge_w[house], _FRIDGE_TAN_PHI)
