"""The best set of up to three moves. Nothing about houses or safety: vectors in, indices out.

The state is the weighted neutral current over the horizon as one real vector n; a move adds a vector d_k to it. A
set is
worth |n|^2 - |n + sum d|^2 minus the price of its members. Plain greedy is far off the optimum on large feeders, so the
best *pair* is found exactly from the Gram matrix of all candidates, and a set of three is grown by keeping one move
and choosing the best pair anew, from several starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STARTS = 6
"""Single moves from which sets of three are grown."""
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
    best_cost, best = _best_single(cost)
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


def _best_single(cost: Vectors) -> tuple[float, tuple[int, ...]]:
    k = int(np.argmin(cost))
    return float(cost[k]), (k,)


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
