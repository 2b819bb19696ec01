"""The recent past of the demo's houses, as means over any part of it. It remembers looks at the feeder, no more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.devices.meters import Windows
from edge_balancer.twin.feeder import NO_PHASE, Truth
from edge_balancer.twin.noise import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """[n] true means over windows: W, var, V (while lit), and whether the house was lit at the window's end."""

    p: Floats
    q: Floats
    v: Floats
    lit: NDArray[np.bool_]


class Past:
    """What is seen at a look counts for the whole time since the one before."""

    def __init__(self, houses: int, start: float, back_s: float) -> None:
        """`back_s`: how far back windows may begin."""
        self._back_s = back_s
        self._edges: list[float] = [start]
        self._sums: list[Floats] = [np.zeros((4, houses))]
        """At each edge, since the start: W s, var s, V s, and s while lit."""

    def add(self, truth: Truth) -> None:
        """A look; not before the last one."""
        since = truth.wall - self._edges[-1]
        if since <= 0.0:
            return
        lit = truth.phases != NO_PHASE
        rate = np.stack([truth.p, truth.q, truth.v * lit, lit.astype(np.float64)])
        self._sums.append(self._sums[-1] + rate * since)
        self._edges.append(truth.wall)
        # One edge before the longest time back stays: windows begin between edges.
        old = int(np.searchsorted(self._edges, truth.wall - self._back_s, side="right")) - 1
        if old > 0:
            del self._edges[:old], self._sums[:old]

    def means(self, windows: Windows) -> Means:
        """Over windows that end at the last look at the latest."""
        if not len(windows):
            none = np.zeros(0)
            return Means(none, none, none, none.astype(np.bool_))
        edges, sums = np.array(self._edges), np.stack(self._sums)
        house, begin, end = windows.house, windows.begin, windows.end
        length = end - begin
        whole = _at(edges, sums, house, end) - _at(edges, sums, house, begin)
        k = np.clip(np.searchsorted(edges, end, side="left"), 1, len(edges) - 1)
        lit = sums[k, 3, house] > sums[k - 1, 3, house]
        with np.errstate(invalid="ignore", divide="ignore"):
            v = np.nan_to_num(whole[:, 2] / whole[:, 3])
        return Means(whole[:, 0] / length, whole[:, 1] / length, v, lit)


def _at(edges: Floats, sums: Floats, house: NDArray[np.int64], t: Floats) -> Floats:
    """[n, 4] the sums of houses at instants."""
    k = np.clip(np.searchsorted(edges, t, side="right") - 1, 0, len(edges) - 2)
    part = (t - edges[k]) / (edges[k + 1] - edges[k])
    low = sums[k, :, house]
    return np.asarray(low + part[:, None] * (sums[k + 1, :, house] - low))
