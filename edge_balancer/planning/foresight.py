"""What phase switches in given houses could gain at best: schedules made with the whole record before the eyes. Pure.

Minimised is the integral of |N(t)| with a price for each operation; one house's or two houses' schedules at a time are
made the best there are given all others' (`planning.chains`), and the price is set so that the budget is met on
average. For one switch this is the optimum, for several it is the best known. Chance has no part in it.

No controller knows the future, so none gains as much. But what a switch can gain changes smoothly from set to set of
houses, where a controller's luck on a few days does not: so this ranks, and the controller is asked afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Floats
from edge_balancer.planning.chains import cheapest, fold, fold_shape, unfold
from edge_balancer.planning.history import DAY_S, History, Phases
from edge_balancer.types.phases import ROTATION

_ROTATION: Final = ROTATION.astype(np.complex64)
_OVER: Final = 1.02
"""A budget exceeded by no more than this is met."""
_UNDER: Final = 0.95
_LEAST_PART: Final = 0.5
"""Of a day must be on record for it to count as one of the samples."""

Folded = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one more house's switch would bring: `gain_by_day` (D,) A off the mean of each day; `net_by_day` (D,) the
    same less the price of its operations, by which houses are compared; `net` the whole of that, A min."""

    net: float
    gain_by_day: Floats
    net_by_day: Floats
    operations: int


class Schedules:
    """Schedules of a growing set of houses over one record; all other houses stay on `start` (H,)."""

    def __init__(self, history: History, start: Phases, day: NDArray[np.intp]) -> None:
        """`day` (T,): which of the days 0, 1, ... each slot belongs to."""
        self._own = history.own
        self._start = start
        self._slots = len(history.t)
        self._minutes = np.float32(history.step_s / 60.0)
        self._shape = fold_shape(self._slots)
        self._day = day
        counts = np.bincount(day)
        # A day with holes tells less than its share; one of which little is left tells nothing.
        self._whole = counts >= _LEAST_PART * DAY_S / history.step_s
        if not self._whole.any():
            self._whole[:] = True
        self._in_day = np.maximum(counts, 1)
        self.days = self._slots * history.step_s / DAY_S
        self._phase: dict[int, NDArray[np.int8]] = {}
        self._neutral: Folded = fold(history.neutral(start).astype(np.complex64), self._shape)
        self._fixed: Floats = np.abs(unfold(self._neutral, self._slots)).astype(np.float64)
        self.price = 0.0
        """Of one operation, A min."""

    @property
    def houses(self) -> tuple[int, ...]:
        return tuple(self._phase)

    @property
    def mean_a(self) -> float:
        return float(np.abs(self._neutral).sum(dtype=np.float64)) / self._slots

    def magnitude(self) -> Floats:
        """|N| (T,), A."""
        return np.asarray(np.abs(unfold(self._neutral, self._slots)), dtype=np.float64)

    def gain_by_day(self) -> Floats:
        """(D,) A: by how much the mean |N| of each day lies below that with everybody on `start`."""
        return self.by_day(self._fixed - self.magnitude())

    def by_day(self, values: Floats) -> Floats:
        """(D,) mean of values (T,) over each day that counts."""
        mean: Floats = (np.bincount(self._day, values, len(self._in_day)) / self._in_day)[self._whole]
        return mean

    @property
    def operations(self) -> int:
        return sum(len(self._moved(house, phase)) for house, phase in self._phase.items())

    def operations_of(self, house: int) -> int:
        return len(self._moved(house, self._phase[house]))

    def trial(self, house: int) -> Trial:
        """What the house's switch would bring beside those there are, at the price; nothing is changed."""
        phases, neutral = self._solved((house,))
        moved = self._moved(house, phases[0])
        gained = (np.abs(unfold(self._neutral, self._slots)) - np.abs(unfold(neutral, self._slots))).astype(np.float64)
        paid = np.zeros(self._slots)
        paid[moved] = self.price / float(self._minutes)
        net = gained - paid
        return Trial(float(net.sum()) * float(self._minutes), self.by_day(gained), self.by_day(net), len(moved))

    def usual_price(self, houses: list[int], budget: float) -> float:
        """A first guess: what a house's current does to the neutral between two operations, A min."""
        square = float(np.mean([float(np.mean(np.abs(self._own[:, h]) ** 2)) for h in houses]))
        return max(1e-6, float(np.sqrt(square)) * 1440.0 / (10.0 * budget))

    def add(self, houses: list[int]) -> None:
        """Give these houses switches, that stay where they are for now."""
        for house in houses:
            self._phase.setdefault(house, np.full(self._shape, self._start[house], dtype=np.int8))

    def improve(self, houses: tuple[int, ...]) -> None:
        """Give these one or two houses the schedules that cost least together, all others as they are."""
        phases, self._neutral = self._solved(houses)
        for house, phase in zip(houses, phases, strict=True):
            self._phase[house] = phase

    def meet(self, budget: float, rounds: int) -> None:
        """Set the price so that the switches make `budget` operations per house and day, house by house.

        They may make fewer where more do not pay; never more than `budget`, however many rounds that takes.
        """
        most = budget * len(self._phase) * self.days
        turn = 0
        while turn < rounds or self.operations > _OVER * most:
            for house in self._phase:
                self.improve((house,))
            used = max(self.operations, 1) / max(most, 1e-9)
            if _UNDER <= used <= _OVER:
                break
            turn += 1
            # Once the rounds are over it only becomes dearer, ever faster: then it ends.
            self.price *= float(np.clip(used, 0.25, 4.0)) ** 0.8 if turn < rounds else 1.0 + 0.05 * (turn - rounds + 1)

    def _solved(self, houses: tuple[int, ...]) -> tuple[NDArray[np.int8], Folded]:
        own = [fold(np.ascontiguousarray(self._own[:, house]), self._shape) for house in houses]
        base = self._neutral.copy()
        for house, current in zip(houses, own, strict=True):
            phase = self._phase.get(house)
            base -= current * _ROTATION[int(self._start[house]) if phase is None else phase]
        sums = base[np.newaxis]
        for current in own:
            turned = current * _ROTATION[:, np.newaxis, np.newaxis]
            sums = (sums[:, np.newaxis] + turned[np.newaxis]).reshape(-1, *self._shape)
        costs = (np.abs(sums) * self._minutes).reshape(*(3,) * len(houses), *self._shape)
        for axis, house in enumerate(houses):  # who begins elsewhere has moved there
            leaving = np.float32(self.price) * (np.arange(3) != self._start[house])
            costs[..., 0, 0] += leaving.reshape([3 if k == axis else 1 for k in range(len(houses))])
        price = np.full(self._shape, self.price, dtype=np.float32)
        phases = cheapest(costs, [price] * len(houses))
        for current, phase in zip(own, phases, strict=True):
            base += current * _ROTATION[phase]
        return phases, base

    def _moved(self, house: int, phase: NDArray[np.int8]) -> NDArray[np.intp]:
        """Slots into which the house moves."""
        return np.flatnonzero(np.diff(unfold(phase, self._slots), prepend=self._start[house]))
