"""Feeders made ready for the closed loop in small: the blend's forecast and the model's inputs at every minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.benchmark.scenarios import Scenario
from edge_balancer.forecast.horizon import BLOCK_MINUTES, horizon, patience_for
from edge_balancer.forecast.learned import SPREAD_BOUNDS
from edge_balancer.learning.candidates import Singles
from edge_balancer.learning.export import Answer
from edge_balancer.learning.from_twin import twin_feeder
from edge_balancer.learning.gather import WARM_UP_DAYS
from edge_balancer.learning.loop import STEP_S, Advice, LoopFeeder
from edge_balancer.learning.recordings import DAY_S, Recording, slots_of
from edge_balancer.learning.walk import Instant, Walk

HELD_SHARE: Final = 0.25
STRETCH_MIN: Final = 360
"""Of a site's record in memory at a time: 200 houses and three advisors take some 10 MB an hour."""
Said = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ready:
    """A feeder, or a stretch of it, and what several functions of the inputs say at each of its minutes."""

    feeder: LoopFeeder
    advice: list[Advice]
    kept: Singles
    """(T, H, columns) inputs that were to be kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is to be asked at every minute; without an `answer` it is the blend as it is."""

    name: str
    answer: Answer | None = None


def twin_loop(what: Scenario, seed: int, days: int, asked: list[Asked], said: Said, keep: Sequence[int] = ()) -> Ready:
    """A simulated feeder: `days` of history, on the last of which decisions begin, and as many that are judged."""
    said("making it")
    made = twin_feeder(what, seed, days)
    minute = made.case.averaged(max(STEP_S, made.case.step_s))
    if minute.step_s != STEP_S:
        raise ValueError(f"{what.name}: its slots of {minute.step_s:g} s are no minutes; choose another scenario")
    begin = int(WARM_UP_DAYS * DAY_S / STEP_S)
    load, pv_w = np.asarray(minute.power, dtype=np.complex64), np.asarray(minute.pv_w)
    whole = _Whole(
        made.recording, made.case.initial, begin, minute.judged, len(load),
        lambda some: (load[some.start : some.stop], pv_w[some.start : some.stop]),
    )  # fmt: skip
    return next(_stretches(whole, len(load) - begin, asked, said, keep))


def own_loop(recording: Recording, phases: NDArray[np.int8], asked: list[Asked], said: Said) -> Iterator[Ready]:
    """A site's own record, day by day: its last quarter is judged, as in the data set's split. What its roofs give
    apart from what its houses draw is not known, so no inverter trips there."""
    if recording.step_s != STEP_S:
        raise ValueError(f"{recording.name}: its slots of {recording.step_s:g} s are no minutes")
    first = int(WARM_UP_DAYS * DAY_S / STEP_S)
    judged = _judged_from(recording)
    # A day for the price of a move to settle.
    begin = max(first, judged - int(DAY_S / STEP_S))
    rows = slots_of(recording, begin)

    def load_of(minutes: range) -> tuple[NDArray[np.complex64], Singles]:
        load = np.stack([next(rows) for _ in minutes])
        return load, np.zeros(load.shape, dtype=np.float32)

    whole = _Whole(recording, phases, begin, judged, recording.slots, load_of)
    return _stretches(whole, STRETCH_MIN, asked, said)


def days_judged(recording: Recording) -> int:
    """Whole days on which `own_loop` compares."""
    return int((recording.slots - _judged_from(recording)) * STEP_S / DAY_S)


def _judged_from(recording: Recording) -> int:
    first = int(WARM_UP_DAYS * DAY_S / STEP_S)
    return first + int((1.0 - HELD_SHARE) * (recording.slots - first))


@dataclass(frozen=True, slots=True)
class _Whole:
    """A recording's `minutes`, of which those from `begin` on are wanted; `load_of` gives load and what the roofs give
    of some of these, each once and in their order."""

    recording: Recording
    initial: NDArray[np.int8]
    begin: int
    judged: int
    minutes: int
    load_of: Callable[[range], tuple[NDArray[np.complex64], Singles]]


