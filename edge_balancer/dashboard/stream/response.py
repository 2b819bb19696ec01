"""The stream as a response: takes from its reader, sends, notices when the other side is gone or does not read."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge_balancer.dashboard.stream.hub import Hub
from edge_balancer.dashboard.stream.readers import Reader

HEARTBEAT_S: Final = 15.0
"""A line without meaning, so that proxies and sleeping radios keep the connection."""
PATIENCE_S: Final = 10.0
"""A reader that takes nothing for so long is let go."""
COMES_BACK_MS: Final = 2000
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream(Response):
    """The answer to one reader. Whether whoever reads still may is the gate's matter."""

    def __init__(self, hub: Hub, reader: Reader) -> None:
        super().__init__()
        self._hub = hub
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        gone = asyncio.create_task(self._until_gone(receive), name="reader gone")
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send(send, b"retry: %d\n\n" % COMES_BACK_MS)
            await self._follow(send)
            if not self._reader.slow:
                await self._send(send, b"", more=False)
        except TimeoutError:
            # Returning without an end makes the server drop the connection.
            self._reader.slow = True
        finally:
            self._hub.leave(self._reader)
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    async def _follow(self, send: Send) -> None:
        while True:
            try:
                events = await asyncio.wait_for(self._reader.take(), HEARTBEAT_S)
            except TimeoutError:
                events = b": alive\n\n"
            if events is None:
                return
            await self._send(send, events)

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        await asyncio.wait_for(send({"type": "http.response.body", "body": body, "more_body": more}), PATIENCE_S)

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._reader.close()
