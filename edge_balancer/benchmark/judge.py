"""The neutral current that everybody is judged on: of each judged slot the mean magnitude, moves inside it included.

In a slot in which houses move the magnitude is taken between the moves and weighted with the time between them. What
a slot's loads are spread over is even, so the mean is exact; and since it is linear in the lengths between the moves,
no instant inside a slot is better than both of its borders: what is proven for moves on borders holds for all. Pure.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from edge_balancer.analysis.currents import Complexes, Floats
from edge_balancer.benchmark.case import Case, Phases, Watts
from edge_balancer.benchmark.schedule import Move, Schedule
from edge_balancer.benchmark.trips import away, tripped
from edge_balancer.types.phases import ROTATION


def currents(case: Case, schedule: Schedule) -> tuple[Floats, Floats, Watts]:
    """Of the judged slots: mean |N| (T,), A, as it would be if no inverter tripped, then as it is; and what the houses
    draw more (T, H), W, because inverters are away."""
    phase = schedule.judged(case)
    gone = away(case, schedule)
    lost = case.pv_w[case.judged :] * gone
    stays = case.rows(slice(case.judged, None), phase)
    still, seen = np.abs(stays), np.abs(stays + tripped(case, phase, lost))
    for slot, moves in _inside(case, schedule).items():
        t = slot - case.judged
        own = case.own[slot].astype(np.complex128)
        before = schedule.phase[slot - 1 - schedule.first]
        carried = [t > 0 and bool(gone[t - 1, move.house] >= 1.0) for move in moves]
        still[t] = _mean(own, np.zeros_like(own), phase[t], before, moves, None)
        full = case.pv_w[slot] / case.nominal_v
        seen[t] = _mean(own, (lost[t] / case.nominal_v).astype(np.complex128), phase[t], before, moves, (full, carried))
    return still, seen, lost


def _inside(case: Case, schedule: Schedule) -> dict[int, list[Move]]:
    """The moves inside judged slots, by slot, in order of time."""
    out: dict[int, list[Move]] = defaultdict(list)
    for move in schedule.moves():
        if move.part > 0.0 and move.slot >= case.judged:
            out[move.slot].append(move)
    return {slot: sorted(moves, key=lambda move: move.part) for slot, moves in out.items()}


def _mean(
    own: Complexes,
    more: Complexes,
    after: Phases,
    before: Phases,
    moves: list[Move],
    trips: tuple[Watts, list[bool]] | None,
) -> float:
    """Mean |N| of a slot, A. `more` (H,): what tripped inverters add; of `moves`, whose inverters are away in part of
    the slot, by `trips`: their full current (H,), and whether they were away before."""
    place, amps = after.copy(), own + more
    for k, move in enumerate(moves):
        place[move.house] = before[move.house]
        if trips is not None:
            amps[move.house] = own[move.house] + (trips[0][move.house] if trips[1][k] else 0.0)
    total, since = 0.0, 0.0
    for move in moves:
        total += (move.part - since) * abs(complex(amps @ ROTATION[place]))
        since = move.part
        place[move.house] = after[move.house]
        if trips is not None:
            amps[move.house] = own[move.house] + trips[0][move.house]
    return total + (1.0 - since) * abs(complex(amps @ ROTATION[place]))
