"""The moves after which the expected neutral current and their price are least in sum. Nothing about houses or safety:
vectors in, indices out.

The search (`squares`) knows sums of squares; what is wanted is the least expected current (`objective`). Squares with
the weights of a secant stand in for it: first as if all imbalance could be removed, then as the set that was found
leaves it, until nothing better comes. Nothing worse than the best single move by the cost itself is returned.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.decision.objective import Complex, ExpectedCurrent, Floats, square
from edge_balancer.decision.squares import ALIKE, NOTHING, Found, Indices, Vectors, best_moves

REFINEMENTS: Final = 3
"""Most searches, each with the weights that belong to what the one before has found."""
EXCHANGES: Final = 2
"""Most rounds in which one member of the set found is exchanged by the cost itself."""


def least_current(cost: ExpectedCurrent, n: Complex, d: Complex, price: Floats, group: Indices, most: int) -> Found:
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
    for _ in range(EXCHANGES):
        exchanged = _exchanged(cost, n, d, price, group, best, most)
        if exchanged is best:
            break
        best = exchanged
    return best


def _exchanged(
    cost: ExpectedCurrent, n: Complex, d: Complex, price: Floats, group: Indices, best: Found, most: int
) -> Found:
    """The set with one member left out, exchanged for another, or added, where that is better by the cost itself."""
    before = float(cost.of(n))
    kept = [tuple(k for k in best.chosen if k != out) for out in best.chosen]
    if len(best.chosen) < most:
        kept.append(best.chosen)
    for some in kept:
        rest, paid = n + d[list(some)].sum(axis=0), float(price[list(some)].sum())
        gain = before - cost.of(rest + d)
        worth = gain - price - paid
        worth[np.isin(group, group[list(some)])] = -np.inf
        k = int(np.argmax(worth))
        alone = before - float(cost.of(rest))
        for chosen, gained, left in ((some, alone, alone - paid), ((*some, k), float(gain[k]), float(worth[k]))):
            if left > best.worth + ALIKE * before:
                best = Found(tuple(sorted(chosen)), gained, left)
    return best


def _best_alone(cost: ExpectedCurrent, n: Complex, d: Complex, price: Floats) -> Found:
    """The best single move by the cost itself, or nothing."""
    before = cost.of(n)
    gain = before - cost.of(n + d)
    worth_each = gain - price
    k = int(np.argmax(worth_each >= worth_each.max() - ALIKE * before))
    worth = float(worth_each[k])
    return Found((k,), float(gain[k]), worth) if worth > 0.0 else NOTHING


def real(values: Complex) -> Vectors:
    """Complex [..., dims] as real float32 [..., 2 dims]: |z| is kept, and the search works on real vectors."""
    return np.concatenate([values.real, values.imag], axis=-1).astype(np.float32)
