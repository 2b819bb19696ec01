"""One scenario and seed through the controllers that are asked for. Prints nothing and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property

import numpy as np

from edge_balancer.benchmark.case import Case, Phases
from edge_balancer.benchmark.foresight import coarse_case, foresight
from edge_balancer.benchmark.network import Network
from edge_balancer.benchmark.options import BenchOptions
from edge_balancer.benchmark.oracle import Oracle
from edge_balancer.benchmark.ours import configuration, run_engine
from edge_balancer.benchmark.pairwise import Progress
from edge_balancer.benchmark.results import FORESIGHT, STATIC, Result, judged_part, result
from edge_balancer.benchmark.rules import ThresholdRule, greedy_schedule, threshold_schedule
from edge_balancer.benchmark.scenarios import Scenario, make_case
from edge_balancer.benchmark.static import best_fixed
from edge_balancer.benchmark.trips import lost_w
from edge_balancer.benchmark.volts import HouseVoltages

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
) -> None:
    """Hand over each result as soon as it is there. Deterministic by scenario, seed and options, one by one."""
    progress("making the feeder")
    bench = _Bench(what, seed, options, progress)
    for controller, budget in todo:
        progress(controller if budget is None else f"{controller} at {budget:g} operations per house-day")
        found(bench.run(controller, budget))


class _Bench:
    def __init__(self, what: Scenario, seed: int, options: BenchOptions, progress: Progress) -> None:
        self._what, self._seed, self._options, self._progress = what, seed, options, progress
        self._case = make_case(what, seed, options.days)

    @cached_property
    def _coarse(self) -> Case:
        return coarse_case(self._case)

    @cached_property
    def _network(self) -> Network:
        return Network(self._case, self._what.style, self._seed)

    @cached_property
    def _fixed(self) -> Phases:
        """The best fixed phases of the history."""
        return best_fixed(self._case, slice(0, self._case.judged), np.random.default_rng([self._seed, 92]))

    def run(self, controller: str, budget: float | None) -> Result:
        if controller == FORESIGHT and budget is not None:
            seen, schedule = foresight(
                self._case,
                self._coarse,
                self._what.name,
                self._seed,
                budget,
                self._fixed,
                self._options.rounds,
                self._progress,
            )
            return self._on_network(seen, schedule)
        if controller in ("ours", "oracle") and budget is not None:
            return self._ours(controller, budget)
        return self._judged(controller, budget, self._schedule(controller, budget))

    def _ours(self, controller: str, budget: float) -> Result:
        what, case = self._what, self._case
        config = configuration(case, budget, voltages=True)
        volts = HouseVoltages(self._network.flow)
        oracle = Oracle(case) if controller == "oracle" else None
        run = run_engine(case, config, what.meters, what.switches, self._seed, self._progress, volts, oracle)
        seen = self._judged(controller, budget, run.schedule)
        return replace(seen, failed=float(run.failed), lock_outs=float(run.lock_outs))

    def _schedule(self, controller: str, budget: float | None) -> Phases:
        what, case = self._what, self._case
        if controller == STATIC:
            return self._fixed
        if controller == "threshold":
            return threshold_schedule(case, ThresholdRule(), what.meters, what.switches, self._seed)
        if controller == "threshold-minute":
            slower = replace(what.meters, period_s=max(what.meters.period_s, 60.0))
            return threshold_schedule(case, ThresholdRule(), slower, what.switches, self._seed)
        if controller == "greedy" and budget is not None:
            return greedy_schedule(case, budget, what.meters, what.switches, self._seed)
        return case.initial

    def _judged(self, controller: str, budget: float | None, schedule: Phases) -> Result:
        return self._on_network(result(self._case, self._what.name, self._seed, controller, budget, schedule), schedule)

    def _on_network(self, seen: Result, schedule: Phases) -> Result:
        judged = judged_part(self._case, schedule)
        found = self._network.figures(judged, lost_w(self._case, judged))
        return replace(seen, **asdict(found))
