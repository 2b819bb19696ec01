"""Where phase switches pay: an order in which to buy them, what so many bring, and how sure that is.

1. Beside the fixed plan, the next switch goes to the house that takes most off the neutral current with the days before
   the eyes (`foresight`), given the switches before it; on days that are the same for all candidates. Where another
   house's gain differs from the chosen one's by less than the days differ among themselves, it is named as as good.
2. What the first 3, 5, 10, 20 of that order and all houses bring is told on days that the order was not made of: with
   foresight, and by the real controller with these switches, that sees each minute only when it is over.

Every gain has its 95 % interval over the days (`confidence`). Pure: the controller's runs are handed in, and the only
random numbers are those that draw the days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.planning.confidence import Gain, gain_over
from edge_balancer.planning.dynamic import DynamicRun
from edge_balancer.planning.figures import Figures, figures
from edge_balancer.planning.foresight import Schedules
from edge_balancer.planning.history import History, Phases
from edge_balancer.planning.order import Placed, purchase_order
from edge_balancer.planning.search import Progress

SIZES: Final = (3, 5, 10, 20)
_ROUNDS: Final = 8
_PARTNERS: Final = 4
"""Earlier switches with which each is scheduled together, two at a time."""

Run = Callable[[frozenset[str]], DynamicRun]
Days = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the controller made of a set: neutral current, gain over the fixed plan, operations per switch and day."""

    neutral: Figures
    gain: Gain
    operations_per_switch_day: float


@dataclass(frozen=True, slots=True)
class SwitchSet:
    """Switches in these houses, on the judged days: the best known with foresight, and the controller (None: not
    asked, or not yet)."""

    size: int
    houses: tuple[str, ...]
    best: Gain
    controller: Asked | None = None
    everywhere: bool = False
    today: bool = False


@dataclass(frozen=True, slots=True)
class Siting:
    """`fixed`: the neutral current on the judged part with the fixed plan alone. `days` judged, `chosen_days` that the
    order was made of; `held_back`: whether the judged ones are none of these. `curve` by size, today's switches last
    where they are some and not all. `placed`: the order, then the other houses by what each would bring alone."""

    days: float
    chosen_days: float
    held_back: bool
    budget: float
    fixed: Figures
    curve: tuple[SwitchSet, ...]
    placed: tuple[Placed, ...]

    @property
    def whole(self) -> SwitchSet:
        return next(item for item in self.curve if item.everywhere)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the history with the day (T,) of each slot, counted from 0."""

    history: History
    day: Days


def run_count(eligible: int) -> int:
    """The most controller runs that `site` makes."""
    return sum(1 for size in SIZES if size < eligible) + 2


def site(
    chosen_on: Stretch, judged: Stretch, start: Phases, budget: float, run: Run | None, progress: Progress,
    *, held_back: bool,
) -> Iterator[Siting]:  # fmt: skip
    """Order switches on `chosen_on`, judge on `judged`; houses begin on `start` (H,), the fixed plan.

    `budget` is in operations per switch and day. Yields the study each time that it has grown: with foresight alone,
    then after each of the controller's runs.
    """
    members = chosen_on.history.members
    eligible = [h for h, member in enumerate(members) if member.eligible]
    placed = purchase_order(chosen_on.history, start, chosen_on.day, eligible, budget, max(SIZES), progress)
    index = {member.id: h for h, member in enumerate(members)}
    order = [index[item.house] for item in placed]
    sizes = [*(size for size in SIZES if size < len(eligible)), len(eligible)]
    gains = _with_foresight(judged, start, order, sizes, budget, progress)
    curve = [
        SwitchSet(size, tuple(item.house for item in placed[:size]), gain, everywhere=size == len(eligible))
        for size, gain in zip(sizes, gains, strict=True)
    ]
    has = [h for h in eligible if members[h].switchable]
    if has and len(has) < len(eligible):
        gain = _with_foresight(judged, start, has, [len(has)], budget, progress)[0]
        curve.append(SwitchSet(len(has), tuple(members[h].id for h in has), gain, today=True))
    siting = Siting(
        judged.history.hours / 24.0,
        chosen_on.history.hours / 24.0,
        held_back,
        budget,
        figures(judged.history.neutral(start)),
        tuple(curve),
        placed,
    )
    yield siting
    if run is None:
        return
    stayed = np.abs(judged.history.neutral(start))
    # All of them first: it says most about whether the others are worth the wait.
    for k in sorted(range(len(curve)), key=lambda k: not curve[k].everywhere):
        found = run(frozenset(curve[k].houses))
        curve[k] = replace(curve[k], controller=_asked(found, judged, stayed, curve[k].size))
        siting = replace(siting, curve=tuple(curve))
        yield siting


def _asked(run: DynamicRun, judged: Stretch, stayed: NDArray[np.float64], size: int) -> Asked:
    moved = np.abs(judged.history.neutral(run.phase.astype(np.intp)))
    days = by_day(stayed - moved, judged.day)
    per_switch = run.operations_per_day / max(1, size)
    return Asked(run.neutral, replace(gain_over(days), mean_a=float((stayed - moved).mean())), per_switch)


def by_day(values: NDArray[np.float64], day: Days) -> NDArray[np.float64]:
    """Mean over each day that has any."""
    count = np.bincount(day)
    result: NDArray[np.float64] = (np.bincount(day, values) / np.maximum(count, 1))[count > 0]
    return result


def _with_foresight(
    judged: Stretch, start: Phases, order: list[int], sizes: list[int], budget: float, progress: Progress
) -> list[Gain]:
    """Gains of the first so many houses of the order: each set's schedules go on from those of the one before."""
    schedules = Schedules(judged.history, start, judged.day)
    schedules.price = schedules.usual_price(order, budget)
    fixed = schedules.mean_a
    gains: list[Gain] = []
    done = 0
    for size in sizes:
        progress(f"what {size} switches could gain at best")
        schedules.add(order[done:size])
        schedules.meet(budget, _ROUNDS)
        for k in range(done, min(size, max(SIZES))):
            for partner in order[max(0, k - _PARTNERS) : k]:
                schedules.improve((partner, order[k]))
        schedules.meet(budget, 2)
        gains.append(replace(gain_over(schedules.gain_by_day()), mean_a=fixed - schedules.mean_a))
        done = size
    return gains
