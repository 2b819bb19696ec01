"""Where phase switches pay: ranks houses and grows a set of switches, each judged by letting the controller have it.

1. The controller runs with a switch in every house that may have one. Each house's share of what that gains is its
   Shapley value (Shapley 1953): its moves' effect on the mean neutral current, averaged over orders in which the
   houses' moves could be added. The shares add up to the whole gain.
2. Others' moves would be other ones without this house. So sets of 3, 5, 10, 20 switches are grown by forward
   selection: the set before, filled up in the order of the shares, or of how much the house's current varies, or the
   first of the shares alone; the controller runs with each, and the best goes on.
3. The chosen sets run once more on the part of the history that nothing was chosen on.

Pure: the runs are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.planning.dynamic import DynamicRun
from edge_balancer.planning.figures import Figures, figures
from edge_balancer.planning.history import History, Phases
from edge_balancer.types.phases import ROTATION

SIZES: Final = (3, 5, 10, 20)
_ORDERS: Final = 32
"""Random orders, each also taken backwards."""

Run = Callable[[frozenset[str]], DynamicRun]


@dataclass(frozen=True, slots=True)
class Worth:
    """What a switch in this house is worth: its share of the full dynamic gain, A; how often it would be used; the
    smallest of the chosen sets that it is in (None: only in that of all)."""

    house: str
    gain_a: float
    operations_per_day: float
    first_in: int | None
    switchable: bool


@dataclass(frozen=True, slots=True)
class SwitchSet:
    """The controller with `size` switches on the part that is judged; `share` of what all switches gain there."""

    size: int
    houses: tuple[str, ...]
    neutral: Figures
    operations_per_day: float
    share: float
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Siting:
    """`fixed`: the neutral current on the judged part with the fixed plan alone; `today`: with the switches that there
    are (None where those are none, or all). `hours` judged, `chosen_hours` on which sets were chosen."""

    hours: float
    chosen_hours: float
    unchanged: Figures
    fixed: Figures
    curve: tuple[SwitchSet, ...]
    worth: tuple[Worth, ...]
    today: SwitchSet | None


def run_count(eligible: int) -> int:
    """The most controller runs that `site` makes."""
    grown = sum(1 for size in SIZES if size < eligible)
    return 1 + 3 * grown + grown + 1 + 1


def site(history: History, judged: History, start: Phases, run: Run, judge: Run, rng: np.random.Generator) -> Siting:
    """Choose on `history` with `run`, judge on `judged` with `judge`; houses begin on `start` (H,), the fixed plan."""
    eligible = [h for h, member in enumerate(history.members) if member.eligible]
    names = [member.id for member in history.members]
    every = frozenset(names[h] for h in eligible)
    full = run(every)
    values = shapley_values(history, full.phase, start, rng)
    by_value = sorted(eligible, key=lambda h: (-values[h], h))
    spread = np.abs(history.own - history.own.mean(axis=0)).mean(axis=0)
    by_spread = sorted(eligible, key=lambda h: (-float(spread[h]), h))
    chosen: list[tuple[int, ...]] = []
    for size in SIZES:
        if size >= len(eligible):
            break
        before = chosen[-1] if chosen else ()
        candidates = dict.fromkeys(
            tuple(sorted(candidate))
            for candidate in (
                _filled(before, by_value, size),
                _filled(before, by_spread, size),
                _filled((), by_value, size),
            )
        )
        chosen.append(min(candidates, key=lambda c: run(frozenset(names[h] for h in c)).neutral.mean_a))
    fixed = figures(judged.neutral(start))
    whole = judge(every)
    gain = fixed.mean_a - whole.neutral.mean_a
    curve = [
        _switch_set(tuple(names[h] for h in houses), judge(frozenset(names[h] for h in houses)), fixed, gain)
        for houses in chosen
    ]
    curve.append(_switch_set(tuple(names[h] for h in eligible), whole, fixed, gain, everywhere=True))
    has = tuple(member.id for member in history.members if member.switchable)
    today = _switch_set(has, judge(frozenset(has)), fixed, gain) if has and frozenset(has) != every else None
    worth = [
        Worth(
            names[h],
            float(values[h]),
            float(full.operations[h]) / full.days if full.days else 0.0,
            next((len(houses) for houses in chosen if h in houses), None),
            history.members[h].switchable,
        )
        for h in by_value
    ]
    return Siting(
        judged.hours, history.hours, figures(judged.neutral(judged.now)), fixed, tuple(curve), tuple(worth), today
    )  # fmt: skip


def _filled(before: Sequence[int], ranking: Sequence[int], size: int) -> list[int]:
    kept = list(before)
    return kept + [h for h in ranking if h not in kept][: size - len(kept)]


def _switch_set(
    houses: tuple[str, ...], run: DynamicRun, fixed: Figures, whole_gain_a: float, *, everywhere: bool = False
) -> SwitchSet:
    share = (fixed.mean_a - run.neutral.mean_a) / whole_gain_a if whole_gain_a > 0.0 else 0.0
    return SwitchSet(len(houses), houses, run.neutral, run.operations_per_day, share, everywhere)


def shapley_values(history: History, phase: Phases, start: Phases, rng: np.random.Generator) -> NDArray[np.float64]:
    """What each house's moves (H,) took off the mean neutral current, A; they add up to the whole gain.

    `phase` (T, H) where the houses went, `start` (H,) where they would have stayed.
    """
    values = np.zeros(len(history.members))
    moved = np.flatnonzero((phase != start).any(axis=0))
    if not len(moved):
        return values
    turn = ROTATION[phase[:, moved].astype(np.intp)] - ROTATION[start[moved].astype(np.intp)]
    effect = history.own[:, moved] * turn.astype(np.complex64)
    stayed = history.neutral(start)
    at_first = float(np.abs(stayed).mean())
    for _ in range(_ORDERS):
        order = rng.permutation(len(moved))
        for way in (order, order[::-1]):
            running = stayed.copy()
            before = at_first
            for k in way.tolist():
                running += effect[:, k]
                after = float(np.abs(running).mean())
                values[moved[k]] += before - after
                before = after
    return values / (2 * _ORDERS)
