"""The route of exports: tables written out as the command `export` does, passed on as they are read.

A slow reader slows the reading down; neither memory nor the store's writer notices.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError as Cancelled
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Any, BinaryIO, Final, Literal, cast

import msgspec
from starlette.responses import Response, StreamingResponse

from edge_balancer.dashboard.api.problems import Problem, unavailable
from edge_balancer.dashboard.api.records import Moment
from edge_balancer.dashboard.api.route import Call
from edge_balancer.storage.export import EXPORTS
from edge_balancer.storage.sinks import write_table
from edge_balancer.storage.timespan import Timespan, iso

MOST_EXPORTS: Final = 2
_PIECE_BYTES: Final = 65_536
_PIECES_WAITING: Final = 4
_STUCK_S: Final = 60.0
"""A reader that takes nothing for so long has gone, whatever it says."""
_LONGEST_S: Final = 3600.0
"""Of one export: as long as the store is read from, its write-ahead log cannot be carried over, and grows."""
_MEDIA: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """Which table, of which time (Unix seconds; open where left out), in which form."""

    what: Literal["telemetry", "switches", "alerts", "trail"]
    start: Moment | None = None
    end: Moment | None = None
    format: Literal["csv", "json"] = "csv"


class _Pipe(io.RawIOBase):
    """A file whose bytes come out of a queue in an event loop. Written to in a worker thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(_PIECES_WAITING)
        self._loop = loop
        self._until = time.monotonic() + _LONGEST_S
        self._gathered = bytearray()
        self.gone = False
        """Whether nobody reads any more."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._gathered += data
        if len(self._gathered) >= _PIECE_BYTES:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._gathered:
            piece = bytes(self._gathered)
            self._gathered.clear()
            self._put(piece)

    def end(self, error: Exception | None = None) -> None:
        """All is written, or an error broke it off."""
        if error is None:
            self.flush()
        self._put(error)

    def leave(self) -> None:
        """Nobody reads any more. In the event loop."""
        self.gone = True
        while not self.queue.empty():
            self.queue.get_nowait()

    def break_off(self) -> None:
        """It takes too long: whoever reads hears of it in the place of the rest. In the event loop."""
        if not self.gone:
            self.leave()
            self.queue.put_nowait(TimeoutError("the export took too long"))

    def _put(self, piece: bytes | Exception | None) -> None:
        if self.gone or time.monotonic() > self._until:
            raise BrokenPipeError
        waiting = asyncio.run_coroutine_threadsafe(self.queue.put(piece), self._loop)
        try:
            waiting.result(_STUCK_S)
        except (TimeoutError, Cancelled) as error:
            waiting.cancel()
            raise BrokenPipeError from error


class Exports:
    """Exports under way, a few at a time, in threads of their own: other questions do not wait for them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_EXPORTS, thread_name_prefix="page-export")
        self._running = 0

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def begin(self, call: Call) -> Response:
        """Answer with the file. Raises Problem."""
        query: ExportQuery = call.query
        if query.start is not None and query.end is not None and query.end <= query.start:
            raise Problem(HTTPStatus.BAD_REQUEST, f"to = {query.end:.0f} does not come after from = {query.start:.0f}")
        if self._running >= MOST_EXPORTS:
            raise unavailable("other exports are under way: ask again when they are done", 30)
        name = f"{call.context.config.feeder.id}-{query.what}-{iso(call.context.hub.catch_up().wall)[:10]}"
        loop = asyncio.get_running_loop()
        pipe = _Pipe(loop)
        self._running += 1
        reader, span = call.context.past.reader, Timespan(query.start, query.end)

        def work() -> None:
            export = EXPORTS[query.what]
            try:
                with reader.open() as connection:
                    write_table(export.columns, export.rows(connection, span), query.format, cast(BinaryIO, pipe))
                pipe.end()
            except BrokenPipeError:
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(pipe.break_off)
            except Exception as error:  # noqa: BLE001 -- told by whoever reads the queue
                with suppress(BrokenPipeError):
                    pipe.end(error)

        try:
            self._threads.submit(work)
            # The first piece, so that what cannot be read is told as such and not as an empty file.
            first = await self._next(pipe)
        except BaseException:
            self._running -= 1
            pipe.leave()
            raise
        return StreamingResponse(
            self._pieces(pipe, first),
            media_type=_MEDIA[query.format],
            headers={"Content-Disposition": f'attachment; filename="{name}.{query.format}"'},
        )

    async def _pieces(self, pipe: _Pipe, first: bytes | None) -> AsyncIterator[bytes]:
        try:
            piece = first
            while piece is not None:
                yield piece
                piece = await self._next(pipe)
        finally:
            pipe.leave()
            self._running -= 1

    async def _next(self, pipe: _Pipe) -> bytes | None:
        """The next piece; None at the end. Raises what broke the export off: the connection is cut then, so that half
        a file does not pass for a whole one."""
        piece = await pipe.queue.get()
        if isinstance(piece, Exception):
            raise piece
        return piece


async def get_export(call: Call) -> Response:
    return await call.context.exports.begin(call)
