"""Inverters that trip when their house is moved, and come back after their reconnect time. Pure.

Whatever a roof would have fed in meanwhile is lost, and its house draws that much more: this changes the neutral
current too, and everybody is judged with it.
"""

from __future__ import annotations

import copy
import math
from typing import Final

import numpy as np

from edge_balancer.analysis.currents import Complexes
from edge_balancer.benchmark.case import Case, Mask, Phases, Watts
from edge_balancer.types.phases import ROTATION

RECONNECT_S: Final = 300.0
"""What an inverter stays away after its house was moved (IEEE 1547)."""


def away(case: Case) -> tuple[int, float]:
    """For how many slots an inverter is away, and for which part of each of them."""
    slots = max(1, math.ceil(RECONNECT_S / case.step_s))
    return slots, RECONNECT_S / (slots * case.step_s)


class Trips:
    """Which inverters are away when, told one move at a time."""

    def __init__(self, case: Case) -> None:
        self._pv_w = case.pv_w
        self._slots, self._part = away(case)
        self._with_pv = case.pv_w.max(axis=0) > 0.0
        self._mask: Mask = np.zeros(case.pv_w.shape, dtype=bool)

    def copy(self) -> Trips:
        other = copy.copy(self)
        other._mask = self._mask.copy()  # noqa: SLF001 - its own class
        return other

    def moved(self, house: int, slot: int) -> tuple[int, int]:
        """The slots [begin, end) in which this move keeps the house's inverter away; none where it has none."""
        if not self._with_pv[house]:
            return slot, slot
        end = min(slot + self._slots, len(self._mask))
        self._mask[slot:end, house] = True
        return slot, end

    def lost_w(self, house: int, slots: slice) -> Watts:
        """What the house draws more in these slots (T,), W."""
        return np.asarray(self._pv_w[slots, house] * self._mask[slots, house] * np.float32(self._part))

    def lost_w_at(self, slot: int) -> Watts:
        """What all houses draw more in a slot (H,), W."""
        return np.asarray(self._pv_w[slot] * self._mask[slot] * np.float32(self._part))


def lost_w(case: Case, schedule: Phases) -> Watts:
    """(T, H) W that tripped inverters do not feed in during the judged slots, with the houses on `schedule` (T, H)."""
    slots, part = away(case)
    mask = np.zeros(schedule.shape, dtype=bool)
    for slot, house in zip(*np.nonzero(np.diff(schedule, axis=0)), strict=True):
        mask[slot + 1 : slot + 1 + slots, house] = True
    return np.asarray(np.where(mask, case.pv_w[case.judged :] * np.float32(part), np.float32(0.0)))


def tripped(case: Case, schedule: Phases, lost: Watts) -> Complexes:
    """The neutral current (T,), A, that tripped inverters add in the judged slots."""
    out = np.zeros(len(schedule), dtype=np.complex128)
    slot, house = np.nonzero(lost)
    np.add.at(out, slot, lost[slot, house] / case.nominal_v * ROTATION[schedule[slot, house]])
    return out
