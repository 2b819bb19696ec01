"""The recent past in memory: one ring of the phases and one of all houses' net load, on a fixed time grid.

A slot in which nothing was heard is a gap (NaN) and stays one: nothing is filled in. Times are monotonic seconds,
handed in. Not a store: what must survive a restart is in `edge_balancer.storage`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.types.snapshot import FeederState

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]

OPEN_SLOTS: Final = 64
"""Readings may arrive this many slots late and still enter their slot's mean; later ones are counted and dropped."""

_MEANS: Final = 5  # p, q, i, v_mean, houses
_QUANTITIES: Final = 7  # and v_min, v_max
_PHASES: Final = 3


def capacity_of(hours: float, grid_s: float) -> int:
    """Slots that cover `hours` on a grid of `grid_s` seconds; at least one."""
    return max(1, math.ceil(hours * 3600.0 / grid_s))


def memory_bytes(houses: int, hours: float, grid_s: float) -> int:
    """Memory of both rings' arrays, bytes: capacity * (8 * houses + 84) + min(64, capacity) * 24 * houses + 180.

    Per slot two float32 for each house and seven for each phase; a float64 sum and an int32 count of P and Q
    for each house in the slots that are still open, and of five means for each phase in one.
    """
    capacity = capacity_of(hours, grid_s)
    ring = capacity * 4 * (2 * houses + _QUANTITIES * _PHASES)
    return ring + min(OPEN_SLOTS, capacity) * 12 * 2 * houses + 12 * _MEANS * _PHASES


class _Grid:
    """Which slots exist: from `first` to `newest`, at most `capacity` of them; slot k begins at k * grid_s."""

    def __init__(self, hours: float, grid_s: float) -> None:
        self.grid_s = grid_s
        self.capacity = capacity_of(hours, grid_s)
        self.newest: int | None = None
        self.first = 0
        self.backward = 0

    def advance(self, now: float) -> NDArray[np.int64]:
        """Move to the slot of `now`; gives the rows that became new slots and hold old values, at most all of them."""
        slot = math.floor(now / self.grid_s)
        if self.newest is None:
            self.newest = self.first = slot
            return np.empty(0, dtype=np.int64)
        if slot < self.newest:
            self.backward += 1
            return np.empty(0, dtype=np.int64)
        opened = np.arange(max(self.newest, slot - self.capacity) + 1, slot + 1)
        self.newest = slot
        self.first = max(self.first, slot - self.capacity + 1)
        return opened % self.capacity

    def recent(self, seconds: float) -> tuple[Floats, int, int]:
        """Begin times of the slots of the last `seconds`, oldest first, and row and number of the first of them."""
        if self.newest is None:
            return np.empty(0), 0, 0
        held = self.newest - self.first + 1
        count = min(held, max(0, math.ceil(seconds / self.grid_s)))
        start = self.newest - count + 1
        times: Floats = np.arange(start, start + count, dtype=np.float64) * self.grid_s
        return times, start % self.capacity, count


def _in_order(ring: NDArray[Any], row: int, count: int) -> Any:
    """`count` rows from `row` on, oldest first: a view, or a copy where they wrap around the ring's end."""
    if row + count <= len(ring):
        return ring[row : row + count]
    return np.concatenate((ring[row:], ring[: row + count - len(ring)]))


@dataclass(frozen=True, slots=True)
class HouseWindow:
    """Consecutive slots, oldest first, the open one last. Not to be written to: it may be a view of the ring."""

    times: Floats
    """Begin of each slot (k,), monotonic s."""
    p: Float32s
    """Mean net load (k, houses), W; NaN where the house was not heard."""
    q: Float32s
    """Mean reactive power (k, houses), var; NaN where it was not measured."""


class HouseRing:
    """Net load P and Q of all houses: the mean of each slot's readings."""

    def __init__(self, houses: int, hours: float, grid_s: float) -> None:
        self._grid = _Grid(hours, grid_s)
        self._houses = houses
        # P and Q side by side: a round costs the same few numpy calls for both.
        self._means = _SlotMeans(self._grid.capacity, 2 * houses)
        self.too_late = 0
        """Readings dropped because their slot was closed long ago."""

    @property
    def backward(self) -> int:
        """How often `advance` was given a time before the newest slot; such a call changes nothing."""
        return self._grid.backward

    @property
    def nbytes(self) -> int:
        return self._means.nbytes

    def advance(self, now: float) -> None:
        """Open the slots up to `now`; those passed over are gaps. The cost is bounded by the capacity."""
        rows = self._grid.advance(now)
        if len(rows):
            self._means.clear(rows)

    def add_round(self, index: NDArray[np.intp], p: Floats, q: Floats, at: Floats) -> None:
        """Add readings (n,): house index, W, var (NaN unknown), instant of measurement. Any order; a house may stand
        twice.

        Opens the slots up to the latest of them, so `at` must have been checked against the clock.
        """
        if not len(index):
            return
        slots = np.floor(at / self._grid.grid_s).astype(np.int64)
        latest = int(slots.max())
        if self._grid.newest is None or latest > self._grid.newest:
            self.advance((latest + 0.5) * self._grid.grid_s)
        newest = latest if self._grid.newest is None else self._grid.newest
        oldest = int(slots.min())
        if oldest <= newest - self._means.open_slots:
            in_time = slots > newest - self._means.open_slots
            self.too_late += int(np.count_nonzero(~in_time))
            index, p, q, slots = index[in_time], p[in_time], q[in_time], slots[in_time]
            if not len(index):
                return
            oldest = int(slots.min())
        self._grid.first = min(self._grid.first, oldest)
        columns = np.concatenate((index, index + self._houses))
        self._means.add(np.concatenate((slots, slots)), columns, np.concatenate((p, q)))

    def window(self, seconds: float) -> HouseWindow:
        """The slots of the last `seconds` that exist, the newest slot included."""
        times, row, count = self._grid.recent(seconds)
        slots = _in_order(self._means.ring, row, count)
        return HouseWindow(times, slots[:, : self._houses], slots[:, self._houses :])


