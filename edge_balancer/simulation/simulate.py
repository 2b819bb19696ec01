"""One scenario from beginning to end: the engine and its baselines over the same days. Writes and prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_balancer.forecast.interface import Model
from edge_balancer.simulation.baselines import History
from edge_balancer.simulation.conduct import Conduct
from edge_balancer.simulation.loop import DAY_S, Loop
from edge_balancer.simulation.outcome import Outcome
from edge_balancer.simulation.physics import never_moved
from edge_balancer.simulation.scenario import Scenario
from edge_balancer.simulation.world import World, build
from edge_balancer.twin.grid.topology import Ints

OURS = "ours"
NONE = "none"
STATIC = "static"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """`outcomes` by controller, ours first."""

    world: World
    outcomes: dict[str, Outcome]
    conduct: Conduct
    fixed: Ints | None
    """[H] the phases of the static baseline; None where it was not asked for."""
    readings_lost: int
    readings_refused: int
    """For their time stamps, by the intake."""
    forecast: dict[str, Any]
    """How the learned forecast stood at the end, as the daemon's diagnostics tell it; empty without one."""

    @property
    def fixed_changes(self) -> int:
        """How many houses the static baseline has moved, once."""
        return 0 if self.fixed is None else int(np.count_nonzero(self.fixed != self.world.phases))


def simulate(scenario: Scenario, progress: Progress, loop: Loop | None = None, model: Model | None = None) -> Result:
    """Deterministic by scenario and model. `loop` may be one that was prepared (a damaged switch); it must be of this
    scenario, and then has its own model.

    Raises FeederError where a feeder's files are none, ArithmeticError where the feeder cannot carry its houses.
    """
    progress("making the feeder")
    own = Loop(build(scenario), model=model) if loop is None else loop
    world = own.world
    history = History(world)
    outcomes = {name: Outcome(world) for name in (OURS, *dict.fromkeys(scenario.baselines))}
    fixed: Ints | None = None
    days = scenario.run.history_days + scenario.run.days
    for number, day in enumerate(own.days(), start=1):
        judged = day.start >= world.judged_from
        if not judged:
            if STATIC in outcomes:
                history.add(day.undisturbed, day.pv)
                if day.start + DAY_S >= world.judged_from:
                    progress("the best fixed phases of the history")
                    fixed = history.best()
        else:
            for steps in day.pieces:
                outcomes[OURS].add(steps)
            for name, phases in ((NONE, world.phases), (STATIC, fixed)):
                if name in outcomes and phases is not None:
                    outcomes[name].add(never_moved(world, day.start, day.undisturbed, day.pv, phases))
        progress(f"day {number} of {days}{'' if judged else ' (history)'}")
    learned = own.engine.forecast_report().get("model", {})
    return Result(world, outcomes, own.conduct, fixed, own.metering.lost, own.metering.refused, learned)
