"""Searches the best set of k changes for k = 1, 2, ...: greedy, exchange of one and of two, restarts. Pure.

On a sample of the instants, spread evenly over the history; the best sets are then improved and compared on all of
them. One change is exact, two are where there are not too many pairs, more in small feeders. Random numbers come from
the generator handed in.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.planning.moves import Indices, Moves, Plan

_SAMPLE: Final = 2048
# Of the candidates by mean square, which is quick to compute, so many are judged by the objective itself.
_SHORT_LIST: Final = 48
_RESTARTS: Final = 4
_RESTARTS_OF_FEW: Final = 40
"""Where there are few candidates: more local optima in proportion, and each is found in no time."""
_FEW: Final = 24
_KICK: Final = 3
_EPSILON: Final = 1e-6
# Pairs times instants that may be tried exhaustively: some seconds.
_MOST_PAIR_WORK: Final = 2_000_000_000
# So many sets of a larger size are tried one by one.
_MOST_SETS: Final = 2_000

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Best:
    """The best set that was found of at most `size` changes, its objective in A, whether no other can be better."""

    size: int
    plan: Plan
    cost_a: float
    proven: bool


def best_sets(moves: Moves, most: int, rng: np.random.Generator, progress: Progress) -> list[Best]:
    """The best sets of at most 0, 1, ... `most` changes, none worse than the one before."""
    most = min(most, len(np.unique(moves.house)))
    if not moves.count:
        return [Best(0, (), moves.cost(()), proven=True)]
    sample = moves.at(_spread(moves.instants, rng))
    search = _Search(sample, rng)
    # Of each size the local optima, best first: on all instants another one may come out best.
    found: list[list[Plan]] = [[()]]
    for size in range(1, most + 1):
        progress(f"searching the best {size} of {moves.count} changes")
        start = [found[-1][0]]
        # What will be tried exhaustively needs no second start.
        found.append(
            search.improved(start, size) if _set_count(moves, size) <= _MOST_SETS else search.optima(size, start)
        )
    for size in range(most - 1, 0, -1):  # what was found for more changes may teach fewer
        found[size] = search.improved([*found[size], *search.without_one(found[size + 1][0])], size)
    return _on_all(moves, found, rng, progress)


def _on_all(moves: Moves, found: list[list[Plan]], rng: np.random.Generator, progress: Progress) -> list[Best]:
    """Compare and improve on all instants; the first two sizes exactly."""
    search = _Search(moves, rng)
    results = [Best(0, (), moves.cost(()), proven=True)]
    for size in range(1, len(found)):
        progress(f"comparing {size} changes over all {moves.instants} slots")
        before = results[-1]
        plan, cost, proven = before.plan, before.cost_a, False
        exact = _exactly(moves, size)
        if exact is not None:
            candidate, proven = exact, True
        else:
            start = min((*found[size], plan), key=moves.cost)
            candidate = _descend(moves, search.climb(start, size), size)
        if moves.cost(candidate) < cost - _EPSILON:
            plan, cost = candidate, moves.cost(candidate)
        results.append(Best(size, plan, cost, proven))
    return results


def _exactly(moves: Moves, size: int) -> Plan | None:
    """The optimum of at most one or two changes by trying them all; None where that takes too long."""
    everything = np.arange(moves.count)
    if size == 1:
        return min(((), (int(np.argmin(moves.costs_with_one((), everything))),)), key=moves.cost)
    if size > 2:
        return _every_set(moves, size)
    if moves.count**2 // 2 * moves.instants > _MOST_PAIR_WORK:
        return None
    first, second = np.triu_indices(moves.count, 1)
    different = moves.house[first] != moves.house[second]
    first, second = first[different], second[different]
    one = _exactly(moves, 1) or ()
    if not len(first):
        return one
    best = int(np.argmin(moves.costs_with_pair((), first, second)))
    return min((one, (int(first[best]), int(second[best]))), key=moves.cost)


def _every_set(moves: Moves, size: int) -> Plan | None:
    """The optimum of at most `size` changes where these are few enough sets to try them all, else None."""
    if _set_count(moves, size) > _MOST_SETS:
        return None
    of_house = [np.flatnonzero(moves.house == house).tolist() for house in np.unique(moves.house)]
    sets = (
        plan
        for k in range(size + 1)
        for houses in itertools.combinations(of_house, k)
        for plan in itertools.product(*houses)
    )
    return min(sets, key=moves.cost)


def _set_count(moves: Moves, size: int) -> int:
    """How many sets of at most so many changes there are, at most: each house has two phases to go to."""
    houses = len(np.unique(moves.house))
    return sum(math.comb(houses, k) * 2**k for k in range(size + 1))


def _descend(moves: Moves, plan: Plan, size: int) -> Plan:
    """Add, exchange or drop single changes, tried all, while that helps."""
    cost = moves.cost(plan)
    while True:
        bases = [tuple(j for j in plan if j != gone) for gone in plan] + ([plan] if len(plan) < size else [])
        best, best_cost = plan, cost - _EPSILON
        for base in bases:
            free = _free(moves, base)
            trial = moves.costs_with_one(base, free)
            if len(free) and trial.min() < best_cost:
                best, best_cost = (*base, int(free[np.argmin(trial)])), float(trial.min())
        if best is plan:
            return tuple(sorted(plan))
        plan, cost = best, best_cost


def _free(moves: Moves, plan: Plan) -> Indices:
    return np.flatnonzero(~np.isin(moves.house, moves.house[list(plan)]))


def _spread(instants: int, rng: np.random.Generator) -> Indices:
    """One instant drawn in each of equal stretches: even over the time, without the beat of a fixed step."""
    if instants <= _SAMPLE:
        return np.arange(instants)
    edges = np.linspace(0, instants, _SAMPLE + 1)
    return np.floor(edges[:-1] + rng.random(_SAMPLE) * np.diff(edges)).astype(np.intp)


class _Search:
    """Local search on a sample, with the mean square of the neutral current as its quick guide."""

    def __init__(self, moves: Moves, rng: np.random.Generator) -> None:
        self._moves = moves
        self._rng = rng
        self._gram = (moves.real @ moves.real.T + moves.imaginary @ moves.imaginary.T) / moves.instants
        self._pull = (moves.real @ moves.start_real + moves.imaginary @ moves.start_imaginary) / moves.instants
        same = moves.house[:, np.newaxis] == moves.house[np.newaxis, :]
        self._diagonal = np.diagonal(self._gram).copy()
        self._pairs = self._diagonal[:, np.newaxis] + self._diagonal + 2.0 * self._gram
        self._pairs[same] = np.inf

    def optima(self, size: int, starts: list[Plan]) -> list[Plan]:
        """Local optima, best first: from the starts, then from kicked copies of the best so far."""
        found = self.improved(starts, size)
        few = self._moves.count <= _FEW
        for turn in range((_RESTARTS_OF_FEW if few else _RESTARTS) if size > 2 else 0):
            if few:
                start = self._filled(self._kicked(found[0]) if turn % 2 else (), size)
            else:  # a start from anywhere is far from good among many candidates
                kept = self._kicked(found[0])
                start = self._filled(kept, len(kept) + 1)
            found = self._sorted([*found, self.climb(start, size)])
        return found

    def improved(self, starts: list[Plan], size: int) -> list[Plan]:
        return self._sorted([self.climb(start, size) for start in starts])

    def _sorted(self, plans: list[Plan]) -> list[Plan]:
        return sorted(dict.fromkeys(plans), key=self._moves.cost)

    def without_one(self, plan: Plan) -> list[Plan]:
        """The plan with the change left out that is missed least."""
        if not plan:
            return []
        return [min((tuple(j for j in plan if j != gone) for gone in plan), key=self._moves.cost)]

    def _kicked(self, plan: Plan) -> Plan:
        """Without a few of its changes."""
        gone = set(self._rng.choice(plan, min(_KICK, len(plan)), replace=False).tolist()) if plan else set()
        return tuple(j for j in plan if j not in gone)

    def _filled(self, plan: Plan, size: int) -> Plan:
        """Filled up with any changes."""
        while len(plan) < size:
            free = _free(self._moves, plan)
            if not len(free):
                break
            plan = (*plan, int(self._rng.choice(free)))
        return plan

    def climb(self, plan: Plan, size: int) -> Plan:
        cost = self._moves.cost(plan)
        while True:
            found = min(self._neighbours(plan, size), key=lambda scored: scored[0], default=(np.inf, plan))
            if found[0] >= cost - _EPSILON:
                found = min(self._far_neighbours(plan, size), key=lambda scored: scored[0], default=(np.inf, plan))
            if found[0] >= cost - _EPSILON:
                return tuple(sorted(plan))
            cost, plan = found

    def _neighbours(self, plan: Plan, size: int) -> Iterator[tuple[float, Plan]]:
        """One change exchanged for another, or one more."""
        bases = [tuple(j for j in plan if j != gone) for gone in plan] + ([plan] if len(plan) < size else [])
        for base in bases:
            quick = self._after(base)
            short = np.argpartition(quick, min(_SHORT_LIST, len(quick) - 1))[:_SHORT_LIST]
            short = short[np.isfinite(quick[short])]
            if len(short):
                costs = self._moves.costs_with_one(base, short)
                best = int(np.argmin(costs))
                yield float(costs[best]), (*base, int(short[best]))

    def _far_neighbours(self, plan: Plan, size: int) -> Iterator[tuple[float, Plan]]:
        """Two changes exchanged for the best two, or one for two where there is room."""
        bases = [
            tuple(j for j in plan if j not in (one, other))
            for index, one in enumerate(plan)
            for other in plan[index + 1 :]
        ]
        if len(plan) < size:
            bases += [tuple(j for j in plan if j != gone) for gone in plan]
        for base in bases:
            alone = self._after(base) - self._diagonal
            quick = (self._pairs + alone[:, np.newaxis] + alone).ravel()
            short = np.argpartition(quick, min(_SHORT_LIST, len(quick) - 1))[:_SHORT_LIST]
            short = short[np.isfinite(quick[short])]
            if len(short):
                first, second = np.divmod(short, self._moves.count)
                costs = self._moves.costs_with_pair(base, first, second)
                best = int(np.argmin(costs))
                yield float(costs[best]), (*base, int(first[best]), int(second[best]))

    def _after(self, base: Plan) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Mean square (J,) after `base` and one change more, less that after `base`; infinite for its own houses."""
        chosen = list(base)
        quick = 2.0 * (self._pull + self._gram[:, chosen].sum(axis=1)) + self._diagonal
        quick[np.isin(self._moves.house, self._moves.house[chosen])] = np.inf
        result: np.ndarray[tuple[int], np.dtype[np.float64]] = quick.astype(np.float64)
        return result
