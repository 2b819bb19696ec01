"""The whole study as one value: the fixed plan, and where it was asked for, what switches would add to it.

Puts the parts together and says how far it is; prints nothing and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edge_balancer.forecast.interface import MissingModel, Model
from edge_balancer.planning.confidence import Gain, gain_over
from edge_balancer.planning.doubts import PhaseCheck, Standing, check_phases
from edge_balancer.planning.dynamic import DynamicRun, run_controller
from edge_balancer.planning.history import DAY_S, History, Phases, on_grid
from edge_balancer.planning.local_time import LocalTime
from edge_balancer.planning.options import StaticOptions
from edge_balancer.planning.record import Record
from edge_balancer.planning.search import Progress
from edge_balancer.planning.siting import Days, Siting, Stretch, by_day, run_count, site
from edge_balancer.planning.static import StaticPlan, make_plan
from edge_balancer.settings.root import Configuration

_MOST_DAYS: Final = 10
"""Days that switches are ranked on, drawn at random: more make the order surer only slowly."""
_WHOLE_DAY: Final = 0.9
"""Share of a day on record from which on it may be drawn."""


@dataclass(frozen=True, slots=True)
class Carried:
    """The work order's gain on days held back, and on how many of them it made things better."""

    gain: Gain
    days: int
    better: int


@dataclass(frozen=True, slots=True)
class Study:
    """`checks` by house, empty where the record has no voltages to tell phases from. `carried`: what the work order
    gains on the days held back (None: none were). `siting` is None where it was not asked for, is not known yet, or no
    house may have a switch. The record's series are no longer in it."""

    record: Record
    history: History
    checks: Mapping[str, PhaseCheck]
    static: StaticPlan
    zone: LocalTime
    extremes: tuple[float, float] | None
    """Lowest and highest voltage ever measured at a house, V."""
    carried: Carried | None
    siting: Siting | None = None

    @property
    def wrong(self) -> list[PhaseCheck]:
        return [check for check in self.checks.values() if check.standing is Standing.WRONG]


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """`switches`: whether to look at switches at all. `engine_steps`: slots that each controller run is judged on (0:
    no such runs)."""

    static: StaticOptions
    step_s: float | None
    least_hours: float
    switches: bool
    engine_steps: int
    zone: LocalTime


def studies(
    record: Record,
    config: Configuration,
    options: StudyOptions,
    progress: Progress,
    model: Model | MissingModel | None = None,
) -> Iterator[Study]:
    """The study each time that it has grown: the fixed plan first, then with ever more about switches. `model`: the
    learned forecast that advises the controller in its runs, one whose calls take no time.

    Raises PlanningError where the record is too short or nobody may be moved.
    """
    history = on_grid(record, config, step_s=options.step_s, least_hours=options.least_hours)
    progress("holding the records of phases against the voltages")
    checks = check_phases(record, history.step_s)
    extremes = _extremes(record)
    record = replace(record, series=())  # that is most of the memory
    history = _left_alone(history, checks)
    static = make_plan(history, config.feeder, options.static, progress)
    study = Study(record, history, checks, static, options.zone, extremes, _carried(static, options.zone))
    yield study
    if options.switches and any(member.eligible for member in history.members):
        for siting in _siting(static, config, options, progress, model):
            study = replace(study, siting=siting)
            yield study


def _extremes(record: Record) -> tuple[float, float] | None:
    low = [series.lowest_v for series in record.series if series.lowest_v == series.lowest_v]
    high = [series.highest_v for series in record.series if series.highest_v == series.highest_v]
    return (min(low), max(high)) if low else None


def _left_alone(history: History, checks: Mapping[str, PhaseCheck]) -> History:
    """Houses whose record is wrong are not moved: nobody knows where they would come from."""
    members = tuple(
        replace(member, movable=False, eligible=False)
        if member.id in checks and checks[member.id].standing is Standing.WRONG
        else member
        for member in history.members
    )
    return replace(history, members=members)


