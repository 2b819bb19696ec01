"""Perfect foresight for many houses: the best schedule that pairwise dynamic programming finds. Pure.

Minimised is the integral of |N(t)| over the record, A min, at no more than K operations per house and day on average
and no more than a cap for any house on any day. Each operation has a price; with it, two houses' whole schedules at a
time are made the best there are given all others (exactly, `chains`), until no pair gains much, and the price is set
so that the budget is met. What comes out could be improved on, perhaps: it is "best known", not an optimum. Houses may
begin the record on any phase for nothing, and no dwell is asked for: no controller has it that easy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Complexes
from edge_balancer.benchmark.case import DAY_S, Case, Counts, Phases, neutral, operations_of
from edge_balancer.benchmark.chains import cheapest, fold, fold_shape, unfold
from edge_balancer.types.phases import ROTATION

Progress = Callable[[str], None]

_ROTATION: Final = ROTATION.astype(np.complex64)
_DEARER: Final = 1.4
"""Of a house's operations on a day on which it exceeds its cap, at each attempt."""
_RELAX: Final = 0.98
_DEAREST: Final = 1e6
"""Enough for no operation at all."""
_SINGLES_FIRST: Final = 14
_ENOUGH: Final = 0.985
"""A budget used to this share is used."""
_LAST_TRIES: Final = 8
_AIM: Final = 0.98
"""Share of the budget that is aimed at while pairs are improved: a little below, most schedules on the way count."""
_LOOK: Final = 60
_TELL: Final = 240


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look: rounds over pairs for each start, most pairs of a round, starts beside what is at hand."""

    rounds: int = 3
    pairs: int = 1500
    starts: int = 1


@dataclass(frozen=True, slots=True)
class Foresight:
    """The best known schedule (T, H) of the judged slots at a budget; `cost_a` its mean |N|; `price` in A min."""

    schedule: Phases
    cost_a: float
    operations: int
    price: float


def best_known(
    case: Case, budgets: tuple[float, ...], start: Phases, effort: Effort, rng: np.random.Generator, progress: Progress
) -> dict[float, Foresight]:
    """The best known schedules at these budgets (operations per house and day), from `start` (H,) and from elsewhere.

    More operations are never worse: what fits into a smaller budget fits into a larger one.
    """
    found: dict[float, Foresight] = {}
    at_hand = np.repeat(start[np.newaxis], case.slots - case.judged, axis=0).astype(np.int8)
    for budget in sorted(budgets):
        progress(f"pairwise dynamic programming at {budget:g} operations per house-day")
        candidates = [_descended(case, budget, at_hand, effort, rng, progress)]
        for _ in range(effort.starts - 1):
            elsewhere = at_hand.copy()
            elsewhere[:, case.movable] = rng.integers(0, 3, len(case.movable), dtype=np.int8)
            candidates.append(_descended(case, budget, elsewhere, effort, rng, progress))
        candidates += [one for smaller, one in found.items() if smaller < budget]
        found[budget] = min(candidates, key=lambda one: one.cost_a)
        at_hand = found[budget].schedule
    return found


def most_a_day(budget: float) -> int:
    """The cap of a house's operations on one day at a budget of so many on average: twice as many, at least two."""
    return max(2, round(2.0 * budget))


def _descended(
    case: Case, budget: float, start: Phases, effort: Effort, rng: np.random.Generator, progress: Progress
) -> Foresight:
    search = _Search(case, start, most_a_day(budget))
    most = case.operations(budget)
    if most < 1:
        return search.fixed()
    search.price = search.usual_price(budget)
    for turn in range(_SINGLES_FIRST):
        search.singles(rng)
        search.follow(most, 0.8 if turn < _SINGLES_FIRST // 2 else 0.4)
    pairs = list(combinations(case.movable.tolist(), 2))
    best = search.within(most)
    for turn in range(effort.rounds if pairs else 0):
        order = rng.permutation(len(pairs))[: effort.pairs]
        for done, k in enumerate(order.tolist()):
            if done % _LOOK == 0:
                best = search.if_allowed(most, best)
                search.follow(_AIM * most, 0.5)
            if done % _TELL == 0:
                progress(
                    f"  round {turn + 1} of {effort.rounds}, pair {done} of {len(order)}: best {best.cost_a:.2f} A"
                )
            search.improve(pairs[k])
    best = min(search.if_allowed(most, best), search.within(most), key=lambda one: one.cost_a)
    search.take(best.schedule)
    search.price = best.price
    return min(best, search.tightened(most), key=lambda one: one.cost_a)


class _Search:
    """A schedule that is improved piece by piece. All arrays (H, L, S) and (L, S) are folded, see `chains`."""

    def __init__(self, case: Case, start: Phases, cap: int) -> None:
        self._case = case
        self._exact: Complexes = case.own[case.judged :]
        self._slots = len(self._exact)
        self._minutes = case.step_s / 60.0
        self._shape = fold_shape(self._slots)
        self._own: NDArray[np.complex64] = fold(np.ascontiguousarray(self._exact.T).astype(np.complex64), self._shape)
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
        self._neutral: NDArray[np.complex64] = fold(neutral(self._exact, schedule).astype(np.complex64), self._shape)

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
        """Give these houses the schedules that cost least together, all others as they are."""
        base = self._neutral
        for h in houses:
            base = base - self._own[h] * _ROTATION[self._phase[h]]
        currents = [base[np.newaxis]]
        for h in houses:
            turned = self._own[h] * _ROTATION[:, np.newaxis, np.newaxis]
            currents.append((currents[-1][:, np.newaxis] + turned[np.newaxis]).reshape(-1, *self._shape))
        real, imaginary = currents[-1].real, currents[-1].imag
        costs = np.sqrt(real * real + imaginary * imaginary) * np.float32(self._minutes)
        costs = costs.reshape(*(3,) * len(houses), *self._shape)
        chosen = cheapest(costs, [np.float32(self.price) * self._dearer[h][self._folded_day] for h in houses])
        for h, phase in zip(houses, chosen, strict=True):
            self._phase[h] = phase
            base = base + self._own[h] * _ROTATION[phase]
        self._neutral = base

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
        while not self._capped() or self.operations > most:
            if self.operations > most:
                self.price *= max(1.01, (self.operations / most) ** 0.4)
            self.singles(rng)
        return self._found()

    def if_allowed(self, most: int, best: Foresight) -> Foresight:
        """The better of `best` and this schedule, where this one is within budget and caps."""
        if self.cost_a < best.cost_a and self.operations <= most and self._capped():
            return self._found()
        return best

    def tightened(self, most: int) -> Foresight:
        """Spend what the last adjustment left over."""
        best = self._found()
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
        return self._found()

    def _capped(self) -> bool:
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

    def _found(self) -> Foresight:
        schedule = self.schedule()
        cost = float(np.abs(neutral(self._exact, schedule)).mean())
        return Foresight(schedule, cost, int(operations_of(schedule).sum()), self.price)
