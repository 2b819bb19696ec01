"""The fixed assignment: the best sets of few changes, judged on the part of the history that made them and on the rest.

Pure. Which sets are best is searched in `search`; here voltages have their say, and the work order is put together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.planning.bound import lower_bound
from edge_balancer.planning.errors import PlanningError
from edge_balancer.planning.figures import Figures, figures
from edge_balancer.planning.history import History, Phases
from edge_balancer.planning.moves import Moves, Plan, all_moves
from edge_balancer.planning.options import Objective, StaticOptions
from edge_balancer.planning.search import Best, Progress, best_sets
from edge_balancer.planning.voltages import VoltageFigures, VoltageModel
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.types.phases import Phase

WHOLE_GAIN: Final = 0.95
"""The work order ends with the change that brings this share of what `changes` would: the rest is small change."""
_VOLTAGE_ROUNDS: Final = 3
# Hours that an estimate may differ by without meaning anything.
_SAME_H: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Change:
    """One house to be connected to another phase."""

    house: str
    origin: Phase
    target: Phase


@dataclass(frozen=True, slots=True)
class Point:
    """The best set of at most `size` changes: what it makes of the neutral current of the history it was computed on,
    and of the rest (None without one). `bound_a`: no set of that size can have a lower mean on the former (None: not
    known). `proven`: all such sets were tried."""

    size: int
    changes: tuple[Change, ...]
    phase: Phases
    seen: Figures
    rest: Figures | None
    bound_a: float | None
    proven: bool
    voltages: VoltageFigures | None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the work order, and the figures when it and all before it are done. `worse_h`: house-hours beyond
    the voltage limits more than without any change, by the estimate."""

    change: Change
    seen: Figures
    rest: Figures | None
    worse_h: float


@dataclass(frozen=True, slots=True)
class StaticPlan:
    """`curve` from no change on; `order` are the steps of one of its sets, the most useful first."""

    options: StaticOptions
    seen: History
    rest: History
    curve: tuple[Point, ...]
    order: tuple[Step, ...]
    phase: Phases
    """Where the houses are when the work order is done."""
    forbidden: tuple[tuple[str, Phase], ...]
    """Changes that were left out because they would have made voltages worse."""
    z_ohm: float
    z_learned: bool


def make_plan(history: History, feeder: FeederSettings, options: StaticOptions, progress: Progress) -> StaticPlan:
    """Plan on the first part of the history, judge on all of it. Raises PlanningError where nothing may be moved."""
    if not any(member.movable for member in history.members):
        raise PlanningError(
            "no house of the record may be moved: all are critical, three-phase or (--only-switchable) without a "
            "switch; check the houses' table"
        )
    cut = len(history.t) - round(options.holdout * len(history.t))
    seen, rest = history.part(0, cut), history.part(cut, len(history.t))
    model = VoltageModel(seen, feeder)
    moves, sets, banned = _not_worse(seen, model, options, progress)
    progress("proving how good such plans can be")
    curve = tuple(_point(best, moves, seen, rest, model, options.objective) for best in sets)
    size = _enough(sets) if options.order is None else min(options.order, len(sets) - 1)
    order = _order(sets[size].plan, moves, seen, rest, model)
    names = tuple((seen.members[h].id, Phase(k)) for h, k in sorted(banned))
    return StaticPlan(
        options, seen, rest, curve, order, curve[size].phase, names, model.z_ohm, model.learned
    )  # fmt: skip


def _not_worse(
    seen: History, model: VoltageModel, options: StaticOptions, progress: Progress
) -> tuple[Moves, list[Best], set[tuple[int, int]]]:
    """The best sets after which no more house-hours lie beyond the limits than before, by the estimate.

    The change to blame is forbidden and the search repeated; what is still worse then falls back to fewer changes.
    """
    banned: set[tuple[int, int]] = set()
    before = model.figures(seen.now)
    allowed_h = (before.beyond_h if before else 0.0) + _SAME_H
    attempt = 0
    while True:
        attempt += 1
        moves = all_moves(seen, frozenset(banned), options.objective)
        sets = best_sets(moves, options.changes, np.random.default_rng(options.seed), progress)
        worse = [best for best in sets if before is not None and _beyond_h(model, seen, moves, best.plan) > allowed_h]
        if not worse:
            return moves, sets, banned
        if attempt == _VOLTAGE_ROUNDS:
            return moves, _fall_back(sets, {best.size for best in worse}), banned
        progress(f"{len(worse)} plans would make voltages worse: searching others")
        for best in worse:
            j = _to_blame(model, seen, moves, best.plan)
            banned.add((int(moves.house[j]), int(moves.target[j])))


def _to_blame(model: VoltageModel, seen: History, moves: Moves, plan: Plan) -> int:
    """The change without which the fewest house-hours lie beyond the limits."""
    without = [_beyond_h(model, seen, moves, tuple(i for i in plan if i != j)) for j in plan]
    return plan[without.index(min(without))]


def _beyond_h(model: VoltageModel, seen: History, moves: Moves, plan: Plan) -> float:
    found = model.figures(_after(seen, moves, plan))
    return found.beyond_h if found else 0.0


def _fall_back(sets: list[Best], worse: set[int]) -> list[Best]:
    kept: list[Best] = []
    for best in sets:
        good = kept[-1] if best.size in worse else best
        kept.append(Best(best.size, good.plan, good.cost_a, proven=False if good is not best else best.proven))
    return kept


def _after(history: History, moves: Moves, plan: Plan) -> Phases:
    phase = history.now.copy()
    for j in plan:
        phase[moves.house[j]] = moves.target[j]
    return phase


def _change(history: History, moves: Moves, j: int) -> Change:
    h = int(moves.house[j])
    return Change(history.members[h].id, Phase(int(history.now[h])), Phase(int(moves.target[j])))


def _point(best: Best, moves: Moves, seen: History, rest: History, model: VoltageModel, objective: Objective) -> Point:
    phase = _after(seen, moves, best.plan)
    bound = lower_bound(moves, best.size) if objective == "mean" and not best.proven else None
    changes = tuple(sorted((_change(seen, moves, j) for j in best.plan), key=lambda change: change.house))
    return Point(
        best.size,
        changes,
        phase,
        figures(seen.neutral(phase)),
        _figures_of_rest(rest, phase),
        best.cost_a if best.proven and objective == "mean" else bound,
        best.proven,
        model.figures(phase),
    )


def _figures_of_rest(rest: History, phase: Phases) -> Figures | None:
    return figures(rest.neutral(phase)) if len(rest.t) else None


def _order(plan: Plan, moves: Moves, seen: History, rest: History, model: VoltageModel) -> tuple[Step, ...]:
    """The chosen set, each next change the one that helps most after those before it."""
    left = list(plan)
    allowed_h = _beyond_h(model, seen, moves, ()) + _SAME_H
    done: Plan = ()
    steps = []
    while left:
        costs = [moves.cost((*done, j)) for j in left]
        best = left.pop(costs.index(min(costs)))
        done = (*done, best)
        phase = _after(seen, moves, done)
        worse_h = max(0.0, _beyond_h(model, seen, moves, done) - allowed_h)
        steps.append(
            Step(_change(seen, moves, best), figures(seen.neutral(phase)), _figures_of_rest(rest, phase), worse_h)
        )
    return tuple(steps)


def _enough(sets: list[Best]) -> int:
    whole = sets[0].cost_a - sets[-1].cost_a
    return next(k for k, best in enumerate(sets) if sets[0].cost_a - best.cost_a >= WHOLE_GAIN * whole)
