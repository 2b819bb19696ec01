"""Runs a line and its poller for a test, and hands over the readings as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from firmware_bridge.lines.owner import LineOwner, make_line
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.points import Measurement
from firmware_bridge.meters.polled import PolledMeter, line_costs, polled_meter
from firmware_bridge.meters.poller import Poller
from firmware_bridge.settings.devices import LineMeter, LineSettings

HANG_S = 90.0
"""Guards against a hang; nothing should ever take that long."""


def polled(line: LineSettings) -> tuple[PolledMeter, ...]:
    transaction_s, register_s = line_costs(line)
    return tuple(
        polled_meter(meter, load_meter(meter.model), transaction_s=transaction_s, register_s=register_s)
        for meter in line.meters
    )


def line_with(port: str, *meters: LineMeter, timeout_s: float = 0.05) -> LineSettings:
    return LineSettings(name="feeder", port=port, reply_timeout_s=timeout_s, quiet_s=0.02, meters=meters)


def meter(house: str, model: str, unit: int, *, every_s: float = 0.0, slow_every_s: float = 1.0) -> LineMeter:
    return LineMeter(house=house, model=model, unit=unit, every_s=every_s, slow_every_s=slow_every_s)


class Polling:
    def __init__(self, settings: LineSettings) -> None:
        self.line: LineOwner = make_line(settings)
        self.poller = Poller(self.line, polled(settings), self.take, time.monotonic)
        self.readings: dict[str, list[Measurement]] = {}
        self.came = asyncio.Event()

    def take(self, house: str, reading: Measurement) -> None:
        self.readings.setdefault(house, []).append(reading)
        self.came.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Looked at with every reading, and now and then without."""
        async with asyncio.timeout(HANG_S):
            while not condition():
                self.came.clear()
                try:
                    async with asyncio.timeout(0.02):
                        await self.came.wait()
                except TimeoutError:
                    continue

    def count(self, house: str) -> int:
        return len(self.readings.get(house, ()))


@asynccontextmanager
async def polling(settings: LineSettings) -> AsyncIterator[Polling]:
    run, stop = Polling(settings), asyncio.Event()
    tasks = [asyncio.ensure_future(run.line.run(stop)), asyncio.ensure_future(run.poller.run(stop))]
    try:
        yield run
    finally:
        stop.set()
        async with asyncio.timeout(HANG_S):
            await asyncio.gather(*tasks)
