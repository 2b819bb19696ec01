"""Simple rules that move houses by the last slot alone, with perfect meters and switches. Pure.

What they see of a slot they act on in the next one, as anybody does who reads a meter. They run over history and
judged part alike, so that no rule is judged on its first hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.benchmark.case import Case, Phases, operations_of
from edge_balancer.types.phases import ROTATION

_HALVINGS: Final = 12
_UP_TO_A: Final = 60.0
"""A gain in neutral current that is asked for at most, as a multiple of the houses' root mean square current."""


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """Moves the best house whenever the spread of the phases' active power (greatest less least) passes `spread_w`,
    with `cooldown_s` between moves: that house and phase after which the spread is least. One reading is good for one
    move, so that on a grid coarser than the cool-down there is at most one move in a slot."""

    spread_w: float = 150.0
    cooldown_s: float = 6.0


def threshold_schedule(case: Case, rule: ThresholdRule) -> Phases:
    """The schedule (T, H) of the threshold rule."""
    power = np.ascontiguousarray(case.power.real)
    phase = case.initial.copy()
    house, step = _pairs(case)
    every = np.arange(len(house))
    schedule = np.empty((case.slots, case.houses), dtype=np.int8)
    free_at = -np.inf
    for slot in range(case.slots):
        schedule[slot] = phase
        end = (slot + 1) * case.step_s
        load = np.bincount(phase, power[slot], 3)
        spread = float(load.max() - load.min())
        if end < free_at or spread <= rule.spread_w or not len(house):
            continue
        target = (phase[house] + step) % 3
        after = np.repeat(load[np.newaxis], len(house), axis=0)
        after[every, phase[house]] -= power[slot, house]
        after[every, target] += power[slot, house]
        left = after.max(axis=1) - after.min(axis=1)
        best = int(np.argmin(left))
        if left[best] < spread:
            phase[house[best]] = target[best]
            free_at = end + rule.cooldown_s
    return schedule


def _pairs(case: Case) -> tuple[NDArray[np.intp], Phases]:
    """Every switchable house twice, with the two steps that it can make."""
    return np.repeat(case.movable, 2), np.tile(np.array([1, 2], dtype=np.int8), len(case.movable))


def greedy_schedule(case: Case, per_house_day: float) -> Phases:
    """The schedule (T, H) of the greedy rule: the one move that lowers |N| of the last slot most, if by enough.

    What is enough (A) is set on the history so that the operations there meet the budget, and kept.
    """
    scale = float(np.sqrt(np.mean(np.abs(case.own[:, case.movable]) ** 2)))
    low, high = 0.0, _UP_TO_A * scale
    most = per_house_day * len(case.movable) * case.judged * case.step_s / 86_400.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        done = operations_of(_greedy(case, middle, case.judged)).sum() if case.judged else 0
        low, high = (middle, high) if done > most else (low, middle)
    return _greedy(case, high, case.slots)


def _greedy(case: Case, least_gain_a: float, slots: int) -> Phases:
    own, phase = case.own, case.initial.copy()
    schedule = np.empty((slots, case.houses), dtype=np.int8)
    house, step = _pairs(case)
    turns = ROTATION[phase]
    change = ROTATION[(phase[house] + step) % 3] - ROTATION[phase[house]]
    for slot in range(slots):
        schedule[slot] = phase
        now = complex(own[slot] @ turns)
        # No move lowers |N| by more than |N|.
        if abs(now) <= least_gain_a or not len(house):
            continue
        after = np.abs(now + own[slot, house] * change)
        best = int(np.argmin(after))
        if abs(now) - after[best] > least_gain_a:
            h = int(house[best])
            phase[h] = (phase[h] + step[best]) % 3
            turns = ROTATION[phase]
            change = ROTATION[(phase[house] + step) % 3] - ROTATION[phase[house]]
    return schedule
