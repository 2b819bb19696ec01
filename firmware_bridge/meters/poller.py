"""Reads the meters of one line for ever: asks in the schedule's order, and hands every complete reading on.

The order is `schedule`'s, the joining of blocks `polled`'s, the port `lines`'. What is told to people is told once:
when a meter falls silent and when it is back, when a block is given up, when answers hold no reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

from firmware_bridge.errors import DeviceRefusal, LineDown, TransactionError
from firmware_bridge.lines.line import Line
from firmware_bridge.meters.health import MeterHealth
from firmware_bridge.meters.plan import Block
from firmware_bridge.meters.points import Measurement
from firmware_bridge.meters.polled import Gathering, PolledMeter
from firmware_bridge.meters.schedule import MOST_BACKOFF_S, News, Outcome, Schedule, Turn

_LOG: Final = logging.getLogger(__name__)

_LASTING: Final = (1, 2, 3)
"""Exceptions after which asking again can hardly help: unknown function, address, value. The others pass (busy)."""
_LOOK_S: Final = 0.25
"""How often the line is looked at while it is away."""
_LONGEST_PAUSE_S: Final = 1.0
"""A line that went away and returned is noticed within this time, also where nothing is due."""
_EMPTY_CYCLES: Final = 3
"""Cycles without a reading until it is told."""


class Poller:
    """The meters of one line. `on_reading` gets the house and what its meter measured; `clock` is monotonic seconds."""

    def __init__(
        self,
        line: Line,
        meters: Sequence[PolledMeter],
        on_reading: Callable[[str, Measurement], None],
        clock: Callable[[], float],
    ) -> None:
        self._line = line
        self._on_reading = on_reading
        self._clock = clock
        self._meters = tuple(Gathering(meter) for meter in meters)
        self._schedule = Schedule([meter.schedule for meter in meters], clock())
        self._away = True
        self._spoke: list[float] = [float("-inf")] * len(self._meters)
        self._empty = [0] * len(self._meters)
        self.turned = clock()
        """When its loop last began a turn: long ago where something it waits for never comes."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. While the line is down nothing is asked; when it is back all are due."""
        while not stop.is_set():
            self.turned = self._clock()
            if not self._line.up:
                self._away = True
                await _pause(stop, _LOOK_S)
                continue
            if self._away:
                self._away = False
                self._begin_anew()
            turn = self._schedule.next(self._clock())
            if isinstance(turn, Turn):
                await self._take(turn, stop)
            else:
                await _pause(stop, min(turn - self._clock(), _LONGEST_PAUSE_S))

    def health(self) -> tuple[MeterHealth, ...]:
        """All meters as they are now, in the order of the configuration."""
        now = self._clock()
        return tuple(
            gathering.health.snapshot(
                now,
                silent=self._schedule.silent(index),
                given_up=tuple(_place(gathering.meter.blocks[block]) for block in self._schedule.given_up(index)),
            )
            for index, gathering in enumerate(self._meters)
        )

    def _begin_anew(self) -> None:
        self._schedule.restart(self._clock())
        for gathering in self._meters:
            gathering.forget()

    async def _take(self, turn: Turn, stop: asyncio.Event) -> None:
        gathering = self._meters[turn.meter]
        meter = gathering.meter
        if (rest_s := self._spoke[turn.meter] + meter.template.wait_s - self._clock()) > 0:
            await _pause(stop, rest_s)
        if turn.begins:
            gathering.begin(self._clock())
        try:
            reply = await self._line.ask(meter.blocks[turn.block].request(meter.settings.unit))
        except LineDown:
            self._away = True
            return
        except TransactionError as error:
            self._refused_or_lost(turn, error)
            return
        now = self._spoke[turn.meter] = self._clock()
        gathering.take(turn.block, reply, now)
        self._conclude(turn, self._schedule.answered(turn, now), "")

    def _refused_or_lost(self, turn: Turn, error: TransactionError) -> None:
        now, health = self._clock(), self._meters[turn.meter].health
        health.fault(error.fault, now, mute=not isinstance(error, DeviceRefusal))
        if isinstance(error, DeviceRefusal):
            self._spoke[turn.meter] = now
            outcome = self._schedule.refused(turn, now, lasting=error.code in _LASTING)
        else:
            outcome = self._schedule.failed(turn, now)
        self._conclude(turn, outcome, str(error))

    def _conclude(self, turn: Turn, outcome: Outcome, reason: str) -> None:
        gathering, now = self._meters[turn.meter], self._clock()
        if outcome.news is not None:
            self._tell(turn, outcome.news, reason, now)
        if outcome.answered:
            gathering.health.spoke()
        if not outcome.complete:
            return
        reading = gathering.measured(now)
        self._note_whether_empty(turn.meter, empty=reading is None)
        if reading is not None:
            self._on_reading(gathering.meter.settings.house, reading)

    def _tell(self, turn: Turn, news: News, reason: str, now: float) -> None:
        gathering = self._meters[turn.meter]
        meter, line = gathering.meter, self._line.name
        if news is News.SILENT:
            _LOG.warning(
                "%s: %s is silent: %s; asked again ever more seldom, at last every %g s; check its power, wiring, "
                "address and baud rate",
                line, meter, reason, max(MOST_BACKOFF_S, meter.settings.every_s),
            )  # fmt: skip
        elif news is News.BACK:
            _LOG.info("%s: %s is back after %.0f s", line, meter, gathering.health.failing_s(now))
        else:
            _LOG.warning(
                "%s: %s refuses %s: %s; no longer asked until the meter or the line was away; is it another model? "
                "`firmware-bridge scan` tells",
                line, meter, _place(meter.blocks[turn.block]), reason,
            )  # fmt: skip

    def _note_whether_empty(self, index: int, *, empty: bool) -> None:
        gathering = self._meters[index]
        if not empty:
            if self._empty[index] >= _EMPTY_CYCLES:
                _LOG.info("%s: %s gives readings again", self._line.name, gathering.meter)
            self._empty[index] = 0
            return
        self._empty[index] += 1
        if self._empty[index] == _EMPTY_CYCLES:
            _LOG.warning(
                "%s: %s answers, but without an active power that can be believed (%s): no readings; check model and "
                "wiring with `firmware-bridge read`",
                self._line.name, gathering.meter, gathering.wrong or "it gives none",
            )  # fmt: skip


def _place(block: Block) -> str:
    return f"FC{block.function:02d} {block.address} to {block.end - 1}"


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Until the time is over or `stop` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(seconds, 0.0))
