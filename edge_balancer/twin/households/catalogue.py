"""What a table of appliances is made of: stages, habits, and how an appliance takes an interruption. No numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

Habit = tuple[tuple[float, float, float], ...]
"""Hours of the day at which something is used: (weight, centre in h, standard deviation in h)."""


class Resumption(StrEnum):
    """What an appliance does when its supply was gone for a moment."""

    GOES_ON = "goes_on"
    """It is used by a person or simply on: it takes up where the clock stands, and only the dead time is lost."""
    FINISHES = "finishes"
    """A programme or a charge: what was left is done later by the dead time, and nothing is lost."""
    MAKES_UP = "makes_up"
    """A thermostat: it runs longer afterwards until the heat or cold that was missed is made up."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of an appliance's programme. `cycle_s` > 0 makes a thermostat or a drum: on for `duty` of each cycle."""

    duration_s: float
    share: float = 1.0
    """Of the appliance's power."""
    power_factor: float = 1.0
    """Positive where current lags (motors), negative where it leads (electronics, LED lamps)."""
    cycle_s: float = 0.0
    duty: float = 1.0

    @property
    def tan_phi(self) -> float:
        """Reactive over active power; positive lags."""
        return math.copysign(math.sqrt(1.0 / self.power_factor**2 - 1.0), self.power_factor)

    @property
    def mean_share(self) -> float:
        return self.share * (self.duty if self.cycle_s > 0.0 else 1.0)


@dataclass(frozen=True, slots=True)
class Appliance:
    """A kind of appliance that people switch on."""

    name: str
    owned: float
    """Fraction of the households that have one."""
    per_day: float
    """Uses a day in a household of the mean size."""
    power_w: tuple[float, float]
    """Range that a specimen's rating is drawn from."""
    stages: tuple[Stage, ...]
    habit: Habit
    source: str
    """Where the numbers are from."""
    with_people: float = 0.3
    """Exponent of the household's size: 0 where one serves all, 1 where each uses it alone."""
    spread: float = 0.3
    """Durations vary by this factor (standard deviation of their logarithm)."""
    resumption: Resumption = Resumption.GOES_ON
    needs_presence: bool = True
    """Whether somebody at home and awake starts it."""
    after_dark: bool = False
    """Whether it is used where and when it is dark."""

    @property
    def energy_wh(self) -> float:
        """Mean energy of one use, Wh."""
        middle = 0.5 * (self.power_w[0] + self.power_w[1])
        return middle * sum(s.duration_s * s.mean_share for s in self.stages) / 3600.0
