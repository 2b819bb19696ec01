"""A schedule that is improved house by house or two at a time, each exactly, at a price of an operation. Pure.

Budget and caps per day are met through prices: one for all, and dearer ones for a house on a day on which it exceeds
its cap. Inverters trip when their house moves: that is part of a move's price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.benchmark.case import DAY_S, Case, Counts, Phases, Phasors, Watts, neutral, operations_of
from edge_balancer.benchmark.schedule import Schedule
from edge_balancer.benchmark.trips import away_parts, lost_w, tripped
from edge_balancer.planning.chains import cheapest, fold, fold_shape, unfold
from edge_balancer.types.phases import ROTATION

_ROTATION: Final = ROTATION.astype(np.complex64)
_DEARER: Final = 1.4
"""Of a house's operations on a day on which it exceeds its cap, at each attempt."""
_RELAX: Final = 0.98
_DEAREST: Final = 1e6
"""Enough for no operation at all."""
_ENOUGH: Final = 0.985
"""A budget used to this share is used."""
_LAST_TRIES: Final = 8

Folded = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Foresight:
    """The best known schedule (T, H) of the judged slots at a budget; `cost_a` its mean |N|; `price` in A min."""

    schedule: Phases
    cost_a: float
    operations: int
    price: float


class Search:
    """A schedule that is improved piece by piece. All arrays (H, L, S) and (L, S) are folded, see `chains`."""

    def __init__(self, case: Case, start: Phases, cap: int) -> None:
        """`start` (T, H) of the judged slots, `cap` of a house's operations on a day."""
        self._case = case
        self._exact: Phasors = case.own[case.judged :]
        self._slots = len(self._exact)
        self._minutes = case.step_s / 60.0
        self._shape = fold_shape(self._slots)
        self._own: Folded = fold(np.ascontiguousarray(self._exact.T).astype(np.complex64), self._shape)
        self._away = away_parts(case.step_s)
        lost = case.pv_w[case.judged :].T * np.float32(1.0 / case.nominal_v)
        self._roof = lost.max(axis=1) > 0.0
        self._lost: NDArray[np.float32] = fold(np.ascontiguousarray(lost, dtype=np.float32), self._shape)
        day = (np.arange(self._slots) * case.step_s // DAY_S).astype(np.intp)
        self._day = day
        self._folded_day = fold(day, self._shape)
        self._dearer = np.ones((case.houses, int(day[-1]) + 1), dtype=np.float32)
        self._cap = cap
        self.price = 0.0
        self.take(start)

    def take(self, schedule: Phases) -> None:
        """Go on from this schedule (T, H)."""
        self._phase: NDArray[np.int8] = fold(np.ascontiguousarray(schedule.T), self._shape)
        self._neutral: Folded = fold(self._seen(schedule).astype(np.complex64), self._shape)

    def _seen(self, schedule: Phases) -> Phasors:
        """The neutral current (T,) of a schedule."""
        return neutral(self._exact, schedule) + tripped(self._case, schedule, self._lost_w(schedule))

    def _lost_w(self, schedule: Phases) -> Watts:
        return lost_w(self._case, Schedule(schedule, self._case.judged))

    def schedule(self) -> Phases:
        return np.ascontiguousarray(unfold(self._phase, self._slots).T)

    @property
    def cost_a(self) -> float:
        return float(np.abs(self._neutral).sum(dtype=np.float64)) / self._slots

    @property
    def operations(self) -> int:
        return int(operations_of(self.schedule()).sum())

    def usual_price(self, budget: float) -> float:
        """A first guess: what a house's current does to the neutral between two operations, A min."""
        rms = float(np.sqrt(np.mean(np.abs(self._exact[:, self._case.movable]) ** 2)))
        return rms * 1440.0 / (10.0 * budget)

    def improve(self, houses: tuple[int, ...]) -> None:
        """Give these houses the schedules that cost least together, all others as they are.

        Exactly so but for inverters that trip: what their absence costs is worked out for each house alone. So a change
        that turns out worse than it promised is taken back.
        """
        before = self._phase[list(houses)], self._neutral, self._priced(houses)
        base = self._neutral
        for h in houses:
            base = base - self._share(h)
        currents = [base[np.newaxis]]
        for h in houses:
            turned = self._own[h] * _ROTATION[:, np.newaxis, np.newaxis]
            currents.append((currents[-1][:, np.newaxis] + turned[np.newaxis]).reshape(-1, *self._shape))
        real, imaginary = currents[-1].real, currents[-1].imag
        costs = np.sqrt(real * real + imaginary * imaginary) * np.float32(self._minutes)
        costs = costs.reshape(*(3,) * len(houses), *self._shape)
        prices = [np.float32(self.price) * self._dearer[h][self._folded_day] for h in houses]
        trips = {k: self._cost_of_trip(h, before[1] - self._share(h)) for k, h in enumerate(houses) if self._roof[h]}
        # Where an absence helps, two moves in its time would be paid for it twice: then it is counted as nothing.
        for least in (-np.inf, 0.0) if trips and len(houses) == 1 else (0.0,):
            dear = [
                one + np.maximum(trips[k], np.float32(least)) if k in trips else one for k, one in enumerate(prices)
            ]
            self._neutral = base
            for h, phase in zip(houses, cheapest(costs, dear), strict=True):
                self._phase[h] = phase
                self._neutral = self._neutral + self._share(h)
            if self._priced(houses) <= before[2]:
                return
        self._phase[list(houses)], self._neutral = before[:2]

    def _priced(self, houses: tuple[int, ...]) -> float:
        """Cost and these houses' operations at their prices, A min."""
        total = float(np.abs(self._neutral).sum(dtype=np.float64)) * self._minutes
        for h in houses:
            moved = np.flatnonzero(np.diff(unfold(self._phase[h], self._slots))) + 1
            total += self.price * float(self._dearer[h][self._day[moved]].sum())
        return total

    def _share(self, house: int) -> Folded:
        """What the house adds to the neutral current as it moves now, (L, S)."""
        turn = _ROTATION[self._phase[house]]
        if not self._roof[house]:
            return np.asarray(self._own[house] * turn)
        phase = unfold(self._phase[house], self._slots)
        mask = np.zeros(self._slots, dtype=np.float32)
        for slot in (np.flatnonzero(np.diff(phase)) + 1).tolist():
            some = mask[slot : slot + len(self._away)]
            np.maximum(some, self._away[: len(some)], out=some)
        return np.asarray((self._own[house] + self._lost[house] * fold(mask, self._shape)) * turn)

    def _cost_of_trip(self, house: int, base: Folded) -> NDArray[np.float32]:
        """(3, L, S) A min: what |N| grows by while the inverter is away after a move to each phase into each slot.
        `base`: the neutral current without the house."""
        still = base + self._own[house] * _ROTATION[:, np.newaxis, np.newaxis]
        away_too = still + self._lost[house] * _ROTATION[:, np.newaxis, np.newaxis]
        more = np.abs(away_too) - np.abs(still)
        each = unfold(more, self._slots)
        total = np.zeros((3, self._slots + 1))
        np.cumsum(each, axis=1, out=total[:, 1:])
        whole = int(np.count_nonzero(self._away >= 1.0))
        end = np.minimum(np.arange(self._slots) + whole, self._slots)
        cost = total[:, end] - total[:, :-1]
        for part in self._away[whole:].tolist():
            cost[:, : self._slots - whole] += part * each[:, whole:]
        return fold((cost * self._minutes).astype(np.float32), self._shape)

    def singles(self, rng: np.random.Generator) -> None:
        """Each house once, alone."""
        for h in rng.permutation(self._case.movable).tolist():
            self.improve((h,))

    def follow(self, most: float, how_far: float) -> None:
        """A dearer operation where there are too many, a cheaper one where there are too few."""
        ratio = max(self.operations, 1) / most
        self.price *= float(np.clip(ratio, 0.25, 4.0)) ** how_far
        # What made a day dear may be past: others have moved since.
        self._dearer = np.maximum(self._dearer * np.float32(_RELAX), np.float32(1.0))

    def within(self, most: int) -> Foresight:
        """The schedule brought within budget and caps."""
        rng = np.random.default_rng(0)
        # The budget first: what exceeds a cap at too low a price may keep to it at the right one.
        while self.operations > most or not self.capped():
            if self.operations > most:
                self.price *= max(1.01, (self.operations / most) ** 0.4)
            self.singles(rng)
        return self.found()

    def if_allowed(self, most: int, best: Foresight) -> Foresight:
        """The better of `best` and this schedule, where this one is within budget and caps."""
        if self.cost_a < best.cost_a and self.operations <= most and self.capped():
            return self.found()
        return best

    def tightened(self, most: int) -> Foresight:
        """Spend what the last adjustment left over."""
        best = self.found()
        rng = np.random.default_rng(0)
        for _ in range(_LAST_TRIES):
            if self.operations >= _ENOUGH * most:
                break
            self.price *= 0.97
            self.singles(rng)
            best = self.if_allowed(most, best)
        return best

    def fixed(self) -> Foresight:
        """Where no operation is allowed: the best that fixed phases can do, house by house."""
        rng = np.random.default_rng(0)
        self.price = _DEAREST
        for _ in range(4):
            self.singles(rng)
        return self.found()

    def capped(self) -> bool:
        """Whether all houses are within their caps; makes operations dearer where they are not."""
        over = self._a_day() > self._cap
        self._dearer[over] = np.minimum(self._dearer[over] * _DEARER, _DEAREST)
        return not over.any()

    def _a_day(self) -> Counts:
        """Operations (H, days)."""
        changed = np.diff(self.schedule(), axis=0) != 0
        counts = np.zeros(self._dearer.shape, dtype=np.int64)
        slot, house = np.nonzero(changed)
        np.add.at(counts, (house, self._day[slot + 1]), 1)
        return counts

    def found(self) -> Foresight:
        schedule = self.schedule()
        cost = float(np.abs(self._seen(schedule)).mean())
        return Foresight(schedule, cost, int(operations_of(schedule).sum()), self.price)
