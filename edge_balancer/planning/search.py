"""Searches the best set of k changes for k = 1, 2, ...: greedy, exchange of one and of two, restarts. Pure.

On a sample of the instants, spread evenly over the history; the best sets are then improved and compared on all of
them. One change is exact, two are where there are not too many pairs. Random numbers come from the generator handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.planning.moves import Indices, Moves, Plan

_SAMPLE: Final = 2048
# Of the candidates by mean square, which is quick to compute, so many are judged by the objective itself.
_SHORT_LIST: Final = 48
_RESTARTS: Final = 4
_KICK: Final = 3
_EPSILON: Final = 1e-6
# Pairs times instants that may be tried exhaustively: some seconds.
_MOST_PAIR_WORK: Final = 2_000_000_000

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
    plans: list[Plan] = [()]
    for size in range(1, most + 1):
        progress(f"searching the best {size} of {moves.count} changes")
        plans.append(search.best(size, [plans[-1]]))
    for size in range(most - 1, 0, -1):  # what was found for more changes may teach fewer
        plans[size] = search.improve(size, [plans[size], *search.without_one(plans[size + 1])])
    return _on_all(moves, plans, progress)


def _on_all(moves: Moves, plans: list[Plan], progress: Progress) -> list[Best]:
    """Improve by single exchanges on all instants; the first two exactly."""
    results = [Best(0, (), moves.cost(()), proven=True)]
    for size in range(1, len(plans)):
        progress(f"comparing {size} changes over all {moves.instants} slots")
        before = results[-1]
        plan, cost, proven = before.plan, before.cost_a, False
        exact = _exactly(moves, size)
        if exact is not None:
            found, proven = exact, True
        else:
            found = _descend(moves, plans[size], size)
            also = _descend(moves, plan, size)
            found = min((found, also), key=moves.cost)
        if moves.cost(found) < cost - _EPSILON:
            plan, cost = found, moves.cost(found)
        results.append(Best(size, plan, cost, proven))
    return results


def _exactly(moves: Moves, size: int) -> Plan | None:
    """The optimum of at most one or two changes by trying them all; None where that takes too long."""
    everything = np.arange(moves.count)
    if size == 1:
        return min(((), (int(np.argmin(moves.costs_with_one((), everything))),)), key=moves.cost)
    if size != 2 or moves.count**2 // 2 * moves.instants > _MOST_PAIR_WORK:
        return None
    first, second = np.triu_indices(moves.count, 1)
    different = moves.house[first] != moves.house[second]
    first, second = first[different], second[different]
    one = _exactly(moves, 1) or ()
    if not len(first):
        return one
    best = int(np.argmin(moves.costs_with_pair((), first, second)))
    return min((one, (int(first[best]), int(second[best]))), key=moves.cost)


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

    def best(self, size: int, starts: list[Plan]) -> Plan:
        """From the starts, then from kicked copies of the best so far."""
        best = self.improve(size, starts)
        cost = self._moves.cost(best)
        for _ in range(_RESTARTS if size > 2 else 0):
            trial = self._climb(self._kicked(best), size)
            trial_cost = self._moves.cost(trial)
            if trial_cost < cost - _EPSILON:
                best, cost = trial, trial_cost
        return best

    def improve(self, size: int, starts: list[Plan]) -> Plan:
        return min((self._climb(start, size) for start in starts), key=self._moves.cost)

    def without_one(self, plan: Plan) -> list[Plan]:
        """The plan with the change left out that is missed least."""
        if not plan:
            return []
        return [min((tuple(j for j in plan if j != gone) for gone in plan), key=self._moves.cost)]

    def _kicked(self, plan: Plan) -> Plan:
        gone = set(self._rng.choice(plan, min(_KICK, len(plan)), replace=False).tolist()) if plan else set()
        kept = tuple(j for j in plan if j not in gone)
        free = _free(self._moves, kept)
        if not len(free):
            return kept
        return (*kept, int(self._rng.choice(free)))

    def _climb(self, plan: Plan, size: int) -> Plan:
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
