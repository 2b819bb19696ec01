"""Simple rules that move houses by what meters said last, with switches that never fail. Pure.

They hear what the engine hears, as late as it does, tripped inverters included. They run over history and judged part
alike, so that no rule is judged on its first hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.benchmark.case import Case, Phases, Phasors
from edge_balancer.benchmark.meters import Metered
from edge_balancer.benchmark.scenarios import Meters, Switches
from edge_balancer.benchmark.schedule import Schedule, Writing
from edge_balancer.types.phases import ROTATION

_HALVINGS: Final = 12
_SHORTEST: Final = 16
_LONGEST: Final = 512
"""Slots in which the greedy rule looks for its next move at once."""
_MOST_OFF: Final = np.float32(1.2)
"""What a meter makes of a tripped roof's watt, at most."""


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """Moves the best house whenever the spread of the phases' active power (greatest less least) passes `spread_w`,
    with `cooldown_s` between moves: that house and phase after which the spread is least. One reading is good for one
    move, so that on a grid coarser than the cool-down there is at most one move in a slot."""

    spread_w: float = 150.0
    cooldown_s: float = 6.0


class _Field:
    """Meters and switches as a rule has them: it hears, it moves, and what it moves comes about later."""

    def __init__(self, case: Case, metered: Metered, switches: Switches) -> None:
        self.case = case
        self._metered = metered.copy()
        self.heard = metered.heard()
        self._late, self._part = divmod((metered.delay_s + switches.time_s) / case.step_s, 1.0)
        self.phase = case.initial.copy()
        self.writing = Writing(case)
        self.operations = 0
        # Every switchable house twice, with the two steps that it can make.
        self.house: NDArray[np.intp] = np.repeat(case.movable, 2)
        self.step: Phases = np.tile(np.array([1, 2], dtype=np.int8), len(case.movable))

    def move(self, candidate: int, slot: int) -> None:
        """By what was heard at the end of this slot."""
        house = int(self.house[candidate])
        self.phase[house] = (self.phase[house] + self.step[candidate]) % 3
        self.operations += 1
        there = slot + 1 + int(self._late)
        self.writing.move(house, int(self.phase[house]), there, self._part)
        begin, end = self._metered.moved(house, there, self._part)
        if begin < end:
            # A lost reading leaves an earlier one in force for a while.
            end = self.case.slots if not self._metered.arrives[end - 1, house] else end
            self.heard[begin:end, house] = self._metered.heard_of(house, begin, end)


def _reach(case: Case, metered: Metered) -> NDArray[np.float32]:
    """(T,) A: what one move can change N by, at most, tripped inverters included."""
    heard: Phasors = metered.heard()
    prompt = metered.period == 1 and bool(metered.arrives.all())
    reach = np.zeros(case.slots, dtype=np.float32)
    roof_w = case.pv_w.max(axis=0)
    for house in case.movable.tolist():
        roof = case.pv_w[:, house] if prompt else roof_w[house]
        np.maximum(reach, np.abs(heard[:, house]) + roof * _MOST_OFF, out=reach, casting="same_kind")
    return np.asarray(reach * np.float32(np.sqrt(3.0) * 1.0001 / case.nominal_v))


def threshold_schedule(case: Case, rule: ThresholdRule, meters: Meters, switches: Switches, seed: int) -> Schedule:
    """The schedule of the threshold rule."""
    field = _Field(case, Metered(case, meters, seed), switches)
    house, phase = field.house, field.phase
    every = np.arange(len(house))
    free_at = -np.inf
    for slot in range(case.slots):
        end = (slot + 1) * case.step_s
        power = field.heard[slot].real
        load = np.bincount(phase, power, 3)
        spread = float(load.max() - load.min())
        if end < free_at or spread <= rule.spread_w or not len(house):
            continue
        target = (phase[house] + field.step) % 3
        after = np.repeat(load[np.newaxis], len(house), axis=0)
        after[every, phase[house]] -= power[house]
        after[every, target] += power[house]
        left = after.max(axis=1) - after.min(axis=1)
        best = int(np.argmin(left))
        if left[best] < spread:
            field.move(best, slot)
            free_at = end + rule.cooldown_s
    return field.writing.schedule()


def greedy_schedule(case: Case, per_house_day: float, meters: Meters, switches: Switches, seed: int) -> Schedule:
    """The schedule of the greedy rule: the one move that lowers |N| of the last readings most, if by enough.

    What is enough (A) is set on the history so that the operations there meet the budget, and kept.
    """
    metered = Metered(case, meters, seed)
    reach_a = _reach(case, metered)
    low, high = 0.0, float(reach_a[: max(1, case.judged)].max())
    most = per_house_day * len(case.movable) * case.judged * case.step_s / 86_400.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        field = _Field(case, metered, switches)
        _greedy(field, reach_a, middle, case.judged, most)
        low, high = (middle, high) if field.operations > most else (low, middle)
    field = _Field(case, metered, switches)
    _greedy(field, reach_a, high, case.slots, np.inf)
    return field.writing.schedule()


def _greedy(field: _Field, reach_a: NDArray[np.float32], least_gain_a: float, slots: int, most: float) -> None:
    """Move until the slots or `most` operations are over."""
    if not len(field.house):
        return
    nominal_v = np.float32(field.case.nominal_v)
    slot, length = 0, _SHORTEST
    while slot < slots and field.operations <= most:
        own = np.conj(field.heard[slot : min(slot + length, slots)]) / nominal_v
        turns = ROTATION[field.phase].astype(np.complex64)
        now = own @ turns
        # No move lowers |N| by more than |N|, nor by more than sqrt 3 times the house's current.
        reach = reach_a[slot : slot + len(own)]
        hopeful = np.flatnonzero((np.abs(now) > least_gain_a) & (reach > least_gain_a))
        target = (field.phase[field.house] + field.step) % 3
        change = ROTATION[target].astype(np.complex64) - turns[field.house]
        after = now[hopeful, np.newaxis] + own[np.ix_(hopeful, field.house)] * change
        square = after.real * after.real + after.imag * after.imag
        gains = np.abs(now[hopeful]) - np.sqrt(square.min(axis=1, initial=np.inf))
        worth = np.flatnonzero(gains > least_gain_a)
        if not len(worth):
            slot, length = slot + length, min(2 * length, _LONGEST)
            continue
        first = int(worth[0])
        slot += int(hopeful[first])
        field.move(int(np.argmin(square[first])), slot)
        slot, length = slot + 1, max(length // 2, _SHORTEST)