def _carried(static: StaticPlan, zone: LocalTime) -> Carried | None:
    rest = static.rest
    if not len(rest.t):
        return None
    gained = np.abs(rest.neutral(rest.now)) - np.abs(rest.neutral(static.phase))
    days = by_day(gained, _days(rest, zone))
    gain = replace(gain_over(days), mean_a=float(gained.mean()))
    return Carried(gain, len(days), int((days > 0.0).sum()))


def _days(history: History, zone: LocalTime) -> Days:
    """The local day of each slot (T,), counted from 0 without holes; a small rest at an end counts with its neighbour,
    so that no sample is an hour."""
    _, day = np.unique(zone.of(history.t) // DAY_S, return_inverse=True)
    day = day.astype(np.intp)
    count = np.bincount(day)
    enough = 0.5 * DAY_S / history.step_s
    if len(count) > 1 and count[-1] < enough:
        day[day == len(count) - 1] -= 1
    if len(count) > 1 and count[0] < enough:
        day = np.maximum(day - 1, 0)
    return day


def _siting(
    static: StaticPlan,
    config: Configuration,
    options: StudyOptions,
    progress: Progress,
    model: Model | MissingModel | None,
) -> Iterator[Siting]:
    seen, rest, steps = static.seen, static.rest, options.engine_steps
    chosen_on = _drawn(seen, options.zone, np.random.default_rng(options.static.seed))
    held_back = len(rest.t) > 0
    many = steps or max(1, round(_MOST_DAYS * DAY_S / seen.step_s))
    judged = rest.part(0, min(many, len(rest.t))) if held_back else seen.part(max(0, len(seen.t) - many), len(seen.t))
    # A day before the judged ones, from which the controller learns the houses' habits, as it would in service.
    before = len(seen.t) if held_back else len(seen.t) - len(judged.t)
    warm = min(before, round(DAY_S / seen.step_s), len(judged.t))
    driven = _joined(seen.part(before - warm, before), judged)
    most = run_count(sum(m.eligible for m in seen.members))
    runs = _Runs(config, driven, warm, static.phase, most, progress, model)
    yield from site(
        chosen_on,
        Stretch(judged, _days(judged, options.zone)),
        static.phase,
        config.decision.operations_per_house_day,
        runs.run if steps else None,
        progress,
        held_back=held_back,
    )


def _joined(first: History, second: History) -> History:
    return replace(
        first,
        t=np.concatenate((first.t, second.t)),
        own=np.concatenate((first.own, second.own)),
        known=np.concatenate((first.known, second.known)),
        volts=np.concatenate((first.volts, second.volts)),
        was=np.concatenate((first.was, second.was)),
        slots=first.slots + second.slots,
    )


def _drawn(history: History, zone: LocalTime, rng: np.random.Generator) -> Stretch:
    """Some whole days of the history, the same for all that are compared; all of it where it has none."""
    day = _days(history, zone)
    whole = np.flatnonzero(np.bincount(day) >= _WHOLE_DAY * DAY_S / history.step_s)
    if not len(whole):
        return Stretch(history, day)
    drawn = np.sort(rng.permutation(whole)[:_MOST_DAYS])
    taken = np.isin(day, drawn)
    return Stretch(history.at(taken), np.searchsorted(drawn, day[taken]))


class _Runs:
    """Counts and times the controller's runs, so that people know how long it will still take."""

    def __init__(
        self,
        config: Configuration,
        driven: History,
        warm_up: int,
        start: Phases,
        most: int,
        progress: Progress,
        model: Model | MissingModel | None,
    ) -> None:
        self._config = config
        self._driven = driven
        self._warm_up = warm_up
        self._start = start
        self._most = most
        self._progress = progress
        self._model = model
        self._done = 0

    def run(self, houses: frozenset[str]) -> DynamicRun:
        self._done += 1
        begun = time.monotonic()
        where = f"controller run {self._done} of at most {self._most}, {len(houses)} switches"
        self._progress(where)
        return run_controller(
            self._driven,
            self._config,
            self._start,
            houses,
            model=self._model,
            warm_up=self._warm_up,
            progress=lambda done: self._progress(f"{where}: {done}, {time.monotonic() - begun:.0f} s so far"),
        )
