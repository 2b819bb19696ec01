"""What a controller's schedule amounts to in the judged part, and its share of what foresight could gain. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from edge_balancer.benchmark.case import Case, Phases
from edge_balancer.benchmark.judge import currents
from edge_balancer.benchmark.schedule import Schedule
from edge_balancer.planning.figures import figures


@dataclass(frozen=True, slots=True)
class Result:
    """`budget` in operations per house and day (None where the controller has none), `operations` used of it.

    Neutral current with inverters that trip at a move: `mean_a`, `p95_a`, and `rms_a`, whose square heats the
    conductor; `still_a` is the mean as it would be if none tripped. `wear`: operations of the busiest switch over the
    mean of all (1 where nothing moved). `pv_lost_kwh` by inverters that reconnect. `bound_a`: no schedule with this
    budget has a lower `still_a` (None: not known). `pairs_pct`: of all pairs of houses, those whose schedules the
    search for foresight has made the best together.

    On a network: see `NetworkFigures`.

    In comparison: `gain`: G, see `with_gains`; `best_operations`: what the foresight in it has used; `p95_ratio` to
    that of static; `worse`: the fraction of the seeds in which the mean is above static's.
    """

    scenario: str
    seed: float
    controller: str
    budget: float | None
    mean_a: float
    p95_a: float
    rms_a: float
    still_a: float
    operations: float
    wear: float
    pv_lost_kwh: float
    failed: float = 0.0
    lock_outs: float = 0.0
    bound_a: float | None = None
    pairs_pct: float | None = None
    vuf_pct: float | None = None
    loss_pct: float | None = None
    over_voltage_pct: float | None = None
    lowest_v: float | None = None
    highest_v: float | None = None
    gain: float | None = None
    gain_ci: float | None = None
    """Half of the interval that holds the mean G over seeds with 95 % confidence."""
    best_operations: float | None = None
    p95_ratio: float | None = None
    worse: float | None = None


def result(
    case: Case, scenario: str, seed: int, controller: str, budget: float | None, schedule: Schedule | Phases
) -> Result:
    """Judge a schedule; phases (H,) throughout, (T, H) of all slots or of the judged ones, have moves on borders."""
    if not isinstance(schedule, Schedule):
        schedule = Schedule.of(case, schedule)
    still, current, lost = currents(case, schedule)
    seen = figures(current)
    counts = schedule.operations(case)[case.movable]
    mean = float(counts.mean()) if len(counts) else 0.0
    return Result(
        scenario,
        seed,
        controller,
        budget,
        seen.mean_a,
        seen.p95_a,
        float(np.sqrt(np.mean(current**2))),
        float(still.mean()),
        mean / case.judged_days,
        float(counts.max()) / mean if mean else 1.0,
        float(lost.sum(dtype=np.float64)) * case.step_s / 3.6e6,
    )


def gain(static_a: float, ours_a: float, best_a: float) -> float | None:
    """G = (static - ours) / (static - best known), all mean neutral currents; None where foresight gains
    nothing."""
    whole = static_a - best_a
    return (static_a - ours_a) / whole if whole > 1e-9 else None


STATIC: Final = "static"
FORESIGHT: Final = "foresight"


def with_gains(results: Sequence[Result]) -> list[Result]:
    """Every result compared with static and with the foresight at its budget, of the same feeder.

    A schedule within a smaller budget is one within a larger: the best known is the best of those.
    """
    static = {(r.scenario, r.seed): r for r in results if r.controller == STATIC}
    best: dict[tuple[str, float], list[Result]] = {}
    for one in results:
        if one.controller == FORESIGHT:
            best.setdefault((one.scenario, one.seed), []).append(one)
    return [
        _compared(
            one,
            static.get((one.scenario, one.seed)),
            _best(best.get((one.scenario, one.seed), []), one.budget),
        )
        for one in results
    ]


def _compared(one: Result, fixed: Result | None, known: Result | None) -> Result:
    """One with the fixed phases and the best known of its feeder, where there are any."""
    out = uncompared(one)
    if known is not None and fixed is not None:
        share = gain(fixed.mean_a, one.mean_a, known.mean_a)
        out = replace(out, gain=share, best_operations=known.operations)
    if fixed is not None:
        ratio = one.p95_a / fixed.p95_a if fixed.p95_a > 0.0 else None
        out = replace(out, p95_ratio=ratio, worse=float(one.mean_a > fixed.mean_a * _NO_WORSE))
    return out


def _best(foresight: Sequence[Result], budget: float | None) -> Result | None:
    """The best known within a budget, where it was looked for at just this one."""
    within = [r for r in foresight if budget is not None and r.budget is not None and r.budget <= budget]
    return min(within, key=lambda r: r.mean_a) if any(r.budget == budget for r in within) else None


def uncompared(one: Result) -> Result:
    return replace(one, gain=None, gain_ci=None, best_operations=None, p95_ratio=None, worse=None)


_NO_WORSE: Final = 1.0 + 1e-9


def means(results: Iterable[Result]) -> list[Result]:
    """Over the seeds, in the order in which the controllers first stand; `seed` becomes how many there were."""
    groups: dict[tuple[str, str, float | None], list[Result]] = {}
    for one in results:
        groups.setdefault((one.scenario, one.controller, one.budget), []).append(one)
    return [_mean(group) for group in groups.values()]


def _mean(group: Sequence[Result]) -> Result:
    def of(name: str) -> float | None:
        known = [value for value in (getattr(r, name) for r in group) if value is not None]
        return float(np.mean(known)) if len(known) == len(group) else None

    averaged = {f.name: of(f.name) for f in fields(Result) if f.name not in _KEYS}
    gains = [r.gain for r in group if r.gain is not None]
    averaged["gain_ci"] = half_interval(gains) if len(gains) == len(group) else None
    return replace(group[0], seed=len(group), **averaged)  # type: ignore[arg-type] # figures all, by their names


_KEYS: Final = ("scenario", "seed", "controller", "budget")


def half_interval(values: Sequence[float]) -> float | None:
    """Half of the 95 % confidence interval of the mean (Student's t); None of fewer than two values."""
    count = len(values)
    if count < 2:
        return None
    freedom = count - 1
    t = _T95[freedom - 1] if freedom <= len(_T95) else 1.96 + 2.4 / freedom
    return t * float(np.std(values, ddof=1)) / math.sqrt(count)


_T95: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
               2.120, 2.110, 2.101, 2.093, 2.086)  # fmt: skip
"""Two-sided 95 % quantiles of Student's t by degrees of freedom."""
