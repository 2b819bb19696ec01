"""What people switch on in a house on one day: when, how often, how long. Nothing that runs by itself.

How often a thing is used in a slot of ten minutes is the product of its habit (the hours at which it is used) and of
who is at home and awake; the number of uses is Poisson. The product is normalised over a fortnight of the house's own
occupancy, so that each appliance keeps the uses a day that its table gives, whoever lives there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.households.catalogue import Appliance, Habit, Stage
from edge_balancer.twin.households.house_types import House
from edge_balancer.twin.households.occupancy import (
    DAY_BEGINS_H,
    SLOT_HOURS,
    SLOT_S,
    SLOTS,
    active_people,
    presence,
)
from edge_balancer.twin.households.pulses import Pulses
from edge_balancer.twin.noise import Floats

_SAMPLE_WEEKDAYS: Final = 15
_SAMPLE_WEEKEND_DAYS: Final = 6
SESSIONS_A_DAY: Final = 4096
"""Room for the numbers of a day's sessions."""
_LONGEST_S: Final = 16 * 3600.0
"""No use is longer, so that a day's pulses end before the day after next begins."""


def habit_weights(habit: Habit) -> Floats:
    """The habit in each slot of the day, with sum 1; hours wrap around midnight."""
    total = np.zeros(SLOTS)
    for weight, centre, width in habit:
        away = (SLOT_HOURS - centre + 12.0) % 24.0 - 12.0
        bump = np.exp(-0.5 * (away / width) ** 2)
        total += weight * bump / bump.sum()
    return np.asarray(total / total.sum())


@dataclass(frozen=True, slots=True)
class UsagePlan:
    """What a house owns, with everything that does not change from day to day."""

    house: House
    appliances: tuple[Appliance, ...]
    kinds: NDArray[np.int64]
    power_w: Floats
    rates: Floats
    """Uses in each slot (appliances x slots) at a presence of one."""
    dark: NDArray[np.bool_]
    needs_presence: NDArray[np.bool_]


def plan_usage(house: House, table: tuple[Appliance, ...], seed: int) -> UsagePlan:
    """Looks at a fortnight of the house's occupancy and sets the rates."""
    rng = np.random.default_rng([seed, 61, house.index])
    sample = [presence(active_people(house, False, rng)) for _ in range(_SAMPLE_WEEKDAYS)]
    sample += [presence(active_people(house, True, rng)) for _ in range(_SAMPLE_WEEKEND_DAYS)]
    usual = np.mean(sample, axis=0)
    owned = tuple(table[o.kind] for o in house.appliances)
    rates = np.zeros((len(owned), SLOTS))
    for k, appliance in enumerate(owned):
        weights = habit_weights(appliance.habit)
        per_day = appliance.per_day * house.thrift * house.relative_size**appliance.with_people
        rates[k] = per_day * weights / (weights @ usual if appliance.needs_presence else 1.0)
    return UsagePlan(
        house=house,
        appliances=owned,
        kinds=np.array([o.kind for o in house.appliances], dtype=np.int64),
        power_w=np.array([o.power_w for o in house.appliances]),
        rates=rates,
        dark=np.array([a.after_dark for a in owned], dtype=np.bool_),
        needs_presence=np.array([a.needs_presence for a in owned], dtype=np.bool_),
    )


def day_uses(
    plan: UsagePlan, midnight: int, session: int, active: Floats, darkness: Floats, rng: np.random.Generator
) -> list[Pulses]:
    """All uses that begin on the day whose local midnight is given in Unix seconds. Sessions count from `session`.

    `active` is the number of people at home and awake, `darkness` from 0 (day) to 1 (night), both per slot.
    """
    if not plan.appliances:
        return []
    rates = np.where(plan.needs_presence[:, None], plan.rates * presence(active), plan.rates)
    rates = np.where(plan.dark[:, None], rates * darkness, rates)
    cumulative = np.cumsum(rates, axis=1)
    uses = rng.poisson(cumulative[:, -1])
    out = []
    for k in np.flatnonzero(uses):
        count = int(uses[k])
        appliance = plan.appliances[k]
        where = rng.random(count) * cumulative[k, -1]
        slot = np.minimum(np.searchsorted(cumulative[k], where, side="right"), SLOTS - 1)
        start = midnight + DAY_BEGINS_H * 3600.0 + (np.sort(slot) + rng.random(count)) * SLOT_S
        start.sort()
        stretch = np.clip(rng.lognormal(-0.5 * appliance.spread**2, appliance.spread, count), 0.25, 4.0)
        whole = stretch * sum(stage.duration_s for stage in appliance.stages)
        start = one_after_another(start, np.minimum(whole, _LONGEST_S))
        numbers = session + np.arange(count)
        session += count
        fits = start + whole < midnight + 86400.0 + DAY_BEGINS_H * 3600.0 + _LONGEST_S
        out.extend(_stages(plan, int(k), numbers[fits], start[fits], stretch[fits]))
    return out


def one_after_another(start: Floats, length: Floats) -> Floats:
    """Later starts for uses that would begin before the one before has ended; `start` is sorted."""
    before = np.concatenate([[0.0], np.cumsum(length)[:-1]])
    return np.asarray(np.maximum.accumulate(start - before) + before)


def _stages(plan: UsagePlan, k: int, numbers: NDArray[np.int64], start: Floats, stretch: Floats) -> list[Pulses]:
    out = []
    kind = int(plan.kinds[k])
    for stage in plan.appliances[k].stages:
        duration = stage.duration_s * stretch
        watts = np.full(len(start), plan.power_w[k] * stage.share)
        if stage.cycle_s > 0.0:
            out.append(_chopped(plan.house.index, kind, numbers, start, duration, watts, stage))
        else:
            out.append(
                Pulses.of(plan.house.index, kind, numbers, start, start + duration, watts, watts * stage.tan_phi)
            )
        start = start + duration
    return out


def _chopped(
    house: int, kind: int, numbers: NDArray[np.int64], start: Floats, duration: Floats, watts: Floats, stage: Stage
) -> Pulses:
    """The times that a thermostat or a drum is on within each use."""
    count = np.maximum(1, np.ceil(duration / stage.cycle_s)).astype(np.int64)
    use = np.repeat(np.arange(len(count)), count)
    cycle = np.arange(len(use)) - np.repeat(np.cumsum(count) - count, count)
    begin = start[use] + cycle * stage.cycle_s
    end = np.minimum(begin + stage.duty * stage.cycle_s, (start + duration)[use])
    return Pulses.of(house, kind, numbers[use], begin, end, watts[use], watts[use] * stage.tan_phi)
