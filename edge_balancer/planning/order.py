"""The order in which to buy switches: each next one where it takes most off the neutral current, with hindsight. Pure.

Greedy, given those before it. A candidate's gain hardly grows when others have switches too, so that its last known
gain serves as a limit: only the most promising are worked out anew at each step (Minoux 1978).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.planning.confidence import Gain, gain_over
from edge_balancer.planning.foresight import Schedules, Trial
from edge_balancer.planning.history import History, Phases
from edge_balancer.planning.search import Progress

_FRESH: Final = 8
"""Candidates that are known exactly at each step: the best, and those that it is told apart from."""
_PRICE_ROUNDS: Final = 6
_FIRST: Final = 10
"""Houses whose operations set the first price: those that a switch pays most for."""
_PARTNERS: Final = 6
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Placed:
    """One house: `alone`, what its switch brings as the only one; `further`, what it adds to the switches ranked before
    it (None beyond the order's length). Houses are chosen by that less the price of their operations. `as_good`: houses
    that these days cannot tell from it at its place. `operations_per_day` as the only one."""

    house: str
    alone: Gain
    further: Gain | None
    as_good: tuple[str, ...]
    operations_per_day: float
    switchable: bool


def purchase_order(
    history: History, start: Phases, day: np.ndarray[tuple[int], np.dtype[np.intp]], eligible: list[int],
    budget: float, most: int, progress: Progress,
) -> tuple[Placed, ...]:  # fmt: skip
    """All eligible houses: the first `most` in their order, then the others by what each brings alone."""
    schedules = Schedules(history, start, day)
    alone = _alone(schedules, eligible, budget, progress)
    known = {h: alone[h].net for h in eligible}
    order: list[int] = []
    placed: list[Placed] = []
    names = [member.id for member in history.members]
    while len(order) < min(most, len(eligible)):
        progress(f"where switch {len(order) + 1} of {min(most, len(eligible))} pays most")
        fresh = _most_promising(schedules, known, order)
        best = min(fresh, key=lambda h: (-fresh[h].net, h))
        if fresh[best].net <= 0.0:
            break  # no further switch would earn its operations
        placed.append(
            Placed(
                names[best],
                gain_over(alone[best].gain_by_day),
                gain_over(fresh[best].gain_by_day),
                tuple(names[h] for h in _as_good(fresh, best)),
                alone[best].operations / schedules.days,
                history.members[best].switchable,
            )
        )
        schedules.add([best])
        schedules.improve((best,))
        for partner in order[-_PARTNERS:]:
            schedules.improve((partner, best))
        order.append(best)
        schedules.meet(budget, 3)
    rest = sorted((h for h in eligible if h not in order), key=lambda h: (-known[h], h))
    placed += [
        Placed(
            names[h],
            gain_over(alone[h].gain_by_day),
            None,
            (),
            alone[h].operations / schedules.days,
            history.members[h].switchable,
        )
        for h in rest
    ]
    return tuple(placed)


def _alone(schedules: Schedules, eligible: list[int], budget: float, progress: Progress) -> dict[int, Trial]:
    """Each house as the only one with a switch, at the price at which those that gain most meet the budget."""
    schedules.price = schedules.usual_price(eligible, budget)
    trials: dict[int, Trial] = {}
    for turn in range(_PRICE_ROUNDS):
        progress(f"what a switch in each of {len(eligible)} houses could gain, pass {turn + 1}")
        trials = {h: schedules.trial(h) for h in eligible}
        first = sorted(eligible, key=lambda h: (-trials[h].net, h))[:_FIRST]
        used = sum(trials[h].operations for h in first) / (len(first) * schedules.days * budget)
        if 0.9 <= used <= 1.1 or turn == _PRICE_ROUNDS - 1:
            break
        schedules.price *= float(np.clip(used, 0.25, 4.0)) ** 0.8
    return trials


def _most_promising(schedules: Schedules, known: dict[int, float], order: list[int]) -> dict[int, Trial]:
    """The candidates with the greatest gains, worked out anew; `known` is brought up to date."""
    fresh: dict[int, Trial] = {}
    while True:
        left = sorted((h for h in known if h not in order), key=lambda h: (-known[h], h))
        stale = [h for h in left[:_FRESH] if h not in fresh]
        if not stale:
            return {h: fresh[h] for h in left[:_FRESH]}
        for h in stale:
            fresh[h] = schedules.trial(h)
            known[h] = fresh[h].net


def _as_good(fresh: dict[int, Trial], best: int) -> list[int]:
    """Houses of which the days cannot tell whether they would have been the better choice, the likeliest first."""
    others = sorted((h for h in fresh if h != best), key=lambda h: (-fresh[h].net, h))
    return [h for h in others if not gain_over(fresh[best].net_by_day - fresh[h].net_by_day).sure][:_NAMED]
