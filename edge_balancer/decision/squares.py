"""The set of up to three moves that takes most off a sum of squares. Nothing about houses or safety: vectors in,
indices out.

The state is one real vector n; a move k adds a vector d_k to it. A set is worth |n|^2 - |n + sum d|^2 minus the price
of its members, so that with c_k = |n + d_k|^2 - |n|^2 + price_k and g_kl = d_k d_l the set costs sum c + 2 sum g.

Plain greedy is far off the optimum on large feeders, and all triples are too many. Branch and bound finds the best one
and proves it: of the three products of a triple let g_ki be the least. Then the triple costs at least

    c_k + c_i + 6 g_ki + min c       and       c_k + 4 g_ki + (the best pair with i in it)

Hardly any pair (k, i) stays below the best set known so far, which a greedy search with exchanges has found; only for
those the best third move is looked up. Pairs are seen all in one sweep, block by block, so that no matrix of all of
them ever stands in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Indices = NDArray[np.intp]

STARTS: Final = 8
"""Single moves from which sets are grown greedily."""
EXCHANGES: Final = 1
"""How often each member of a grown set is exchanged for a better one."""
ROWS: Final = 64
"""Moves whose pairs with all others are looked at together: their sums stay in a processor's own memory."""
MOST_TRIPLES: Final = 1 << 19
"""More triples than this are not looked at, the most promising first: it bounds the time where many moves are alike and
cost next to nothing. Everywhere else the result is proven."""
ALIKE: Final = 3e-6
"""Of sets that differ by less than this share of |n|^2 the first is taken: rounding must not choose among houses that
are alike, or advice would change its mind at every reading."""


@dataclass(frozen=True, slots=True)
class Found:
    """The chosen candidates and what they are worth before and after their price."""

    chosen: tuple[int, ...]
    gain: float
    worth: float


NOTHING: Final = Found((), 0.0, 0.0)


def best_moves(n: Vectors, d: Vectors, price: Vectors, group: Indices, most: int) -> Found:
    """The most worthwhile set of at most `most` (1 to 3) candidates, or nothing where none pays.

    n: [dims]; d: [candidates, dims]; price: [candidates]; group: [candidates], candidates of one group (one house)
    exclude each other.
    """
    if len(d) == 0:
        return NOTHING
    search = _Search(n, d, price, group)
    search.alone()
    if most >= 2 and len(d) > 1:
        search.grow(most)
        search.sweep(triples=most >= 3)
    # Written so that NaN, from a value that should never have come this far, chooses nothing.
    if not search.best_cost < 0.0:
        return NOTHING
    chosen = tuple(sorted(search.best))
    paid = float(price[list(chosen)].sum())
    return Found(chosen, paid - search.best_cost, -search.best_cost)


