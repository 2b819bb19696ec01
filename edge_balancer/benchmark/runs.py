"""One scenario and seed through the controllers that are asked for. Prints nothing and writes nothing.

A controller that fails on a feeder is told, and the others go on: one bad row must not cost a night's table.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Final

import numpy as np

from edge_balancer.benchmark.case import Case, Phases
from edge_balancer.benchmark.foresight import coarse_case, foresight
from edge_balancer.benchmark.learned import learned
from edge_balancer.benchmark.network import Network
from edge_balancer.benchmark.ongoing import Ongoing
from edge_balancer.benchmark.options import BenchOptions
from edge_balancer.benchmark.oracle import Oracle
from edge_balancer.benchmark.ours import configuration, run_engine
from edge_balancer.benchmark.pairwise import Progress
from edge_balancer.benchmark.persistence import Persistence
from edge_balancer.benchmark.results import FORESIGHT, STATIC, Result, result
from edge_balancer.benchmark.rules import ThresholdRule, greedy_schedule, threshold_schedule
from edge_balancer.benchmark.scenarios import Scenario, households, make_case
from edge_balancer.benchmark.schedule import Schedule
from edge_balancer.benchmark.static import best_fixed
from edge_balancer.benchmark.trips import lost_w
from edge_balancer.benchmark.volts import HouseVoltages
from edge_balancer.forecast.advisor import Advisor

Wanted = tuple[str, float | None]
"""A controller and its budget in operations per house and day, where it has one."""


def wanted(options: BenchOptions) -> list[Wanted]:
    """What the options ask for, in the order of the tables."""
    out: list[Wanted] = []
    for name in options.controllers:
        if name in ("none", STATIC, "threshold", "threshold-minute"):
            out.append((name, None))
        else:
            out += [(name, budget) for budget in options.budgets]
    return out


def run_feeder(
    what: Scenario,
    seed: int,
    todo: Sequence[Wanted],
    options: BenchOptions,
    found: Callable[[Result], None],
    progress: Progress,
) -> list[str]:
    """Hand over each result as soon as it is there; gives what has failed, and how. Deterministic by scenario, seed and
    options, one by one."""
    failures: list[str] = []
    doing = "making the feeder"
    try:
        progress(doing)
        bench = _Bench(what, seed, options, progress)
    except Exception:  # noqa: BLE001 - whatever it is, other feeders can go on
        return [f"{what.name}, seed {seed}, {doing}:\n{traceback.format_exc()}"]
    for controller, budget in todo:
        doing = controller if budget is None else f"{controller} at {budget:g} operations per house-day"
        progress(doing)
        try:
            row = bench.run(controller, budget)
        except Exception:  # noqa: BLE001 - see above
            failures.append(f"{what.name}, seed {seed}, {doing}:\n{traceback.format_exc()}")
            continue
        found(row)
    return failures


_ENGINES: Final = ("ours", "blend", "oracle", "ongoing", "persistence")


class _Bench:
    def __init__(self, what: Scenario, seed: int, options: BenchOptions, progress: Progress) -> None:
        self._what, self._seed, self._options, self._progress = what, seed, options, progress
        self._drawn = what.drawn(seed)
        self._case = make_case(what, seed, options.days)

    @cached_property
    def _wired(self) -> Case:
        """The feeder as those who switch find it: the houses that have no switch are where `static` has them."""
        case = self._case
        if case.switchable.all():
            return case
        return replace(case, initial=np.where(case.switchable, case.initial, self._fixed))

    @cached_property
    def _coarse(self) -> Case:
        return coarse_case(self._wired)

    @cached_property
    def _network(self) -> Network:
        return Network(self._case, self._what.style, self._drawn)

    @cached_property
    def _fixed(self) -> Phases:
        """The best fixed phases of the history, whether houses have a switch or not."""
        return best_fixed(self._case, slice(0, self._case.judged), np.random.default_rng([self._drawn, 92]))

    def run(self, controller: str, budget: float | None) -> Result:
        if controller == FORESIGHT and budget is not None:
            seen, schedule = foresight(
                self._wired,
                self._coarse,
                self._what.name,
                self._seed,
                budget,
                self._fixed,
                self._options.rounds,
                np.random.default_rng([self._drawn, 93, round(1000.0 * budget)]),
                self._progress,
            )
            return self._on_network(seen, schedule)
        if controller in _ENGINES and budget is not None:
            return self._ours(controller, budget)
        return self._judged(controller, budget, self._schedule(controller, budget))

    def _ours(self, controller: str, budget: float) -> Result:
        what, case = self._what, self._wired
        config = configuration(case, budget, voltages=True)
        volts = HouseVoltages(self._network.flow, self._network.level)
        advisor = self._advisor(controller)
        model = learned(self._options.model) if controller == "ours" else None
        run = run_engine(case, config, what.meters, what.switches, self._drawn, self._progress, volts, advisor, model)
        seen = self._judged(controller, budget, run.schedule)
        return replace(seen, failed=float(run.failed), lock_outs=float(run.lock_outs))

    def _advisor(self, controller: str) -> Advisor | None:
        """Who forecasts in the place of the engine's own."""
        if controller == "oracle":
            return Oracle(self._wired)
        if controller == "ongoing":
            return Ongoing(self._wired, households(self._what, self._seed))
        return Persistence(self._wired) if controller == "persistence" else None

    def _schedule(self, controller: str, budget: float | None) -> Schedule | Phases:
        what, case = self._what, self._wired
        if controller == STATIC:
            return self._fixed
        if controller == "threshold":
            return threshold_schedule(case, ThresholdRule(), what.meters, what.switches, self._drawn)
        if controller == "threshold-minute":
            slower = replace(what.meters, period_s=max(what.meters.period_s, 60.0))
            once = ThresholdRule(cooldown_s=slower.period_s)
            return threshold_schedule(case, once, slower, what.switches, self._drawn)
        if controller == "greedy" and budget is not None:
            return greedy_schedule(case, budget, what.meters, what.switches, self._drawn)
        return self._case.initial

    def _judged(self, controller: str, budget: float | None, schedule: Schedule | Phases) -> Result:
        return self._on_network(result(self._case, self._what.name, self._seed, controller, budget, schedule), schedule)

    def _on_network(self, seen: Result, schedule: Schedule | Phases) -> Result:
        case = self._case
        if not isinstance(schedule, Schedule):
            schedule = Schedule.of(case, schedule)
        found = self._network.figures(schedule.judged(case), lost_w(case, schedule))
        return replace(seen, **asdict(found))
