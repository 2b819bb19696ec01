"""Perfect foresight on one feeder: the best known schedule at a budget, and where few houses move a certified bound.

Looked for on one-minute means, polished on the slots that everybody is judged on, with inverters that trip.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from edge_balancer.benchmark.case import Case, Phases
from edge_balancer.benchmark.joint import MOST_HOUSES, certify
from edge_balancer.benchmark.pairwise import Effort, Progress, best_known, pairs_pct, polished
from edge_balancer.benchmark.results import FORESIGHT, Result, result
from edge_balancer.benchmark.search import Foresight

_COARSE_S: Final = 60.0


def foresight(
    case: Case,
    coarse: Case,
    name: str,
    seed: int,
    budget: float,
    fixed: Phases,
    rounds: int,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[Result, Phases]:
    """At one budget, whatever others are asked for. `coarse`: the case in `coarse_case` means; `fixed` (H,): where the
    search begins, houses without a switch where they are. Result and schedule."""
    effort = Effort(rounds=rounds)
    known = best_known(coarse, (budget,), fixed, effort, rng, progress)[budget]
    bound_a = None
    starts = [known]
    if 1 <= len(case.movable) <= MOST_HOUSES:
        exact = certify(coarse, (budget,), {budget: known.price}, progress, case)[budget]
        bound_a = exact.bound_a
        starts.append(Foresight(exact.schedule, exact.cost_a, exact.operations, known.price))
    ends = [polished(case, budget, start, rng, progress) for start in starts]
    best = min(ends, key=lambda one: one.cost_a)
    seen = result(case, name, seed, FORESIGHT, budget, best.schedule)
    return replace(seen, bound_a=bound_a, pairs_pct=pairs_pct(coarse, effort)), best.schedule


def coarse_case(case: Case) -> Case:
    """The case in one-minute means, or itself where its slots are as long already."""
    return case.averaged(max(_COARSE_S, case.step_s))