class _Search:
    """One search and the best set that it has met, which costs `best_cost` (negative is good)."""

    def __init__(self, n: Vectors, d: Vectors, price: Vectors, group: Indices) -> None:
        self._d = d
        self._every = np.arange(max(len(d), ROWS))
        self._mates = _mates(group)
        self._twice = np.ascontiguousarray(2.0 * d.T)
        self._cost: Vectors = n @ self._twice + np.einsum("kd,kd->k", d, d) + price
        self._alike = ALIKE * float(n @ n)
        self.best_cost = 0.0
        self.best: tuple[int, ...] = ()

    def alone(self) -> None:
        """Single moves."""
        (k,) = self._first(self._cost[None, :]).tolist()
        self._take(float(self._cost[k]), (k,))

    def grow(self, most: int) -> None:
        """Sets grown greedily from the cheapest moves, all at once, then their members exchanged."""
        left = self._cost.copy()
        starts: list[int] = []
        while len(starts) < min(STARTS, len(left)):
            starts.append(int(self._first(left[None, :])[0]))
            left[starts[-1]] = np.inf
        members = np.array(starts)[:, None]
        while members.shape[1] < most:
            members = np.concatenate([members, self._add(members)[:, None]], axis=1)
        for _ in range(EXCHANGES):
            for place in range(most):
                members[:, place] = self._add(np.delete(members, place, axis=1))

    def sweep(self, *, triples: bool) -> None:
        """All pairs; and all triples that may be better than the best set known."""
        count, cost = len(self._d), self._cost
        cheapest = float(cost.min())
        with_it = np.full(count, np.inf, dtype=np.float32)  # the best pair with each
        kept = _Pairs()
        for first in range(0, count, ROWS):
            last = min(first + ROWS, count)
            products = self._d[first:last] @ self._twice[:, first:]
            pairs = products + cost[first:]
            pairs += cost[first:last, None]
            # A mate left of the block was met in an earlier one; here its index would count from the right.
            mates, own = self._mates[first:last], self._every[first:last, None]
            pairs[own - first, np.where(mates >= first, mates, own) - first] = np.inf
            np.minimum(with_it[first:last], pairs.min(axis=1), out=with_it[first:last])
            np.minimum(with_it[first:], pairs.min(axis=0), out=with_it[first:])
            if triples:
                products *= 2.0
                pairs += products
                kept.take(pairs, first, self.best_cost - self._alike - cheapest)
        self._best_pair(with_it)
        if triples:
            self._follow(kept, with_it)

    def _best_pair(self, with_it: Vectors) -> None:
        if with_it.min() < self.best_cost - self._alike:
            k = int(self._first(with_it[None, :])[0])
            self._add(np.array([[k]]))

    def _follow(self, pairs: _Pairs, with_it: Vectors) -> None:
        """The best third for each pair, the most promising first, until no bound is below the best."""
        k, i, bound = pairs.joined()
        cost, limit = self._cost, self.best_cost - self._alike
        pair_cost = cost[k] + cost[i]
        bound += cost.min()
        product4 = (bound - cost.min() - pair_cost) * np.float32(4 / 6)
        np.maximum(bound, np.maximum(cost[k] + with_it[i], cost[i] + with_it[k]) + product4, out=bound)
        open_ = np.flatnonzero(bound < limit)
        if len(open_) > (most := MOST_TRIPLES // len(cost)):
            open_ = open_[np.argpartition(bound[open_], most)[:most]]
        open_ = open_[np.argsort(bound[open_], kind="stable")]
        pair_cost += 0.5 * product4
        for begin in range(0, len(open_), ROWS):
            some = open_[begin : begin + ROWS]
            limit = self.best_cost - self._alike
            if not bound[some[0]] < limit:
                break
            # A third of the pair's own houses can only make a row look better than it is.
            third = (self._d[k[some]] + self._d[i[some]]) @ self._twice
            third += cost
            better = some[third.min(axis=1) + pair_cost[some] < limit]
            if len(better):
                self._add(np.stack([k[better], i[better]], axis=1))

    def _add(self, members: Indices) -> Indices:
        """The best further member of each set [sets, size]; the best of these sets is remembered."""
        cost = self._d[members].sum(axis=1) @ self._twice
        cost += self._cost
        sets = self._every[: len(members), None]
        for place in range(members.shape[1]):
            cost[sets, self._mates[members[:, place]]] = np.inf
        cost += self._cost_of(members)[:, None]
        added = self._first(cost)
        best = int(self._first(cost[sets, added[:, None]].T)[0])
        self._take(float(cost[best, added[best]]), (*members[best].tolist(), int(added[best])))
        return added

    def _cost_of(self, members: Indices) -> Vectors:
        """Cost [sets] of sets [sets, size]: |sum d|^2 less each |d|^2 is twice the sum of the products."""
        d = self._d[members]
        together = d.sum(axis=1)
        own = np.einsum("smd,smd->s", d, d)
        return np.asarray(self._cost[members].sum(axis=1) + np.einsum("sd,sd->s", together, together) - own)

    def _first(self, cost: Vectors) -> Indices:
        """[rows] the first of each row that is as good as its best."""
        return np.asarray((cost <= cost.min(axis=1, keepdims=True) + self._alike).argmax(axis=1))

    def _take(self, cost: float, chosen: tuple[int, ...]) -> None:
        if cost < self.best_cost - (self._alike if self.best else 0.0):
            self.best_cost, self.best = cost, chosen


class _Pairs:
    """Pairs whose bound is low, met in a sweep."""

    def __init__(self) -> None:
        self._met: list[tuple[Indices, Indices, Vectors]] = []

    def take(self, bounds: Vectors, first: int, below: float) -> None:
        """Of `bounds` [rows from `first`, columns from `first`] those `below`."""
        flat = np.flatnonzero(bounds < below)
        row, column = np.divmod(flat, bounds.shape[1])
        self._met.append((row + first, column + first, bounds.ravel()[flat]))

    def joined(self) -> tuple[Indices, Indices, Vectors]:
        """Rows, columns and bounds."""
        k, i, bound = (np.concatenate(part) for part in zip(*self._met, strict=True))
        return k, i, bound


def _mates(group: Indices) -> Indices:
    """[candidates, size of the largest group] the members of each one's group, itself where there are fewer."""
    order = np.argsort(group, kind="stable")
    of_group = np.unique(group[order], return_index=True, return_inverse=True, return_counts=True)
    _, begin, which, count = of_group
    place = np.arange(int(count.max()))
    listed = order[begin[which][:, None] + np.minimum(place, count[which][:, None] - 1)]
    mates = np.empty_like(listed)
    mates[order] = listed
    return mates