def _stretches(whole: _Whole, length: int, asked: list[Asked], said: Said, keep: Sequence[int] = ()) -> Iterator[Ready]:
    """All from `begin` on, `length` minutes at a time: forecasts of all advisors are what takes the memory."""
    recording, begin = whole.recording, whole.begin
    per = max(1, round(STEP_S / recording.step_s))
    instants = Walk(recording, horizon(patience_for(2.0)), STEP_S).instants((begin + 1) * per)
    for first in range(begin, whole.minutes, length):
        minutes = range(first, min(first + length, whole.minutes))
        filling = _Stretch(len(minutes), len(recording.houses), asked, keep)
        for row in range(len(minutes)):
            filling.take(row, next(instants))
            if (first + row) * STEP_S % DAY_S == 0.0:
                said(f"day {int((first + row) * STEP_S / DAY_S)}")
        filling.flush()
        load, pv_w = whole.load_of(minutes)
        feeder = LoopFeeder(
            recording.name, load, pv_w, recording.pv_w, whole.initial, filling.forecast, filling.error,
            filling.unrest, 0, whole.judged - begin, first=first - begin, last=minutes.stop == whole.minutes,
        )  # fmt: skip
        yield Ready(feeder, [one.advice() for one in filling.told], filling.kept)


class _Stretch:
    """What everybody says at each minute of a stretch, filled in their order."""

    def __init__(self, minutes: int, houses: int, asked: list[Asked], keep: Sequence[int]) -> None:
        blocks = len(BLOCK_MINUTES)
        self.forecast = np.zeros((minutes, houses, blocks), dtype=np.complex64)
        self.error = np.zeros((minutes, blocks), dtype=np.float32)
        self.unrest = np.ones(minutes, dtype=np.float32)
        self.kept = np.zeros((minutes, houses, len(keep)), dtype=np.float32)
        self.told = [_Told(one, minutes, houses) for one in asked]
        self._keep = list(keep)
        self._waiting: list[tuple[int, Singles]] = []

    def take(self, row: int, instant: Instant) -> None:
        self.forecast[row] = instant.forecast
        self.error[row] = instant.error_va
        self.unrest[row] = instant.unrest
        if self._keep:
            self.kept[row] = instant.inputs[:, self._keep]
        self._waiting.append((row, instant.inputs))
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Ask the models about what has gathered."""
        if self._waiting:
            inputs = np.concatenate([one for _, one in self._waiting])
            rows = [row for row, _ in self._waiting]
            for one in self.told:
                one.take(rows, inputs, self.error)
            self._waiting.clear()


_BATCH: Final = 64
"""Minutes for which a model is asked at once: many small calls would take longer than the rest."""


class _Told:
    def __init__(self, asked: Asked, minutes: int, houses: int) -> None:
        self._asked, self._minutes, self._houses = asked, minutes, houses
        self._correction: Singles | None = None
        self._error: Singles | None = None
        self._factor: Singles | None = None

    def take(self, rows: list[int], inputs: Singles, error: Singles) -> None:
        """`inputs` [minutes * houses, features] of the minutes `rows`; `error` (T, B) by the blend."""
        if self._asked.answer is None:
            return
        said = self._asked.answer(inputs)
        blocks = len(BLOCK_MINUTES)
        if self._correction is None:
            self._correction = np.zeros((self._minutes, self._houses, blocks), dtype=np.float32)
        self._correction[rows] = 1000.0 * said.correction.reshape(len(rows), self._houses, blocks)
        if said.spread is not None:
            if self._error is None:
                self._error = np.zeros((self._minutes, blocks), dtype=np.float32)
            own = 1000.0 * np.sqrt((said.spread.reshape(len(rows), self._houses, blocks) ** 2).sum(axis=1))
            self._error[rows] = np.clip(own, SPREAD_BOUNDS[0] * error[rows], SPREAD_BOUNDS[1] * error[rows])
        if said.price_factor is not None:
            if self._factor is None:
                self._factor = np.ones((self._minutes, self._houses), dtype=np.float32)
            self._factor[rows] = said.price_factor.reshape(len(rows), self._houses)

    def advice(self) -> Advice:
        return Advice(self._asked.name, self._correction, self._error, self._factor)
