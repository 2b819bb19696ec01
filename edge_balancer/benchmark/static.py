"""The best fixed phases for a record: local search over changes of one and two houses, from several starts. Pure.

Searched by the mean |N| on means over longer slots, which leave out no part of the history. Any number of houses may
change, so this is the best that an electrician could do; `edge_balancer.planning` is for the few changes that somebody
will really make.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.benchmark.case import Case, Phases, Phasors, neutral
from edge_balancer.types.phases import ROTATION

_COARSE: Final = 2100
_FINE: Final = 10_500
"""Slots that are searched on: of a week those of five minutes, then those of one."""
_STARTS: Final = 80
_FINALISTS: Final = 6
_KICK: Final = 6
_SHORT_LIST: Final = 64
"""Of the pairs, the best by mean square are judged by the mean."""
_EPSILON: Final = 1e-6


def best_fixed(case: Case, slots: slice, rng: np.random.Generator, houses: NDArray[np.intp] | None = None) -> Phases:
    """The best phases (H,) found for these slots. An electrician needs no switches: any house may change, or of these
    `houses` (indices) any; the others stay where they are."""
    own = case.own[slots]
    movable = np.arange(case.houses) if houses is None else houses
    search = _Search(_coarse(own, _COARSE), movable)
    best = search.climb(case.initial.copy())
    cost = search.cost(best)
    met = {best.tobytes(): (cost, best)}
    for turn in range(_STARTS):
        trial = best.copy()
        some = movable if turn % 3 == 2 else rng.permutation(movable)[:_KICK]
        trial[some] = rng.integers(0, 3, len(some), dtype=np.int8)
        trial = search.climb(trial)
        met[trial.tobytes()] = (search.cost(trial), trial)
        if search.cost(trial) < cost - _EPSILON:
            best, cost = trial, search.cost(trial)
    finer = _Search(_coarse(own, _FINE), movable)
    finalists = sorted(met.values(), key=lambda one: one[0])[:_FINALISTS]
    # Long means decide among many, shorter ones among the best; the last word, also over leaving all alone, has all.
    left = [case.initial.copy(), *(finer.climb(phase.copy()) for _, phase in finalists)]
    return min(left, key=lambda phase: float(np.abs(neutral(own, phase)).mean()))


def _coarse(own: Phasors, most: int) -> Phasors:
    """Means over as many slots as leave at most so many; the last may be over fewer."""
    many = max(1, -(-len(own) // most))
    if many == 1 or not len(own):
        return own
    begin = np.arange(0, len(own), many)
    count = np.diff(np.append(begin, len(own)))
    return np.asarray(np.add.reduceat(own, begin, axis=0) / count[:, np.newaxis].astype(own.real.dtype))


class _Search:
    def __init__(self, own: Phasors, movable: NDArray[np.intp]) -> None:
        self._own = np.ascontiguousarray(own.T).astype(np.complex64)
        self._exact = own
        self._house = np.repeat(movable, 2)
        self._step = np.tile(np.array([1, 2], dtype=np.int8), len(movable))
        mine = self._own[self._house]
        self._gram = (mine @ np.conj(mine.T)) / np.float32(len(own))

    def cost(self, phase: Phases) -> float:
        return float(np.abs(neutral(self._exact, phase)).mean())

    def climb(self, phase: Phases) -> Phases:
        """Change one house, or where that no longer helps two, for as long as the mean falls."""
        if not len(self._house):
            return phase
        while True:
            now = neutral(self._exact, phase).astype(np.complex64)
            mean = float(np.abs(now).mean())
            target = (phase[self._house] + self._step) % 3
            turn = (ROTATION[target] - ROTATION[phase[self._house]]).astype(np.complex64)
            change = self._own[self._house] * turn[:, np.newaxis]
            after = np.abs(now + change).mean(axis=1)
            best = int(np.argmin(after))
            if after[best] < mean - _EPSILON:
                phase[self._house[best]] = target[best]
                continue
            first, second = self._pairs(now, change, turn)
            both = np.abs(now + change[first] + change[second]).mean(axis=1)
            best = int(np.argmin(both)) if len(both) else -1
            if best < 0 or both[best] >= mean - _EPSILON:
                return phase
            for k in (first[best], second[best]):
                phase[self._house[k]] = target[k]

    def _pairs(
        self, now: NDArray[np.complex64], change: NDArray[np.complex64], turn: NDArray[np.complex64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The pairs of changes after which the mean square is least."""
        gram = (self._gram * turn[:, np.newaxis] * np.conj(turn)).real
        alone = 2.0 * (change @ np.conj(now)).real / np.float32(len(now)) + np.diagonal(gram)
        square = alone[:, np.newaxis] + alone + 2.0 * gram
        square[self._house[:, np.newaxis] >= self._house] = np.inf
        short = np.argpartition(square.ravel(), min(_SHORT_LIST, square.size - 1))[:_SHORT_LIST]
        short = short[np.isfinite(square.ravel()[short])]
        first, second = np.divmod(short, len(self._house))
        return first, second
