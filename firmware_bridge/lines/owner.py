"""Owns one line: opens it and opens it again, lets requests through one at a time, and says when it is down and up.

What happens on the line is in `rtu` and `tcp`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from firmware_bridge.errors import BridgeError, LineDown
from firmware_bridge.lines.requests import Reply, Request
from firmware_bridge.lines.rtu import RtuMaster
from firmware_bridge.lines.serial_port import open_serial
from firmware_bridge.lines.socket_port import address, open_socket
from firmware_bridge.lines.tally import LineTally
from firmware_bridge.lines.tcp import TcpGateway
from firmware_bridge.lines.trace import Trace
from firmware_bridge.settings.devices import TCP, LineSettings

LOG: Final = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 30.0
_STEADY_S: Final = 10.0
"""Up for this long, a line starts again with the first retry when it goes down."""

OnChange = Callable[[bool, str], None]
"""Called with whether the line is up, and the reason where it is not."""


class Carrier(Protocol):
    """What carries requests: an RTU master, or a gateway. One request at a time."""

    async def open(self, on_lost: Callable[[str], None]) -> None: ...

    def close(self) -> None: ...

    async def transact(self, request: Request) -> Reply: ...


@dataclass(slots=True, eq=False)
class _Asked:
    request: Request
    reply: asyncio.Future[Reply]


class LineOwner:
    """A `Line`. Made anywhere, also outside the event loop; works while `run` does."""

    def __init__(
        self, settings: LineSettings, *, trace: Trace | None = None, on_change: OnChange | None = None
    ) -> None:
        self._settings = settings
        self.tally: Final = LineTally()
        self._carrier = _carrier(settings, self.tally, trace)
        self._on_change = on_change
        self._urgent: deque[_Asked] = deque()
        self._others: deque[_Asked] = deque()
        self._up = False
        self._reason = "it was not opened yet"
        self._work: asyncio.Event | None = None

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def up(self) -> bool:
        return self._up

    @property
    def reason(self) -> str:
        """Why it is down; empty while it is up."""
        return "" if self._up else self._reason

    async def ask(self, request: Request, *, urgent: bool = False) -> Reply:
        if not self._up or self._work is None:
            raise self._down()
        queue = self._urgent if urgent else self._others
        asked = _Asked(request, asyncio.get_running_loop().create_future())
        queue.append(asked)
        self._work.set()
        try:
            return await asked.reply
        except asyncio.CancelledError:
            with suppress(ValueError):
                queue.remove(asked)
            if asked.reply.done() and not asked.reply.cancelled():
                # Failed in the same instant: looked at, so that asyncio does not report it as overlooked.
                asked.reply.exception()
            raise

    async def run(self, stop: asyncio.Event) -> None:
        """Hold the line until `stop`. What is still asked then fails with LineDown."""
        self._work = asyncio.Event()
        serving = asyncio.create_task(self._hold(self._work))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (serving, stopping):
                task.cancel()
            await asyncio.wait((serving, stopping))
            self._carrier.close()
            if self._up:
                self._change(up=False, reason="it is being stopped")
            self._reason = "it is being stopped"
            self._work = None
            self._fail_all()
        if not serving.cancelled() and (error := serving.exception()) is not None:
            raise error

    async def _hold(self, work: asyncio.Event) -> None:
        """Open, serve, and again."""
        loop = asyncio.get_running_loop()
        retry_s, down_since_s, told = FIRST_RETRY_S, loop.time(), False
        while True:
            lost: list[str] = []

            def on_lost(reason: str, lost: list[str] = lost) -> None:
                lost.append(reason)
                work.set()

            try:
                await self._carrier.open(on_lost)
            except LineDown as error:
                self._reason = str(error)
                if not told:
                    told = True
                    LOG.warning("line %s is down: %s; trying again until it is there", self.name, error)
                    self._tell(up=False, reason=self._reason)
            else:
                up_since_s = loop.time()
                self._log_up(up_since_s - down_since_s if told else None)
                self._change(up=True, reason="")
                await self._serve(work, lost)
                self._carrier.close()
                down_since_s, told = loop.time(), True
                if down_since_s - up_since_s >= _STEADY_S:
                    retry_s = FIRST_RETRY_S
                LOG.warning("line %s is down: %s; trying again until it is back", self.name, lost[0])
                self._change(up=False, reason=lost[0])
                self._fail_all()
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    async def _serve(self, work: asyncio.Event, lost: list[str]) -> None:
        """Let requests through until the line is lost."""
        while not lost:
            if not self._urgent and not self._others:
                work.clear()
                await work.wait()
                continue
            asked = self._urgent.popleft() if self._urgent else self._others.popleft()
            if asked.reply.done():
                continue
            try:
                reply = await self._carrier.transact(asked.request)
            except BridgeError as error:
                if isinstance(error, LineDown) and not lost:
                    lost.append(str(error))
                if not asked.reply.done():
                    asked.reply.set_exception(error)
            except BaseException:
                # Stopped, or a mistake of ours: whoever waits must not wait for ever.
                if not asked.reply.done():
                    asked.reply.set_exception(self._down())
                raise
            else:
                if not asked.reply.done():
                    asked.reply.set_result(reply)

    def _fail_all(self) -> None:
        for queue in (self._urgent, self._others):
            while queue:
                asked = queue.popleft()
                if not asked.reply.done():
                    asked.reply.set_exception(self._down())

    def _down(self) -> LineDown:
        return LineDown(f"line {self.name} is down: {self._reason}")

    def _change(self, *, up: bool, reason: str) -> None:
        self._up = up
        self._reason = reason
        self._tell(up=up, reason=reason)

    def _tell(self, *, up: bool, reason: str) -> None:
        if self._on_change is not None:
            self._on_change(up, reason)

    def _log_up(self, away_s: float | None) -> None:
        if away_s is None:
            LOG.info("line %s is up: %s", self.name, self._settings.port)
        else:
            LOG.warning("line %s is up again after %.0f s: %s", self.name, away_s, self._settings.port)


def make_line(settings: LineSettings, *, trace: Trace | None = None, on_change: OnChange | None = None) -> LineOwner:
    """The owner for a serial port, `rtu+tcp://` or `tcp://`. Raises BridgeError where the port is no address."""
    return LineOwner(settings, trace=trace, on_change=on_change)


def _carrier(settings: LineSettings, tally: LineTally, trace: Trace | None) -> Carrier:
    if settings.serial:
        return RtuMaster(settings, open_serial, tally, trace=trace)
    address(settings)
    if settings.port.startswith(TCP):
        return TcpGateway(settings, tally, trace=trace)
    return RtuMaster(settings, open_socket, tally, trace=trace)
