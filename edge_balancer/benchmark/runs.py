"""One scenario and seed through all controllers that are asked for. Prints nothing and writes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_balancer.benchmark.case import Case, Phases
from edge_balancer.benchmark.joint import MOST_HOUSES, certify
from edge_balancer.benchmark.options import BenchOptions
from edge_balancer.benchmark.ours import configuration, run_engine
from edge_balancer.benchmark.pairwise import Effort, Progress, best_known
from edge_balancer.benchmark.results import FORESIGHT, STATIC, Result, result, with_gains
from edge_balancer.benchmark.rules import ThresholdRule, greedy_schedule, threshold_schedule
from edge_balancer.benchmark.scenarios import Scenario, make_case
from edge_balancer.benchmark.static import best_fixed


def run_scenario(what: Scenario, seed: int, options: BenchOptions, progress: Progress) -> list[Result]:
    """Results with their gains, in the order of the controllers. Deterministic by scenario, seed and options."""
    progress("making the feeder")
    case = make_case(what, seed, options.days)
    wanted = options.controllers
    results: list[Result] = []

    def judge(controller: str, budget: float | None, schedule: Phases) -> Result:
        results.append(result(case, what.name, seed, controller, budget, schedule))
        return results[-1]

    progress("the best fixed phases")
    fixed = best_fixed(case, slice(0, case.judged), np.random.default_rng([seed, 92]))
    if "none" in wanted:
        judge("none", None, case.initial)
    if STATIC in wanted:
        judge(STATIC, None, fixed)
    if "greedy" in wanted:
        for budget in options.budgets:
            progress(f"the greedy rule at {budget:g} operations per house-day")
            judge("greedy", budget, greedy_schedule(case, budget))
    if "threshold" in wanted:
        progress("the threshold rule")
        judge("threshold", None, threshold_schedule(case, ThresholdRule()))
    if "ours" in wanted:
        for budget in options.budgets:
            progress(f"the engine at {budget:g} operations per house-day")
            run = run_engine(case, configuration(case, budget), what.meters, what.switches, seed, progress)
            judge("ours", budget, run.schedule)
            results[-1] = replace(results[-1], failed=float(run.failed), lock_outs=float(run.lock_outs))
    if FORESIGHT in wanted:
        results += _foresight(case, what.name, seed, fixed, options, progress)
    return with_gains(results)


def _foresight(
    case: Case, name: str, seed: int, fixed: Phases, options: BenchOptions, progress: Progress
) -> list[Result]:
    """The best known at each budget; with few switches also a certified bound, and the joint schedule if better."""
    rng = np.random.default_rng([seed, 93])
    pairwise = best_known(case, options.budgets, fixed, Effort(rounds=options.rounds), rng, progress)
    few = len(case.movable) <= MOST_HOUSES
    joint = certify(case, options.budgets, {k: one.price for k, one in pairwise.items()}, progress) if few else {}
    results = []
    for budget, one in pairwise.items():
        best = result(case, name, seed, FORESIGHT, budget, one.schedule)
        if budget in joint:
            exact = result(case, name, seed, FORESIGHT, budget, joint[budget].schedule)
            best = replace(min(exact, best, key=lambda r: r.mean_a), bound_a=joint[budget].bound_a)
        results.append(best)
    return results
