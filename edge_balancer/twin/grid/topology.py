"""The tree of a radial feeder: who hangs on whom, and where two buses' ways to the transformer part.

Pure arrays; knows no impedances. Lines may be written in either direction; the tree gives them theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.grid.errors import FeederError

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A feeder as seen from its root. `order` holds every bus, parents first, each subtree in one piece."""

    root: int
    parent: Ints
    """Per bus; -1 at the root."""
    line: Ints
    """Per bus: the line from its parent; -1 at the root."""
    order: Ints
    size: Ints
    """Per bus: how many buses its subtree has, itself included."""


def grow(root: int, begin: Ints, end: Ints, buses: Sequence[str], lines: Sequence[str]) -> Tree:
    """The tree of the lines from `begin` to `end`. Raises FeederError on a loop, a line to itself, an island."""
    n = len(buses)
    at: list[list[int]] = [[] for _ in range(n)]
    for k, (a, b) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        if a == b:
            raise FeederError(f"line {lines[k]}", f"it begins and ends at bus {buses[a]}", "give it two buses")
        at[a].append(k)
        at[b].append(k)
    parent, line = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    seen = np.zeros(n, dtype=bool)
    order: list[int] = []
    stack = [root]
    seen[root] = True
    while stack:
        bus = stack.pop()
        order.append(bus)
        # Reversed, so that what is written first is visited first.
        for k in reversed(at[bus]):
            if k == line[bus]:
                continue
            other = int(end[k]) if begin[k] == bus else int(begin[k])
            if seen[other]:
                where = f"it closes a loop between the buses {buses[bus]} and {buses[other]}"
                raise FeederError(f"line {lines[k]}", where, "open the loop: leave out the line whose switch is open")
            seen[other] = True
            parent[other], line[other] = bus, k
            stack.append(other)
    if len(order) < n:
        lost = [buses[k] for k in np.flatnonzero(~seen).tolist()]
        names = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        wrong = f"no line leads from the transformer's bus {buses[root]} to {len(lost)} of {n} buses: {names}"
        raise FeederError("feeder", wrong, "add the missing lines, or leave these buses out")
    size = np.ones(n, dtype=np.int64)
    for bus in reversed(order[1:]):
        size[parent[bus]] += size[bus]
    return Tree(root, parent, line, np.array(order, dtype=np.int64), size)


def meeting_buses(tree: Tree, points: Ints) -> Ints:
    """[K, K]: the last bus that the ways from the root to points k and l have in common. `points` are buses."""
    position = np.empty(len(tree.order), dtype=np.int64)
    position[tree.order] = np.arange(len(tree.order))
    rank = np.argsort(position[points], kind="stable")
    sorted_at = position[points][rank]
    first = np.searchsorted(sorted_at, position, side="left")
    last = np.searchsorted(sorted_at, position + tree.size, side="left")
    meeting = np.full((len(points), len(points)), tree.root, dtype=np.int64)
    # A bus that no point's way branches at or ends at would be overwritten by its child: skip it, for long chains.
    heir = np.zeros(len(tree.order), dtype=bool)
    inner = tree.order[1:]
    up = tree.parent[inner]
    heir[up[(first[inner] == first[up]) & (last[inner] == last[up])]] = True
    for bus in tree.order[~heir[tree.order]].tolist():
        a, b = int(first[bus]), int(last[bus])
        if b > a:
            meeting[a:b, a:b] = bus
    result = np.empty_like(meeting)
    result[np.ix_(rank, rank)] = meeting
    return result
