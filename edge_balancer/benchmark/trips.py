"""Inverters that trip when their house is moved, and come back after their reconnect time. Pure.

Whatever a roof would have fed in meanwhile is lost, and its house draws that much more: this changes the neutral
current too, and everybody is judged with it.
"""

from __future__ import annotations

import copy
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Complexes
from edge_balancer.benchmark.case import Case, Phases, Watts
from edge_balancer.benchmark.schedule import Schedule
from edge_balancer.types.phases import ROTATION

RECONNECT_S: Final = 300.0
"""What an inverter stays away after its house was moved (IEEE 1547)."""

Parts = NDArray[np.float32]


def away_parts(step_s: float, part: float = 0.0) -> Parts:
    """For which part of each slot an inverter is away, from the slot on of which `part` had gone by at the move."""
    back = part + RECONNECT_S / step_s
    edges = np.arange(math.ceil(back - 1e-9) + 1)
    return np.diff(np.clip(edges, part, back)).astype(np.float32)


class Trips:
    """Which inverters are away when, told one move at a time."""

    def __init__(self, case: Case) -> None:
        self._pv_w = case.pv_w
        self._step_s = case.step_s
        self._with_pv = case.pv_w.max(axis=0) > 0.0
        self._away: Parts = np.zeros(case.pv_w.shape, dtype=np.float32)

    def copy(self) -> Trips:
        other = copy.copy(self)
        other._away = self._away.copy()  # noqa: SLF001 - its own class
        return other

    def moved(self, house: int, slot: int, part: float = 0.0) -> tuple[int, int]:
        """The slots [begin, end) in which this move keeps the house's inverter away; none where it has none."""
        if not self._with_pv[house]:
            return slot, slot
        return slot, _gone(self._away, house, slot, away_parts(self._step_s, part))

    def lost_w(self, house: int, slots: slice) -> Watts:
        """What the house draws more in these slots (T,), W."""
        return np.asarray(self._pv_w[slots, house] * self._away[slots, house])

    def lost_w_at(self, slot: int) -> Watts:
        """What all houses draw more in a slot (H,), W."""
        return np.asarray(self._pv_w[slot] * self._away[slot])


def _gone(away: Parts, house: int, slot: int, parts: Parts) -> int:
    """Mark in `away` (T, H) a trip that begins in a slot, perhaps before the first; gives where it ends."""
    begin = min(max(0, slot), len(away))
    end = max(begin, min(slot + len(parts), len(away)))
    # Two trips that overlap lose no more than the time that they cover together.
    np.maximum(away[begin:end, house], parts[begin - slot : end - slot], out=away[begin:end, house])
    return end


def away(case: Case, schedule: Schedule) -> Parts:
    """(T, H) the part of each judged slot in which a house's inverter is away; moves of the last minutes before them
    count for what they cost in them."""
    out = np.zeros((case.slots - case.judged, case.houses), dtype=np.float32)
    for move in schedule.moves():
        _gone(out, move.house, move.slot - case.judged, away_parts(case.step_s, move.part))
    return out


def lost_w(case: Case, schedule: Schedule) -> Watts:
    """(T, H) W that tripped inverters do not feed in during the judged slots."""
    return np.asarray(case.pv_w[case.judged :] * away(case, schedule))


def tripped(case: Case, phase: Phases, lost: Watts) -> Complexes:
    """The neutral current (T,), A, that tripped inverters add in the judged slots to houses on `phase` (T, H)."""
    out = np.zeros(len(phase), dtype=np.complex128)
    slot, house = np.nonzero(lost)
    np.add.at(out, slot, lost[slot, house] / case.nominal_v * ROTATION[phase[slot, house]])
    return out