class _SlotMeans:
    """Means per slot and column; the newest `open_slots` keep their sums, so that late readings still count."""

    def __init__(self, capacity: int, width: int) -> None:
        self.open_slots = min(OPEN_SLOTS, capacity)
        self.ring: Float32s = np.full((capacity, width), np.nan, dtype=np.float32)
        self._sum: Floats = np.zeros((self.open_slots, width))
        self._count: NDArray[np.int32] = np.zeros((self.open_slots, width), dtype=np.int32)

    @property
    def nbytes(self) -> int:
        return self.ring.nbytes + self._sum.nbytes + self._count.nbytes

    def clear(self, rows: NDArray[np.int64]) -> None:
        self.ring[rows] = np.nan

    def add(self, slots: NDArray[np.int64], column: NDArray[np.intp], values: Floats) -> None:
        """Add one value each to a column of a slot, (n,); NaN is no value."""
        known = np.isfinite(values)
        if np.count_nonzero(known) < len(values):
            slots, column, values = slots[known], column[known], values[known]
        capacity, width = self.ring.shape
        ring, total, count = self.ring.reshape(-1), self._sum.reshape(-1), self._count.reshape(-1)
        in_ring = slots % capacity * width + column
        in_open = slots % self.open_slots * width + column
        # Sums are not cleared slot by slot: a column without a mean in the ring has had no value in this slot yet.
        empty = np.isnan(ring[in_ring])
        if np.count_nonzero(empty):
            first = in_open[empty]
            total[first] = 0.0
            count[first] = 0
        np.add.at(total, in_open, values)
        # An array of ones, since numpy takes its fast path for arrays only (1 us against 16).
        np.add.at(count, in_open, np.ones(len(values), dtype=np.int32))
        ring[in_ring] = total[in_open] / count[in_open]


@dataclass(frozen=True, slots=True)
class PhaseWindow:
    """Consecutive slots, oldest first, the open one last; all (k, 3), NaN in gaps. Not to be written to."""

    times: Floats
    """Begin of each slot (k,), monotonic s."""
    p: Float32s
    """Mean of P, W."""
    q: Float32s
    """Mean of Q, var."""
    i: Float32s
    """Mean of I, A."""
    v_min: Float32s
    """Lowest voltage of any house, V."""
    v_mean: Float32s
    """Mean voltage, V."""
    v_max: Float32s
    """Highest voltage of any house, V."""
    houses: Float32s
    """Mean number of houses reporting."""


class PhaseRing:
    """The three phases: means of P, Q, I, voltage and houses reporting, and the extremes of the voltage."""

    def __init__(self, hours: float, grid_s: float) -> None:
        self._grid = _Grid(hours, grid_s)
        self._ring: Float32s = np.full((self._grid.capacity, _QUANTITIES, _PHASES), np.nan, dtype=np.float32)
        self._sum: Floats = np.zeros((_MEANS, _PHASES))
        self._count: NDArray[np.int32] = np.zeros((_MEANS, _PHASES), dtype=np.int32)

    @property
    def backward(self) -> int:
        """How often a time before the newest slot was handed in; such a call changes nothing."""
        return self._grid.backward

    @property
    def nbytes(self) -> int:
        return self._ring.nbytes + self._sum.nbytes + self._count.nbytes

    def advance(self, now: float) -> None:
        """Open the slots up to `now`; those passed over are gaps. The cost is bounded by the capacity."""
        rows = self._grid.advance(now)
        if len(rows):
            self._ring[rows] = np.nan
            self._sum[:] = 0.0
            self._count[:] = 0

    def add_state(self, now: float, feeder: FeederState) -> None:
        """Add the feeder as it stands at `now` (monotonic s); a time before the newest slot is ignored and counted."""
        before = self._grid.backward
        self.advance(now)
        if self._grid.backward > before or self._grid.newest is None:
            return
        values = np.array(
            [
                [s.p for s in feeder.phases],
                [s.q for s in feeder.phases],
                [s.i for s in feeder.phases],
                [_or_nan(s.v_mean) for s in feeder.phases],
                [s.houses for s in feeder.phases],
                [_or_nan(s.v_min) for s in feeder.phases],
                [_or_nan(s.v_max) for s in feeder.phases],
            ]
        )
        if not feeder.houses_fresh:
            # Sums over no house at all are zero by definition: in the record of the past that is a gap.
            values[:] = np.nan
        slot = self._ring[self._grid.newest % self._grid.capacity]
        means = values[:_MEANS]
        known = np.isfinite(means)
        self._sum += np.where(known, means, 0.0)
        self._count += known
        slot[:_MEANS] = self._sum / np.where(self._count > 0, self._count, np.nan)
        slot[_MEANS] = np.fmin(slot[_MEANS], values[_MEANS])
        slot[_MEANS + 1] = np.fmax(slot[_MEANS + 1], values[_MEANS + 1])

    def window(self, seconds: float) -> PhaseWindow:
        """The slots of the last `seconds` that exist, the newest slot included."""
        times, row, count = self._grid.recent(seconds)
        slots = _in_order(self._ring, row, count)
        p, q, i, v_mean, houses, v_min, v_max = (slots[:, k] for k in range(_QUANTITIES))
        return PhaseWindow(times, p, q, i, v_min, v_mean, v_max, houses)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
