"""Copies of what the engine knows, taken between two of its steps. Runs in the control loop's thread: copies, and
nothing else."""

from __future__ import annotations

import numpy as np

from edge_balancer.dashboard.board import HousesNow, Past
from edge_balancer.engine import Engine


def houses_now(engine: Engine, now: float) -> HousesNow:
    """All houses at `now` (monotonic s). Some twenty copies of small arrays: 20 us at 200 houses."""
    latest, roster = engine.latest, engine.roster
    return HousesNow(
        at=latest.at.copy(),
        p=latest.p.copy(),
        q=latest.q.copy(),
        v=latest.v.copy(),
        fresh=latest.fresh(now),
        p3=latest.p3.copy(),
        q3=latest.q3.copy(),
        v3=latest.v3.copy(),
        phase=roster.phase.copy(),
        known=roster.known.copy(),
        offline=roster.offline.copy(),
        in_flight=roster.in_flight.copy(),
        doubt=roster.doubt.copy(),
        last_move=roster.last_move.copy(),
        operations_day=roster.operations_day.copy(),
        distance_ohm=engine.distance_ohm,
        lock_reason=dict(roster.lock_reason),
    )


def recent_of(engine: Engine, house: str, seconds: float, step_s: float, wall_offset_s: float) -> Past:
    """The last `seconds` of a house out of the rings, a copy, in steps of `step_s`. `wall_offset_s`: Unix time less
    monotonic time."""
    window = engine.houses_ring.window(seconds)
    start = float(window.times[0]) + wall_offset_s if len(window.times) else 0.0
    return Past(start, step_s, np.array(window.p[:, engine.roster.index[house]], dtype=np.float64))
