"""Perfect foresight for few houses, certified: joint dynamic programming over all their positions at once. Pure.

The problem: minimise the integral of |N(t)| over the record with at most B operations in all, where houses may begin
anywhere for nothing. With a price per operation the budget disappears from the constraints, and what remains is solved
exactly: every one of the 3^n joint positions in every slot, moves of any number of houses in any slot (their prices
add up, so letting one house move after the other is exact). From this follows, for any price p >= 0,

    (the least of cost + p * operations) - p * B   <=   the optimum   <=   the cost of any schedule within B.

The left side is certified (Lagrangian duality; what single precision may have lost is taken off). The right side is
the best of the schedules met on the way. Caps per house and dwell are not part of this problem: they could only make
the optimum worse, so the bound holds with them too; the schedule on the right may exceed them.

The slots here may be means over the finer slots of the record that everybody is judged on. While nobody moves within
such a slot, the mean of |N| over it is at least the |N| of its mean (Jensen), so the bound holds on the fine record
too, for all whose operations fall on the borders of the coarse slots. For all others it does once each operation is
given what it could gain, at most, by not being on the nearest border: `leeway`, taken off its price. (An operation
that is shifted to that border changes N by sqrt 3 times its house's current in the fine slots between.) So the bound
is certified for every instant at which a house may move: inside a fine slot, whose loads are even, none is better than
both of its borders (see `judge`). It is about inverters that stay on:
a roof that trips may even relieve the neutral, and no more than its own current can be said of that.

Cost per slot: n * 3^n steps, and 4 bytes * 3^n * 2 sqrt(T) of memory: ten houses over a fortnight of minutes take
seconds for each price and 70 MB.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.benchmark.case import Case, Phases, neutral, operations_of
from edge_balancer.types.phases import ROTATION

MOST_HOUSES: Final = 10
Progress = Callable[[str], None]
Array = NDArray[np.float32]

_EPSILON: Final = float(np.finfo(np.float32).eps)
_TRAILING: Final = 3
"""So many houses, whose places lie close together in memory, are moved on a transposed copy."""
_ROUNDINGS: Final = 12
"""Of a slot, besides one for each house: generous."""
_PRICES: Final = 7
_CLOSE: Final = 0.03
"""A budget that is used but for this share is met."""


@dataclass(frozen=True, slots=True)
class Priced:
    """The exact optimum at a price (A min). `least` of cost + price * operations, A min, certified; `schedule` (T, n)
    that reaches it, its own mean cost and operations."""

    price: float
    least: float
    schedule: Phases
    cost_a: float
    operations: int


@dataclass(frozen=True, slots=True)
class Certified:
    """No schedule (T, H) within the budget has a mean |N| below `bound_a`; `schedule` has `cost_a`."""

    bound_a: float
    schedule: Phases
    cost_a: float
    operations: int

    @property
    def gap(self) -> float:
        """How far, at most, the schedule is off the optimum, as a share of it."""
        return self.cost_a / self.bound_a - 1.0 if self.bound_a > 0.0 else math.inf


def certify(
    case: Case,
    budgets: tuple[float, ...],
    guess: dict[float, float],
    progress: Progress,
    fine: Case | None = None,
) -> dict[float, Certified]:
    """Bound and schedule of the judged slots at each budget (operations per house and day).

    `guess` are prices in A min to begin with. Every price serves all budgets. With `fine`, of which `case` are means,
    the bound holds for moves at any slot of that. Raises ValueError above ten houses.
    """
    problem = _Problem(case, None if fine is None else leeway(fine, case))
    met: list[Priced] = []
    found: dict[float, Certified] = {}
    for budget in sorted(budgets):
        most = case.operations(budget)
        price = guess[budget]
        for turn in range(_PRICES):
            if not any(abs(one.price - price) <= 1e-4 * price for one in met):
                progress(f"joint dynamic programming at {budget:g} operations per house-day, price {turn + 1}")
                met.append(problem.at(price))
            # The bound is highest where the budget is met: its slope over the price is what is missing to it.
            if any((1.0 - _CLOSE) * most <= one.operations <= most for one in met):
                break
            price = _next_price(met, price, most)
        if not any(one.operations <= most for one in met):
            # Dear enough for no operation at all: a schedule for any budget, and for a budget of none the optimum.
            met.append(problem.at(_forbidding(case)))
        lower, upper = _best(problem, met, most)
        found[budget] = Certified(lower, problem.whole(upper.schedule), upper.cost_a, upper.operations)
    return found


def _best(problem: _Problem, met: list[Priced], most: int) -> tuple[float, Priced]:
    """The highest of the certified bounds, and the best of the schedules within the budget: the first always is."""
    lower = max(0.0, *((one.least - one.price * most) / problem.minutes for one in met))
    return lower, min((one for one in met if one.operations <= most), key=lambda one: one.cost_a)


def _next_price(met: list[Priced], last: float, most: int) -> float:
    """Between the nearest prices on both sides of the budget, in the ratio of their operations; else further out."""
    dear = min((one for one in met if 0 < one.operations <= most), key=lambda one: one.price, default=None)
    cheap = max((one for one in met if one.operations > most), key=lambda one: one.price, default=None)
    if cheap is None:
        return last * (0.5 if dear is None else min(0.7, math.pow(dear.operations / max(1, most), 0.8)))
    if dear is None:
        return cheap.price * max(1.5, math.pow(cheap.operations / max(1, most), 0.8))
    high, low = math.log(cheap.operations), math.log(dear.operations)
    part = (high - math.log(max(1, most))) / (high - low) if high > low else 0.5
    return cheap.price * math.pow(dear.price / cheap.price, min(0.9, max(0.1, part)))


def _forbidding(case: Case) -> float:
    """A price at which no operation can pay: all current turned round, all the time."""
    return 4.0 * float(np.abs(case.own[case.judged :]).sum()) * case.step_s / 60.0


def leeway(fine: Case, coarse: Case) -> Array:
    """(T, n) A min: what a switchable house's operation into each judged coarse slot can gain, at most, over one on
    its border when it may fall on any of the fine slots from half a coarse slot before to half a one after."""
    many = round(coarse.step_s / fine.step_s)
    amps = np.abs(fine.own[fine.judged :, coarse.movable]).reshape(-1, many, len(coarse.movable))
    # One that becomes effective at fine slot f is brought forward to the border, over f slots, or else put off to the
    # next one, over the others.
    forward = amps[:, : many // 2].sum(axis=1)
    put_off = np.zeros_like(forward)
    put_off[1:] = amps[:-1, many // 2 + 1 :].sum(axis=1)
    most = np.maximum(forward, put_off) * (math.sqrt(3.0) * fine.step_s / 60.0)
    return np.asarray(np.nextafter(most.astype(np.float32), np.float32(np.inf)))


class _Problem:
    """The judged slots of a case, its switchable houses' positions as one number in base three."""

    def __init__(self, case: Case, leeway: Array | None = None) -> None:
        self._movable = case.movable
        self._houses = len(self._movable)
        if not 1 <= self._houses <= MOST_HOUSES:
            raise ValueError(
                f"{self._houses} switchable houses: the joint optimum is certified for 1 to {MOST_HOUSES}; take fewer, "
                "or pairwise dynamic programming"
            )
        self._case = case
        own = case.own[case.judged :]
        self.slots = len(own)
        self._step_min = case.step_s / 60.0
        self.minutes = self.slots * self._step_min
        self._leeway = np.zeros((self.slots, self._houses), dtype=np.float32) if leeway is None else leeway
        others = ~case.switchable
        self._fixed = (own[:, others] @ ROTATION[case.initial[others]]).astype(np.complex64)
        self._own = own[:, self._movable].astype(np.complex64)
        half = self._houses // 2
        self._halves = (_turns(half), _turns(self._houses - half))
        self._states = 3**self._houses

    def whole(self, schedule: Phases) -> Phases:
        """(T, n) to (T, H)."""
        every = np.repeat(self._case.initial[np.newaxis], self.slots, axis=0).astype(np.int8)
        every[:, self._movable] = schedule
        return every

    def at(self, price: float) -> Priced:
        """Solve exactly at this price (less each operation's leeway)."""
        prices = np.float32(price) - self._leeway
        stretch = max(1, math.isqrt(self.slots))
        value = np.zeros(self._states, dtype=np.float32)
        kept = []
        offset, slack = 0.0, 0.0
        for begin in range(0, self.slots, stretch):
            kept.append(value.copy())
            for slot, cost in enumerate(self._costs(begin, min(begin + stretch, self.slots)), begin):
                value = _moved(value, prices[slot])
                value += cost
                least = float(value.min())
                # Each rounding of a slot is below the spacing of numbers at the greatest value there.
                slack += (self._houses + _ROUNDINGS) * _EPSILON * (least + self._houses * price + float(cost.max()))
                value -= np.float32(least)
                offset += float(np.float32(least))
        # Two operations that fall into one on the border must not have been worth it without the other.
        certified = offset - slack if (prices >= 0.0).all() else -math.inf
        schedule = self._way(kept, stretch, value, prices)
        every = self.whole(schedule)
        cost_a = float(np.abs(neutral(self._case.own[self._case.judged :], every)).mean())
        return Priced(price, certified, schedule, cost_a, int(operations_of(every).sum()))

    def _costs(self, begin: int, end: int) -> list[Array]:
        """Of each slot the cost (3^n,) of all positions, A min."""
        half = self._houses // 2
        first = self._own[begin:end, :half] @ self._halves[0]
        second = self._own[begin:end, half:] @ self._halves[1]
        first = first + self._fixed[begin:end, np.newaxis]
        scale = np.float32(self._step_min)
        out = []
        for one, other in zip(first, second, strict=True):
            real = one.real[:, np.newaxis] + other.real
            imaginary = one.imag[:, np.newaxis] + other.imag
            real *= real
            imaginary *= imaginary
            real += imaginary
            out.append((np.sqrt(real, out=real) * scale).reshape(-1))
        return out

    def _way(self, kept: list[Array], stretch: int, value: Array, prices: Array) -> Phases:
        """Read the cheapest way backwards, a stretch at a time, computed anew from the values kept at its beginning."""
        places = np.empty(self.slots, dtype=np.intp)
        places[-1] = int(np.argmin(value))
        for number in range(len(kept) - 1, -1, -1):
            begin, end = number * stretch, min((number + 1) * stretch, self.slots)
            values = [kept[number]]
            for slot, cost in enumerate(self._costs(begin, end - 1), begin):
                after = _moved(values[-1], prices[slot])
                after += cost
                after -= np.float32(after.min())
                values.append(after)
            # values[k] is that after the slot before begin + k.
            for slot in range(end - 1, begin - 1, -1):
                if slot:
                    places[slot - 1] = self._before(values[slot - begin], int(places[slot]), prices[slot])
        powers = 3 ** np.arange(self._houses - 1, -1, -1)
        return (places[:, np.newaxis] // powers % 3).astype(np.int8)

    def _before(self, value: Array, place: int, prices: Array) -> int:
        """Where the cheapest way to `place` came from."""
        stayed = float(value[place])
        # Nothing else can be cheaper than staying unless it is so by a move's price.
        if stayed <= float(value.min() + prices.min()):
            return place
        apart = np.zeros((1,), dtype=np.float32)
        for k in range(self._houses):
            digit = place // 3 ** (self._houses - 1 - k) % 3
            other = np.full(3, prices[k], dtype=np.float32)
            other[digit] = 0.0
            apart = (apart[:, np.newaxis] + other).reshape(-1)
        return int(np.argmin(value + apart))


def _turns(houses: int) -> NDArray[np.complex64]:
    """(houses, 3^houses): each house's rotation in each of their positions."""
    state = np.arange(3**houses)
    if not houses:
        return np.zeros((0, 1), dtype=np.complex64)
    digits = np.stack([state // 3 ** (houses - 1 - k) % 3 for k in range(houses)])
    return np.asarray(ROTATION[digits], dtype=np.complex64)


def _moved(value: Array, prices: Array) -> Array:
    """The least cost (3^n,) of every position after any houses moved, at `prices` (n,)."""
    houses = len(prices)
    trailing = min(_TRAILING, houses)
    value = value.copy()
    for k in range(houses - trailing):
        _let_move(value.reshape(3**k, 3, -1), prices[k])
    turned = np.ascontiguousarray(value.reshape(-1, 3**trailing).T)
    for k in range(trailing):
        _let_move(turned.reshape(3**k, 3, -1), prices[houses - trailing + k])
    return np.ascontiguousarray(turned.T).reshape(-1)


def _let_move(axes: Array, price: np.float32) -> None:
    least = np.minimum(axes[:, 0], axes[:, 1])
    np.minimum(least, axes[:, 2], out=least)
    least += price
    np.minimum(axes, least[:, np.newaxis], out=axes)
