"""The best set of up to three moves. Nothing about houses or safety: vectors in, indices out.

The state is the weighted neutral current over the horizon as one real vector n; a move adds a vector d_k to it. For
squares a set is worth |n|^2 - |n + sum d|^2 minus the price of its members. Plain greedy is far off the optimum on
large feeders, so the best *pair* is found exactly from the Gram matrix of all candidates, and a set of three is grown
by keeping one move and choosing the best pair anew, from several starts.

What is really wanted is the least expected current (`objective`). Squares with the weights of a secant stand in for it:
first as if all imbalance could be removed, then as the set that was found leaves it, until nothing better comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_balancer.decision.objective import Complex, ExpectedCurrent, Floats, square

REFINEMENTS = 3
"""Most searches, each with the weights that belong to what the one before has found."""
STARTS = 6
"""Single moves from which sets of three are grown."""
ALIKE = 1e-5
"""Of sets that differ by less than this share of the whole the first is taken: rounding must not choose among houses
that are alike, or advice would change its mind at every reading."""
ROUNDS = 4
"""Most re-choices from one start; it ends sooner when nothing improves."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """The chosen candidates and what they are worth before and after their price, in the units of |n|^2."""

    chosen: tuple[int, ...]
    gain: float
    worth: float


NOTHING = Found((), 0.0, 0.0)


def least_current(
    cost: ExpectedCurrent, n: Complex, d: Complex, price: Floats, group: NDArray[np.intp], most: int
) -> Found:
    """The set of at most `most` candidates after which `cost` and the price of the moves are least in sum, or nothing.

    n: [dims]; d: [candidates, dims]; price and group: [candidates]. Gain and worth in A min.
    """
    if not len(d):
        return NOTHING
    before = square(n)
    cost_before = float(cost.of(n))
    cheapest = float(price.min())
    # A move that relieves a voltage has a negative price: it may pay where there is nothing to balance.
    if not cost_before - cost.least > min(cheapest, most * cheapest):
        return NOTHING
    best = _best_alone(cost, n, d, price)
    after = np.zeros_like(before)
    tried = []
    for _ in range(REFINEMENTS):
        root = np.sqrt(cost.secant(before, after))
        found = best_moves(real(n * root), real(d * root), price.astype(np.float32), group, most)
        chosen = list(found.chosen)
        gain = cost_before - float(cost.of(n + d[chosen].sum(axis=0)))
        worth = gain - float(price[chosen].sum())
        if worth > best.worth + ALIKE * cost_before:
            best = Found(found.chosen, gain, worth)
        if best.chosen in tried:
            break
        tried.append(best.chosen)
        after = square(n + d[list(best.chosen)].sum(axis=0))
    return best


def _best_alone(cost: ExpectedCurrent, n: Complex, d: Complex, price: Floats) -> Found:
    """The best single move by the cost itself, or nothing."""
    before = cost.of(n)
    gain = before - cost.of(n + d)
    k = _first_alike(-(gain - price), float(before))
    worth = float(gain[k] - price[k])
    return Found((k,), float(gain[k]), worth) if worth > 0.0 else NOTHING


def real(values: Complex) -> Vectors:
    """Complex [..., dims] as real float32 [..., 2 dims]: |z| is kept, and the search works on real vectors."""
    return np.concatenate([values.real, values.imag], axis=-1).astype(np.float32)


def best_moves(n: Vectors, d: Vectors, price: Vectors, group: NDArray[np.intp], most: int) -> Found:
    """The most worthwhile set of at most `most` (1 to 3) candidates, or nothing where none pays.

    n: [dims]; d: [candidates, dims]; price: [candidates]; group: [candidates], candidates of one group (one house)
    exclude each other.
    """
    if len(d) == 0:
        return NOTHING
    gram = d @ d.T
    # cost[k]: change of |n|^2 by k alone, plus its price. Negative is good.
    cost = 2.0 * (d @ n) + np.diagonal(gram) + price
    scale = float(n @ n)
    alone = _first_alike(cost, scale)
    best_cost = float(cost[alone])
    best: tuple[int, ...] = (alone,)
    if most >= 2 and len(d) > 1:
        clash = group[:, None] == group[None, :]
        pair_cost = cost[:, None] + cost[None, :] + 2.0 * gram
        pair_cost[clash] = np.inf
        found = _best_pair(pair_cost)
        if found[0] < best_cost:
            best_cost, best = found
        if most >= 3 and len(d) > 2:
            starts = np.argsort(cost, kind="stable")[:STARTS]
            seeds = dict.fromkeys([*found[1], *(int(k) for k in starts)])
            scratch = np.empty_like(pair_cost)
            for seed in seeds:
                grown = _grow(seed, cost, gram, pair_cost, group, scratch)
                if grown[0] < best_cost:
                    best_cost, best = grown
    # Written so that NaN, from a value that should never have come this far, chooses nothing.
    if not best_cost < 0.0:
        return NOTHING
    chosen = tuple(sorted(best))
    paid = float(price[list(chosen)].sum())
    return Found(chosen, paid - best_cost, -best_cost)


def _first_alike(cost: NDArray[np.floating[Any]], scale: float) -> int:
    """The first that is as good as the best, within rounding of values of the size `scale`."""
    return int(np.argmax(cost <= cost.min() + ALIKE * scale))


def _best_pair(pair_cost: Vectors) -> tuple[float, tuple[int, ...]]:
    flat = int(np.argmin(pair_cost))
    i, j = divmod(flat, pair_cost.shape[1])
    return float(pair_cost[i, j]), (i, j)


def _grow(
    seed: int, cost: Vectors, gram: Vectors, pair_cost: Vectors, group: NDArray[np.intp], scratch: Vectors
) -> tuple[float, tuple[int, ...]]:
    """Keep one move, choose the best pair with it; then keep another of the three, until nothing improves."""
    kept, best_cost = seed, np.inf
    best: tuple[int, ...] = (seed,)
    tried: set[int] = set()
    for _ in range(ROUNDS):
        tried.add(kept)
        shift = 2.0 * gram[kept]
        shift[group == group[kept]] = np.inf
        np.add(pair_cost, shift[:, None], out=scratch)
        scratch += shift[None, :]
        flat = int(np.argmin(scratch))
        i, j = divmod(flat, scratch.shape[1])
        total = float(scratch[i, j]) + float(cost[kept])
        if total < best_cost - 1e-6:
            best_cost, best = total, (kept, i, j)
        free = [k for k in best if k not in tried]
        if not free:
            break
        # Re-choose the partners of the member that contributes most: it is the surest to stay.
        kept = min(free, key=lambda k: float(cost[k]))
    return best_cost, best
