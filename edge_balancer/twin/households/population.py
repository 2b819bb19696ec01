"""The households of a feeder: who they are, and what they draw at any time. No phases, no PV, no voltage.

The same options and seed give the same values, to the byte, whichever window is asked for, at one second or at one
minute.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from edge_balancer.twin.households.cars import charge
from edge_balancer.twin.households.heat_pumps import heat_pump_day
from edge_balancer.twin.households.house_types import House, appliances_of, draw_houses
from edge_balancer.twin.households.interruption import Dark, interrupted
from edge_balancer.twin.households.kinds import name_of, return_of
from edge_balancer.twin.households.occupancy import SLOT_HOURS, active_people, is_weekend, on_holiday
from edge_balancer.twin.households.options import PopulationOptions
from edge_balancer.twin.households.pulses import Pulses, step_means
from edge_balancer.twin.households.thermostats import base, compressor, water_heater
from edge_balancer.twin.households.usage import SESSIONS_A_DAY, day_uses, plan_usage
from edge_balancer.twin.noise import Floats, keys
from edge_balancer.twin.weather.sky import Weather
from edge_balancer.twin.weather.sun_position import sun_position
from edge_balancer.twin.weather.windows import check_window

_KEPT_DAYS: Final = 4
_MOST_CELLS: Final = 4_000_000
"""Steps times houses that are worked on at once; it bounds the memory beside the result."""
_HOUSEHOLD_TAG: Final = 70


@dataclass(frozen=True, slots=True)
class Profiles:
    """Mean power of each house over each step: `p` in W, `q` in var, of shape (steps, houses), import positive."""

    start: int
    """Unix seconds at which the first step begins."""
    step_s: int
    p: Floats
    q: Floats


class Population:
    """Households whose consumption can be asked for at any time. Its only state is a cache of days."""

    def __init__(self, options: PopulationOptions, seed: int, weather: Weather | None = None) -> None:
        """`weather` drives heat pumps; without it the population makes its own from the site and the seed."""
        if seed < 0:
            raise ValueError(f"seed = {seed}: give a whole number from 0")
        self.options = options
        self.seed = seed
        self.weather = Weather(options.site, seed) if weather is None else weather
        self.site = self.weather.site
        self.houses = draw_houses(options, seed)
        self._table = appliances_of(options.mix)
        self._plans = [plan_usage(house, self._table, seed) for house in self.houses]
        self._compressor_keys = [keys(np.random.default_rng([seed, 71, k]), (4, 2)) for k in range(len(self.houses))]
        self._days: OrderedDict[int, Pulses] = OrderedDict()

    def name_of(self, kind: int) -> str:
        """What a number in `Pulses.kind` stands for."""
        return name_of(kind, self._table)

    def day_pulses(self, day: int) -> Pulses:
        """All that begins on a local day (in days since 1970-01-01), of all houses: the truth behind profiles."""
        pulses = self._days.get(day)
        if pulses is None:
            midnight = self.site.local_midnight(day)
            slots = np.asarray(midnight + 3600.0 * SLOT_HOURS, dtype=np.float64)
            sun = sun_position(slots, self.site.latitude_deg, self.site.longitude_deg)
            # Lamps are wanted from when the sun stands at six degrees until it is as far below the horizon.
            darkness = np.clip(0.5 - np.degrees(sun.elevation) / 12.0, 0.0, 1.0)
            pulses = Pulses.join([self.house_day(house, day, darkness) for house in self.houses])
            self._days[day] = pulses
            if len(self._days) > _KEPT_DAYS:
                self._days.popitem(last=False)
        else:
            self._days.move_to_end(day)
        return pulses

    def house_day(self, house: House, day: int, darkness: Floats) -> Pulses:
        """What begins in one house on one day, drawn from the seed, the house and the day alone."""
        rng = np.random.default_rng([self.seed, _HOUSEHOLD_TAG, house.index, day])
        midnight = self.site.local_midnight(day)
        session = day * SESSIONS_A_DAY
        weekend = is_weekend(day)
        away = on_holiday(self.seed, house.index, day)
        # Each part draws from a stream of its own, so that a car changes nothing in the kitchen.
        use_rng, water_rng, pump_rng, car_rng = rng.spawn(4)
        active = active_people(house, weekend, use_rng)
        parts: list[Pulses | None] = [base(house, midnight, session)]
        cold = enumerate(house.compressors)
        parts += [
            compressor(house.index, k, one, midnight, self._compressor_keys[house.index][k], session) for k, one in cold
        ]
        if not away:
            parts += day_uses(self._plans[house.index], midnight, session, active, darkness, use_rng)
        parts.append(water_heater(house, midnight, session, active, away, water_rng))
        parts.append(heat_pump_day(house, self.weather, midnight, session, pump_rng))
        parts.append(charge(house, midnight, session, weekend, away, car_rng))
        return Pulses.join([part for part in parts if part is not None])

    def power(self, start: int, seconds: int, step_s: int = 60, *, dark: Sequence[Dark] = ()) -> Profiles:
        """Mean power over each step from `start` (Unix seconds).

        `dark` are interruptions of single houses, at most minutes long; an interruption shows for at most two days.
        Raises ValueError where the window is not a whole number of steps of whole seconds.
        """
        parts = list(self.chunks(start, seconds, step_s, dark=dark))
        if len(parts) == 1:
            return parts[0]
        return Profiles(start, step_s, np.concatenate([c.p for c in parts]), np.concatenate([c.q for c in parts]))

    def chunks(self, start: int, seconds: int, step_s: int = 60, *, dark: Sequence[Dark] = ()) -> Iterator[Profiles]:
        """The same piece by piece, so that a fortnight of seconds fits into a small memory."""
        check_window(start, seconds, step_s)
        start, end = int(start), int(start + seconds)
        most_s = max(1, _MOST_CELLS // len(self.houses)) * step_s
        while start < end:
            tomorrow = self.site.local_midnight(self.site.local_day(start) + 1)
            # Up to the first step that begins tomorrow.
            today_s = -(-(tomorrow - start) // step_s) * step_s
            length = min(end - start, today_s, most_s)
            yield self._chunk(start, length, step_s, dark)
            start += length

    def _chunk(self, start: int, seconds: int, step_s: int, dark: Sequence[Dark]) -> Profiles:
        first, last = self.site.local_day(start), self.site.local_day(start + seconds - 1)
        # Nothing lasts beyond the day after the one that it began on. What is made up after an interruption depends on
        # the room that is left, so then the next day counts too.
        days = range(first - 1, last + (2 if dark else 1))
        pulses = Pulses.join([self.day_pulses(day) for day in days])
        if dark:
            begin, end = self.site.local_midnight(first - 1), start + seconds
            near = [d for d in dark if d.end >= begin and d.start < end]
            pulses = interrupted(pulses, near, partial(return_of, table=self._table))
        p, q = step_means(pulses, len(self.houses), start, seconds // step_s, step_s)
        return Profiles(start, step_s, p, q)
