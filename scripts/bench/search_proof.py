"""The best set of up to three moves, proven: by trying all, and by HiGHS. Far too slow for the daemon; the search is
measured by it.

Under the expected current the problem is a mixed-integer second-order cone programme: x_k in {0, 1} chooses the moves,
the neutral currents are linear in x, and each block's sqrt(|n_b|^2 + sigma_b^2) is convex. HiGHS has no cones, so each
is bounded from below by tangent planes, and where a solution lies above them a plane is added (Duran and Grossmann
1986). A solution of the relaxed programme proves that no set is better than its bound.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.decision.objective import Complex
from edge_balancer.decision.squares import Vectors
from scripts.bench.search_instances import MOST, Instance

ROUNDS: Final = 60
CLOSE: Final = 1e-4
"""A set is proven best where the bound leaves room for this share more."""
DIRECTIONS: Final = 12
RADII: Final = (0.3, 1.0, 2.0)
"""First planes touch the cone at so many directions and so many times its own present size."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the best set found is worth, and what no set can exceed, A min."""

    worth: float
    bound: float

    @property
    def closed(self) -> bool:
        return self.bound - self.worth <= CLOSE * max(self.worth, 1.0)


def best_squares(n: Vectors, d: Vectors, price: Vectors, group: NDArray[np.intp]) -> float:
    """Worth of the best set of up to three moves for squares, by trying all of them. Half a minute at 1000 houses."""
    gram = d @ d.T
    cost = 2.0 * (d @ n) + np.diagonal(gram) + price
    pair = cost[:, None] + cost[None, :] + 2.0 * gram
    pair[group[:, None] == group[None, :]] = np.inf
    best = min(0.0, float(cost.min()), float(pair.min()))
    scratch = np.empty_like(pair)
    for k in range(len(d) - 2):
        with_k = 2.0 * gram[k, k:]
        with_k[group[k:] == group[k]] = np.inf
        rest = len(with_k)
        triple = np.add(pair[k:, k:], with_k[:, None], out=scratch[:rest, :rest])
        triple += with_k
        best = min(best, float(triple.min()) + float(cost[k]))
    return -best


def best_current(it: Instance) -> float:
    """Worth of the best set under the expected current, by trying all of them: a second or two at 200 houses."""
    weights, sigma2 = it.cost.weights_min.astype(np.float32), (it.cost.sigma_a**2).astype(np.float32)
    n, d, price = it.n.astype(np.complex64), it.d.astype(np.complex64), it.price.astype(np.float32)
    best = float((it.cost.of(it.n + it.d) + it.price).min())
    for k in (None, *range(len(d) - 2)):
        rest = np.arange(0 if k is None else k + 1, len(d))
        start, paid = n, np.float32(0.0)
        if k is not None:
            rest = rest[it.group[rest] != it.group[k]]
            start, paid = n + d[k], price[k]
        if len(rest) < 2:
            continue
        total = paid + price[rest][:, None] + price[rest]
        total[it.group[rest][:, None] == it.group[rest]] = np.inf
        for block, (weight, error) in enumerate(zip(weights, sigma2, strict=True)):
            one, other = start[block] + d[rest, block], d[rest, block]
            square = (one.real[:, None] + other.real) ** 2
            square += (one.imag[:, None] + other.imag) ** 2
            square += error
            np.sqrt(square, out=square)
            square *= weight
            total += square
        best = min(best, float(total.min()))
    return max(0.0, float(it.cost.of(it.n)) - best)


def proven(it: Instance, first: tuple[int, ...], seconds: float) -> Proof:
    """HiGHS's best set and its bound, from the set `first` on, within about so many seconds."""
    programme = _Programme(it)
    best = programme.worth(first)
    bound = float(it.cost.of(it.n)) - it.cost.least
    until = time.monotonic() + seconds
    for _ in range(ROUNDS):
        left = until - time.monotonic()
        if left <= 0.0:
            break
        chosen, found = programme.solve(left)
        bound = min(bound, found)
        if chosen is None:
            break
        best = max(best, programme.worth(chosen))
        if bound - best <= CLOSE * max(best, 1.0):
            break
        programme.touch(programme.currents(chosen))
    return Proof(best, max(bound, best))


