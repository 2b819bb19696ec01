"""What a controller's schedule amounts to in the judged part, and its share of what foresight could gain. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edge_balancer.benchmark.case import Case, Phases, operations_of
from edge_balancer.planning.figures import figures

RECONNECT_S: Final = 300.0
"""What an inverter stays away after its house was moved (IEEE 1547)."""


@dataclass(frozen=True, slots=True)
class Result:
    """`budget` in operations per house and day (None where the controller has none), `operations` used of it.

    Neutral current: `mean_a`, `p95_a`, and `rms_a`, whose square heats the conductor. `wear`: operations of the busiest
    switch over the mean of all (1 where nothing moved). `pv_lost_kwh` by inverters that reconnect. `bound_a`: no
    schedule with this budget has a lower mean (None: not known). `gain`: G, see `with_gains`.
    """

    scenario: str
    seed: float
    controller: str
    budget: float | None
    mean_a: float
    p95_a: float
    rms_a: float
    operations: float
    wear: float
    pv_lost_kwh: float
    failed: float = 0.0
    lock_outs: float = 0.0
    bound_a: float | None = None
    gain: float | None = None


def result(case: Case, scenario: str, seed: int, controller: str, budget: float | None, schedule: Phases) -> Result:
    """Judge a schedule: (H,) throughout, (T, H) of all slots, or that of the judged slots alone."""
    judged = slice(case.judged, None)
    if schedule.ndim == 1:
        schedule = np.repeat(schedule[np.newaxis], case.slots - case.judged, axis=0)
    elif len(schedule) == case.slots:
        schedule = schedule[judged]
    current = np.abs(case.rows(judged, schedule))
    seen = figures(current)
    counts = operations_of(schedule)[case.movable]
    mean = float(counts.mean()) if len(counts) else 0.0
    return Result(
        scenario,
        seed,
        controller,
        budget,
        seen.mean_a,
        seen.p95_a,
        float(np.sqrt(np.mean(current**2))),
        mean / case.judged_days,
        float(counts.max()) / mean if mean else 1.0,
        _lost_kwh(case, schedule),
    )


def _lost_kwh(case: Case, schedule: Phases) -> float:
    """What the roofs would have fed in while their inverters stay away after each operation."""
    slot, house = np.nonzero(np.diff(schedule, axis=0))
    slots = max(1, math.ceil(RECONNECT_S / case.step_s))
    begun = np.concatenate((np.zeros((1, case.houses)), np.cumsum(case.pv_w, axis=0)))
    first = case.judged + slot + 1
    last = np.minimum(first + slots, case.slots)
    watts = (begun[last, house] - begun[first, house]) / slots
    return float(watts.sum()) * RECONNECT_S / 3.6e6


def gain(static_a: float, ours_a: float, best_a: float) -> float | None:
    """G = (static - ours) / (static - best known), all mean neutral currents; None where foresight gains nothing."""
    whole = static_a - best_a
    return (static_a - ours_a) / whole if whole > 1e-9 else None


STATIC: Final = "static"
FORESIGHT: Final = "foresight"


def with_gains(results: Sequence[Result]) -> list[Result]:
    """Every result with a budget gets G_K against static and the foresight at its budget, of the same feeder."""
    static = {(r.scenario, r.seed): r.mean_a for r in results if r.controller == STATIC}
    best = {(r.scenario, r.seed, r.budget): r.mean_a for r in results if r.controller == FORESIGHT}
    out = []
    for one in results:
        fixed, known = static.get((one.scenario, one.seed)), best.get((one.scenario, one.seed, one.budget))
        value = gain(fixed, one.mean_a, known) if fixed is not None and known is not None else None
        out.append(replace(one, gain=value))
    return out


def means(results: Iterable[Result]) -> list[Result]:
    """Over the seeds, in the order in which the controllers first stand; `seed` becomes how many there were."""
    groups: dict[tuple[str, str, float | None], list[Result]] = {}
    for one in results:
        groups.setdefault((one.scenario, one.controller, one.budget), []).append(one)
    return [_mean(group) for group in groups.values()]


def _mean(group: Sequence[Result]) -> Result:
    def of(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if len(known) == len(group) else None

    def sure(values: Iterable[float]) -> float:
        return float(np.mean(list(values)))

    return Result(
        group[0].scenario,
        len(group),
        group[0].controller,
        group[0].budget,
        sure(r.mean_a for r in group),
        sure(r.p95_a for r in group),
        sure(r.rms_a for r in group),
        sure(r.operations for r in group),
        sure(r.wear for r in group),
        sure(r.pv_lost_kwh for r in group),
        sure(r.failed for r in group),
        sure(r.lock_outs for r in group),
        of(r.bound_a for r in group),
        of(r.gain for r in group),
    )
