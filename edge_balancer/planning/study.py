"""The whole study as one value: the fixed plan, and where it was asked for, what switches would add to it.

Puts the parts together and says how far it is; prints nothing and writes nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from edge_balancer.planning.dynamic import DynamicRun, run_controller
from edge_balancer.planning.history import History, Phases
from edge_balancer.planning.options import StaticOptions
from edge_balancer.planning.record import Record
from edge_balancer.planning.search import Progress
from edge_balancer.planning.siting import Siting, run_count, site
from edge_balancer.planning.static import StaticPlan, make_plan
from edge_balancer.settings.root import Configuration


@dataclass(frozen=True, slots=True)
class Study:
    """`siting` is None where it was not asked for or no house may have a switch."""

    record: Record
    history: History
    static: StaticPlan
    siting: Siting | None

    @property
    def extremes(self) -> tuple[float, float] | None:
        """Lowest and highest voltage ever measured at a house, V."""
        low = [series.lowest_v for series in self.record.series if series.lowest_v == series.lowest_v]
        high = [series.highest_v for series in self.record.series if series.highest_v == series.highest_v]
        return (min(low), max(high)) if low else None


def make_study(
    record: Record,
    history: History,
    config: Configuration,
    options: StaticOptions,
    *,
    engine_steps: int,
    progress: Progress,
) -> Study:
    """Plan, then replay the controller over `engine_steps` slots at a time (0: not at all). Raises PlanningError."""
    static = make_plan(history, config.feeder, options, progress)
    siting = None
    if engine_steps > 0 and any(member.eligible for member in history.members):
        siting = _siting(static, config, engine_steps, options.seed, progress)
    return Study(record, history, static, siting)


def _siting(static: StaticPlan, config: Configuration, engine_steps: int, seed: int, progress: Progress) -> Siting:
    chosen_on = static.seen.part(max(0, len(static.seen.t) - engine_steps), len(static.seen.t))
    judged_on = static.rest.part(max(0, len(static.rest.t) - engine_steps), len(static.rest.t))
    if not len(judged_on.t):
        judged_on = chosen_on
    eligible = sum(member.eligible for member in chosen_on.members)
    runs = _Runs(config, static.phase, run_count(eligible), progress)
    return site(
        chosen_on,
        judged_on,
        static.phase,
        lambda houses: runs.run(chosen_on, houses),
        lambda houses: runs.run(judged_on, houses),
        np.random.default_rng(seed),
    )


class _Runs:
    """Counts and times the controller runs, so that people know how long it will still take."""

    def __init__(self, config: Configuration, start: Phases, most: int, progress: Progress) -> None:
        self._config = config
        self._start = start
        self._most = most
        self._progress = progress
        self._done = 0
        self._took_s = 0.0

    def run(self, history: History, houses: frozenset[str]) -> DynamicRun:
        left = ""
        if self._done:
            left = f", about {(self._most - self._done) * self._took_s / self._done:.0f} s to go"
        self._progress(
            f"controller run {self._done + 1} of at most {self._most}: {len(houses)} switches over "
            f"{len(history.t)} slots{left}"
        )
        begun = time.monotonic()
        result = run_controller(history, self._config, self._start, houses)
        self._took_s += time.monotonic() - begun
        self._done += 1
        return result
