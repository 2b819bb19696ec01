"""Feeders made ready for the closed loop in small: the blend's forecast and the model's inputs at every minute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from edge_balancer.learning.recordings import DAY_S, Recording, minute_loads
from edge_balancer.learning.walk import Walk

HELD_SHARE: Final = 0.25
Said = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ready:
    """A feeder, and what several functions of the inputs say at each of its minutes."""

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
    judged = minute.judged
    load = np.asarray(minute.power, dtype=np.complex64)
    return _ready(made.recording, load, np.asarray(minute.pv_w), made.case.initial, begin, judged, asked, said, keep)


def own_loop(recording: Recording, phases: NDArray[np.int8], asked: list[Asked], said: Said) -> Ready:
    """A site's own record: its last quarter is judged, as in the data set's split. What its roofs give apart from
    what its houses draw is not known, so no inverter trips there."""
    load, _ = minute_loads(recording)
    first = int(WARM_UP_DAYS * DAY_S / STEP_S)
    judged = first + int((1.0 - HELD_SHARE) * (len(load) - first))
    # A day for the price of a move to settle.
    begin = max(first, judged - int(DAY_S / STEP_S))
    return _ready(recording, load, np.zeros(load.shape, dtype=np.float32), phases, begin, judged, asked, said)


def _ready(
    recording: Recording,
    load: NDArray[np.complex64],
    pv_w: NDArray[np.float32],
    initial: NDArray[np.int8],
    begin: int,
    judged: int,
    asked: list[Asked],
    said: Said,
    keep: Sequence[int] = (),
) -> Ready:
    """Only minutes from `begin` on are kept: forecasts of all advisors are what takes the memory."""
    minutes, houses, blocks = len(load) - begin, load.shape[1], len(BLOCK_MINUTES)
    forecast = np.zeros((minutes, houses, blocks), dtype=np.complex64)
    error = np.zeros((minutes, blocks), dtype=np.float32)
    kept = np.zeros((minutes, houses, len(keep)), dtype=np.float32)
    told = {one.name: _Told(one, minutes, houses) for one in asked}
    per = max(1, round(STEP_S / recording.step_s))
    walk = Walk(recording, horizon(patience_for(2.0)), STEP_S)
    day = -1
    waiting: list[tuple[int, Singles]] = []

    def flush() -> None:
        if waiting:
            inputs = np.concatenate([one for _, one in waiting])
            rows = [row for row, _ in waiting]
            for one in told.values():
                one.take(rows, inputs, error)
            waiting.clear()

    for instant in walk.instants((begin + 1) * per):
        row = instant.slot // per - 1 - begin
        if row >= minutes:
            break
        forecast[row] = instant.forecast
        error[row] = instant.error_va
        if keep:
            kept[row] = instant.inputs[:, list(keep)]
        waiting.append((row, instant.inputs))
        if len(waiting) >= _BATCH:
            flush()
        now = int((row + begin) * STEP_S / DAY_S)
        if now != day:
            day = now
            said(f"day {day}")
    flush()
    feeder = LoopFeeder(
        recording.name, load[begin:], pv_w[begin:], recording.pv_w, initial, forecast, error, 0, judged - begin
    )
    return Ready(feeder, [one.advice() for one in told.values()], kept)


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
