"""Devices on a pseudo terminal, written by hand: they share no code with the master that they test.

Their checksum is computed bit by bit here, and is itself held against published vectors.
"""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from firmware_bridge.errors import TransactionError
from firmware_bridge.lines.owner import LineOwner
from firmware_bridge.lines.requests import Reply, Request
from firmware_bridge.lines.trace import Trace
from firmware_bridge.settings.devices import LineSettings

GUARD_S = 90.0
"""Against hanging only."""


def sealed(body: bytes) -> bytes:
    """With its checksum behind it."""
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return body + bytes((crc & 0xFF, crc >> 8))


def registers(unit: int, function: int, *values: int) -> bytes:
    return sealed(bytes((unit, function, 2 * len(values))) + b"".join(value.to_bytes(2, "big") for value in values))


def refused(unit: int, function: int, code: int) -> bytes:
    return sealed(bytes((unit, function | 0x80, code)))


Answer = Callable[[bytes], bytes | None]
"""What the device sends at once when it has heard one request; None for nothing."""


class Device:
    """The far end of a line: hears whole requests, answers as told, and can speak up by itself."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.heard: list[bytes] = []
        self._news = asyncio.Event()
        self._pending = b""
        self._master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(slave)
        # Held open, so that the master's end is not hung up between two openings of the port.
        self._slave: int | None = slave
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            self._pending += os.read(self._master, 4096)
        except OSError:
            return
        while (size := _request_size(self._pending)) is not None and len(self._pending) >= size:
            request, self._pending = self._pending[:size], self._pending[size:]
            assert sealed(request[:-2]) == request, f"a garbled request: {request.hex(' ')}"
            self.heard.append(request)
            self._news.set()
            reply = self.answer(request)
            if reply:
                self.say(reply)

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    async def hears(self, count: int) -> bytes:
        """Wait until so many requests have come in all; the last one."""
        async with asyncio.timeout(GUARD_S):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard[count - 1]

    def unplug(self) -> None:
        if self._slave is not None:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._slave)
            os.close(self._master)
            self._slave = None


def _request_size(data: bytes) -> int | None:
    if len(data) < 8:
        return None
    return 9 + data[6] if data[1] in (15, 16) else 8


def settings(port: str | Path, **changes: Any) -> LineSettings:
    """A fast line with short patience, so that tests need not wait long."""
    quick = {"baud": 115_200, "reply_timeout_s": 0.25, "quiet_s": 0.02}
    return LineSettings.model_validate({"name": "north", "port": str(port), **quick, **changes})


class Running:
    """A line at work."""

    def __init__(self, owner: LineOwner) -> None:
        self.owner = owner
        self.changes: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()
        self.stop = asyncio.Event()

    async def becomes(self, *, up: bool) -> str:
        """The reason, as soon as it is told."""
        async with asyncio.timeout(GUARD_S):
            while True:
                state, reason = await self.changes.get()
                if state is up:
                    return reason


@asynccontextmanager
async def line(to: LineSettings, *, trace: Trace | None = None, wait: bool = True) -> AsyncIterator[Running]:
    """A running line, up unless told not to wait for it."""
    running: Running
    owner = LineOwner(to, trace=trace, on_change=lambda up, reason: running.changes.put_nowait((up, reason)))
    running = Running(owner)
    task = asyncio.create_task(owner.run(running.stop))
    try:
        if wait:
            await running.becomes(up=True)
        yield running
    finally:
        running.stop.set()
        async with asyncio.timeout(GUARD_S):
            await task


async def answered(running: Running, request: Request) -> Reply:
    """The reply of a device that answers well, also where a busy machine made it late for a short timeout."""
    async with asyncio.timeout(GUARD_S):
        while True:
            with suppress(TransactionError):
                return await running.owner.ask(request)


@asynccontextmanager
async def device(answer: Answer) -> AsyncIterator[Device]:
    made = Device(answer)
    try:
        yield made
    finally:
        made.unplug()