class _Programme:
    """Variables: x [moves], then the cost t [blocks] of each block, weight included."""

    def __init__(self, it: Instance) -> None:
        import highspy  # a dev dependency

        self._it = it
        self._moves, self._blocks = it.d.shape
        self._before = float(it.cost.of(it.n))
        self._highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        self._optimal = highspy.HighsModelStatus.kOptimal
        for option, value in (("output_flag", False), ("mip_rel_gap", 1e-6), ("threads", 1)):
            self._highs.setOptionValue(option, value)
        size = self._moves + self._blocks
        least = it.cost.weights_min * it.cost.sigma_a
        lower, upper = np.zeros(size), np.ones(size)
        lower[self._moves :], upper[self._moves :] = least, highspy.kHighsInf
        self._highs.addVars(size, lower, upper)
        every = np.arange(size, dtype=np.int32)
        self._highs.changeColsCost(size, every, np.concatenate([it.price, np.ones(self._blocks)]))
        kinds = np.array([highspy.HighsVarType.kInteger] * self._moves)
        self._highs.changeColsIntegrality(self._moves, every[: self._moves], kinds)
        self._infinity = highspy.kHighsInf
        self._row(-self._infinity, float(MOST), every[: self._moves], np.ones(self._moves))
        for house in np.unique(it.group):
            mine = np.flatnonzero(it.group == house).astype(np.int32)
            self._row(-self._infinity, 1.0, mine, np.ones(len(mine)))
        turns = np.exp(2j * np.pi * np.arange(DIRECTIONS) / DIRECTIONS)
        for radius in RADII:
            for turn in turns:
                self.touch(radius * turn * np.maximum(np.abs(it.n), it.cost.sigma_a))
        self.touch(it.n)

    def _row(self, low: float, high: float, columns: NDArray[np.int32], values: NDArray[np.float64]) -> None:
        self._highs.addRow(low, high, len(columns), columns, values)

    def touch(self, at: Complex) -> None:
        """Planes that touch each block's cone at these currents: t >= w (sigma^2 + Re(conj(a) n(x))) / |a, sigma|."""
        it = self._it
        size = np.sqrt(np.abs(at) ** 2 + it.cost.sigma_a**2)
        for block in range(self._blocks):
            slope = it.cost.weights_min[block] / size[block]
            constant = slope * (it.cost.sigma_a[block] ** 2 + (np.conj(at[block]) * it.n[block]).real)
            change = slope * (np.conj(at[block]) * it.d[:, block]).real
            columns = np.append(np.arange(self._moves), self._moves + block).astype(np.int32)
            self._row(constant, self._infinity, columns, np.append(-change, 1.0))

    def solve(self, seconds: float) -> tuple[tuple[int, ...] | None, float]:
        """The relaxed programme's set, None where none was found in time, and what no set's worth exceeds."""
        self._highs.setOptionValue("time_limit", self._highs.getRunTime() + seconds)
        self._highs.run()
        info = self._highs.getInfo()
        bound = self._before - float(info.mip_dual_bound)
        if self._highs.getModelStatus() != self._optimal:
            return None, bound
        x = np.array(self._highs.getSolution().col_value)[: self._moves]
        return tuple(np.flatnonzero(x > 0.5).tolist()), bound

    def currents(self, chosen: tuple[int, ...]) -> Complex:
        return np.asarray(self._it.n + self._it.d[list(chosen)].sum(axis=0))

    def worth(self, chosen: tuple[int, ...]) -> float:
        paid = float(self._it.price[list(chosen)].sum())
        return self._before - float(self._it.cost.of(self.currents(chosen))) - paid
