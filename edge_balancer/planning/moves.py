"""All single changes of a history as arrays, and the cost of sets of them: what search and bound share. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.planning.figures import rank95
from edge_balancer.planning.history import History, Phases
from edge_balancer.planning.options import Objective
from edge_balancer.planning.record import Singles
from edge_balancer.types.phases import ROTATION

Indices = NDArray[np.intp]
Plan = tuple[int, ...]
"""Indices of moves, of different houses, sorted."""

# Instants that are worked on together: so small that two such rows of every candidate stay in the processor's cache.
_CELLS: Final = 1 << 17


@dataclass(frozen=True, slots=True)
class Moves:
    """Every change of a movable house to another phase: `house` (J,), `target` (J,), and by how much it changes the
    neutral current, `real` and `imaginary` (J, T) in A. `start_real`, `start_imaginary` (T,): without any change."""

    house: Indices
    target: Phases
    real: Singles
    imaginary: Singles
    start_real: Singles
    start_imaginary: Singles
    objective: Objective

    @property
    def count(self) -> int:
        return len(self.house)

    @property
    def instants(self) -> int:
        return len(self.start_real)

    def at(self, instants: Indices) -> Moves:
        """The same moves seen at these instants alone."""
        return Moves(
            self.house,
            self.target,
            np.ascontiguousarray(self.real[:, instants]),
            np.ascontiguousarray(self.imaginary[:, instants]),
            self.start_real[instants],
            self.start_imaginary[instants],
            self.objective,
        )

    def neutral(self, plan: Plan) -> tuple[Singles, Singles]:
        """Real and imaginary part (T,) of the neutral current after the changes."""
        chosen = list(plan)
        if not chosen:
            return self.start_real, self.start_imaginary
        return (
            self.start_real + self.real[chosen].sum(axis=0, dtype=np.float32),
            self.start_imaginary + self.imaginary[chosen].sum(axis=0, dtype=np.float32),
        )

    def cost(self, plan: Plan) -> float:
        """The objective in A."""
        real, imaginary = self.neutral(plan)
        return float(_judged(np.sqrt(real * real + imaginary * imaginary)[np.newaxis], self.objective)[0])

    def costs_with_one(self, plan: Plan, candidates: Indices) -> NDArray[np.float64]:
        """The objective (C,) after `plan` and one of `candidates` (C,) more."""
        real, imaginary = self.neutral(plan)
        return self._costs(real, imaginary, candidates, None)

    def costs_with_pair(self, plan: Plan, first: Indices, second: Indices) -> NDArray[np.float64]:
        """The objective (C,) after `plan` and the pairs `first`, `second` (C,) more."""
        real, imaginary = self.neutral(plan)
        return self._costs(real, imaginary, first, second)

    def _costs(self, real: Singles, imaginary: Singles, first: Indices, second: Indices | None) -> NDArray[np.float64]:
        rows = max(1, _CELLS // max(1, self.instants))
        out = np.empty(len(first))
        for start in range(0, len(first), rows):
            one = first[start : start + rows]
            x, y = self.real[one], self.imaginary[one]
            if second is not None:
                other = second[start : start + rows]
                x += self.real[other]
                y += self.imaginary[other]
            x += real
            y += imaginary
            x *= x
            y *= y
            x += y
            out[start : start + rows] = _judged(np.sqrt(x, out=x), self.objective)
        return out


def _judged(magnitude: Singles, objective: Objective) -> NDArray[np.float64]:
    """(C, T) -> (C,)."""
    if objective == "mean":
        result: NDArray[np.float64] = magnitude.mean(axis=1, dtype=np.float64)
        return result
    rank = rank95(magnitude.shape[1])
    return np.partition(magnitude, rank, axis=1)[:, rank].astype(np.float64)


def all_moves(history: History, forbidden: frozenset[tuple[int, int]], objective: Objective) -> Moves:
    """The moves of the movable houses but those `forbidden` as (house, phase)."""
    wanted = [
        (h, k)
        for h, member in enumerate(history.members)
        if member.movable
        for k in range(3)
        if k != history.now[h] and (h, k) not in forbidden
    ]
    house = np.array([h for h, _ in wanted], dtype=np.intp)
    target = np.array([k for _, k in wanted], dtype=np.int8)
    change = (ROTATION[target] - ROTATION[history.now[house]]).astype(np.complex64)
    real, imaginary = (np.empty((len(wanted), len(history.t)), dtype=np.float32) for _ in range(2))
    for j, h in enumerate(house.tolist()):  # one at a time: all at once would stand in memory three times over
        effect = history.own[:, h] * change[j]
        real[j], imaginary[j] = effect.real, effect.imag
    start = history.neutral(history.now)
    return Moves(
        house,
        target,
        real,
        imaginary,
        start.real.astype(np.float32),
        start.imag.astype(np.float32),
        objective,
    )
