"""Perfect foresight for many houses: the best schedule that pairwise dynamic programming finds. Pure.

Minimised is the integral of |N(t)| over the record, A min, at no more than K operations per house and day on average
and no more than a cap for any house on any day. Each operation has a price; with it, two houses' whole schedules at a
time are made the best there are given all others (exactly, `chains`), until no pair gains much, and the price is set
so that the budget is met. What comes out could be improved on, perhaps: it is "best known", not an optimum. Houses may
begin the record on any phase for nothing, and no dwell is asked for: no controller has it that easy. Of many houses
not all pairs come up: `pairs_pct` says how many do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from edge_balancer.benchmark.case import Case, Phases
from edge_balancer.benchmark.search import Foresight, Search

Progress = Callable[[str], None]

_SINGLES_FIRST: Final = 14
_AIM: Final = 0.98
"""Share of the budget that is aimed at while pairs are improved: a little below, most schedules on the way count."""
_LOOK: Final = 60
_TELL: Final = 240
_POLISH: Final = 6


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look: rounds over pairs, and most pairs of a round."""

    rounds: int = 3
    pairs: int = 1500


def best_known(
    case: Case, budgets: tuple[float, ...], start: Phases, effort: Effort, rng: np.random.Generator, progress: Progress
) -> dict[float, Foresight]:
    """The best known schedules at these budgets (operations per house and day), from `start` (H,).

    More operations are never worse: what fits into a smaller budget fits into a larger one.
    """
    found: dict[float, Foresight] = {}
    at_hand = np.repeat(start[np.newaxis], case.slots - case.judged, axis=0).astype(np.int8)
    for budget in sorted(budgets):
        progress(f"pairwise dynamic programming at {budget:g} operations per house-day")
        here = _descended(case, budget, at_hand, effort, rng, progress)
        found[budget] = min((here, *found.values()), key=lambda one: one.cost_a)
        at_hand = found[budget].schedule
    return found


def most_a_day(budget: float) -> int:
    """The cap of a house's operations on one day at a budget of so many on average: twice as many, at least two."""
    return max(2, round(2.0 * budget))


def _descended(
    case: Case, budget: float, start: Phases, effort: Effort, rng: np.random.Generator, progress: Progress
) -> Foresight:
    search = Search(case, start, most_a_day(budget))
    most = case.operations(budget)
    if most < 1:
        return search.fixed()
    search.price = search.usual_price(budget)
    for turn in range(_SINGLES_FIRST):
        search.singles(rng)
        search.follow(most, 0.8 if turn < _SINGLES_FIRST // 2 else 0.4)
    best = search.within(most)
    for turn, order in enumerate(_rounds(case, effort, rng)):
        for done, pair in enumerate(order):
            if done % _LOOK == 0:
                best = search.if_allowed(most, best)
                search.follow(_AIM * most, 0.5)
            if done % _TELL == 0:
                progress(
                    f"  round {turn + 1} of {effort.rounds}, pair {done} of {len(order)}: best {best.cost_a:.2f} A"
                )
            search.improve(pair)
    return _finished(search, most, search.if_allowed(most, best))


def _rounds(case: Case, effort: Effort, rng: np.random.Generator) -> Iterator[list[tuple[int, int]]]:
    """The pairs of each round in their order. Where not all have room, those that were not had yet come first, drawn by
    what their houses' currents could set against each other."""
    pairs = list(combinations(case.movable.tolist(), 2))
    mean_a = np.abs(case.own[case.judged :]).mean(axis=0, dtype=np.float64)
    weight = np.array([mean_a[one] * mean_a[other] for one, other in pairs])
    had = np.zeros(len(pairs), dtype=bool)
    for _ in range(effort.rounds if pairs else 0):
        if len(pairs) <= effort.pairs:
            order = rng.permutation(len(pairs))
        else:
            late = rng.exponential(size=len(pairs)) / np.maximum(weight, 1e-12)
            order = np.lexsort((late, had))[: effort.pairs]
        had[order] = True
        yield [pairs[k] for k in order.tolist()]


def pairs_pct(case: Case, effort: Effort) -> float:
    """Of all pairs, those that come up in some round, %."""
    every = math.comb(len(case.movable), 2)
    return 100.0 * min(1.0, effort.rounds * effort.pairs / every) if every else 100.0


def polished(case: Case, budget: float, known: Foresight, rng: np.random.Generator, progress: Progress) -> Foresight:
    """A schedule of longer slots, brought to the finer ones of `case` and improved there with inverters that trip.

    House by house, each exactly given all others: the instants of all its operations, and whether they pay at all.
    """
    many = (case.slots - case.judged) // len(known.schedule)
    search = Search(case, np.repeat(known.schedule, many, axis=0), most_a_day(budget))
    most = case.operations(budget)
    if most < 1:
        return search.found()
    search.price = known.price
    best = search.if_allowed(most, replace(known, cost_a=math.inf))
    for turn in range(_POLISH):
        progress(f"  polishing, round {turn + 1} of {_POLISH}: best {best.cost_a:.2f} A")
        search.singles(rng)
        # What is over a cap becomes dearer at once: on finer slots more operations pay.
        search.capped()
        best = search.if_allowed(most, best)
        search.follow(_AIM * most, 0.5)
    return _finished(search, most, best)


def _finished(search: Search, most: int, best: Foresight) -> Foresight:
    """The better of `best` and what is at hand brought within budget and caps, with what is left over spent."""
    best = min(best, search.within(most), key=lambda one: one.cost_a)
    search.take(best.schedule)
    search.price = best.price
    return min(best, search.tightened(most), key=lambda one: one.cost_a)
