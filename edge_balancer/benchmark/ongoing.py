"""A forecast that knows how all that runs goes on, and of what begins later only what is usual. Pure.

Of every use of an appliance that has begun it knows each second to come, of the sun everything, of the houses' habits
their mean at this time of day. No meter tells how long an oven will still be wanted, so whoever has nothing but
readings knows less: between this and a perfect forecast lies what nobody can know, people's next decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Complexes
from edge_balancer.benchmark.case import DAY_S, Case
from edge_balancer.benchmark.oracle import Oracle
from edge_balancer.forecast.horizon import BLOCK_MINUTES, Horizon, horizon
from edge_balancer.twin.households import Population
from edge_balancer.twin.households.kinds import Fixed
from edge_balancer.twin.households.pulses import Ints, Pulses
from edge_balancer.twin.noise import Floats

_HABIT_DAYS: Final = 28
"""Whole weeks, after the case: the habits are the same, the uses are others."""
_TIMES: Final = 72
"""Instants of the day at which habits are told, every 20 minutes."""
_LOOKS: Final = 400
_BLOCKS: Final = len(BLOCK_MINUTES)


@dataclass(frozen=True, slots=True)
class _Uses:
    """Pulses of uses that people decide on, in the order in which their uses began: `begun`, Unix s."""

    pulses: Pulses
    begun: Ints

    @staticmethod
    def of(population: Population, first_day: int, days: int) -> _Uses:
        pulses = Pulses.join([population.day_pulses(day) for day in range(first_day, first_day + days)])
        pulses = pulses.take(_decided(pulses.kind))
        use = (pulses.house * (1 << 12) + pulses.kind) * (1 << 40) + pulses.session
        _, index = np.unique(use, return_inverse=True)
        begun = np.full(len(use), np.iinfo(np.int64).max)
        np.minimum.at(begun, index, pulses.start)
        begun = begun[index]
        order = np.argsort(begun, kind="stable")
        return _Uses(pulses.take(order), begun[order])

    def later(self, wall: float, ahead: Horizon, houses: int) -> Complexes:
        """Mean power (houses, blocks), VA, in the blocks from `wall` on of the uses that begin after it."""
        first = int(np.searchsorted(self.begun, wall, side="right"))
        last = int(np.searchsorted(self.begun, wall + ahead.ends_s[-1], side="right"))
        some = self.pulses.take(np.arange(first, last))
        start, end = some.start - wall, some.end - wall
        out = np.empty((houses, _BLOCKS), dtype=np.complex128)
        for block, (begins, ends) in enumerate(zip(ahead.starts_s, ahead.ends_s, strict=True)):
            share = np.maximum(np.minimum(end, ends) - np.maximum(start, begins), 0.0) / (ends - begins)
            out.real[:, block] = np.bincount(some.house, share * some.p, houses)
            out.imag[:, block] = np.bincount(some.house, share * some.q, houses)
        return out


def _decided(kind: Ints) -> NDArray[np.bool_]:
    """Whether people decide when it runs. What runs by itself (standby, compressors, heat pumps) is taken as known."""
    return np.asarray((kind < Fixed.BASE) | (kind == Fixed.WATER_HEATER) | (kind == Fixed.CAR))


class Ongoing:
    """An advisor for a case whose households are these."""

    name: Final = "ongoing"

    def __init__(self, case: Case, population: Population) -> None:
        self._case, self._truth = case, Oracle(case)
        first = population.site.local_day(int(case.start))
        days = round(case.slots * case.step_s / DAY_S)
        self._uses = _Uses.of(population, first - 2, days + 3)
        self._usual = self._habits(_Uses.of(population, first + days + 1, _HABIT_DAYS + 1))
        self._error_va = self._off()

    def forecast(self, wall: float, horizon: Horizon) -> Complexes:
        """Mean power (houses, blocks) in VA over the blocks from `wall` (Unix s) on."""
        known = self._truth.forecast(wall, horizon) - self._uses.later(wall, horizon, self._case.houses)
        return known + self._usual_at(wall)

    def error_va(self, first_va: float) -> Floats:
        """Of all houses' sum, their errors taken as independent, as the blend's are."""
        del first_va
        return self._error_va

    def _habits(self, uses: _Uses) -> Complexes:
        """[times of day, houses, blocks]: what uses that begin after that time draw in the blocks, mean over days."""
        case, ahead = self._case, horizon(30.0)
        begin = case.start + case.slots * case.step_s + DAY_S
        usual = np.zeros((_TIMES, case.houses, _BLOCKS), dtype=np.complex128)
        for day in range(_HABIT_DAYS):
            for time in range(_TIMES):
                usual[time] += uses.later(begin + (day + time / _TIMES) * DAY_S, ahead, case.houses)
        # Four weeks are few for one house's ovens: neighbouring times help.
        return np.asarray((usual + np.roll(usual, 1, axis=0) + np.roll(usual, -1, axis=0)) / (3.0 * _HABIT_DAYS))

    def _usual_at(self, wall: float) -> Complexes:
        place = (wall - self._case.start) % DAY_S / DAY_S * _TIMES
        time, part = int(place) % _TIMES, place % 1.0
        return np.asarray((1.0 - part) * self._usual[time] + part * self._usual[(time + 1) % _TIMES])

    def _off(self) -> Floats:
        """Root of the houses' summed mean square errors, [blocks], at even instants of the history."""
        case, looking = self._case, horizon(30.0)
        last = case.judged * case.step_s - float(looking.ends_s[-1])
        if last <= 0.0:
            return np.zeros(_BLOCKS)
        square = np.zeros((case.houses, _BLOCKS))
        for after in np.linspace(0.0, last, _LOOKS).tolist():
            wall = case.start + after
            square += np.abs(self._truth.forecast(wall, looking) - self.forecast(wall, looking)) ** 2
        return np.asarray(np.sqrt((square / _LOOKS).sum(axis=0)))
