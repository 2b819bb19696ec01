"""Exports: tables written out as the command `export` does, passed on as they are read.

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
from typing import Any, BinaryIO, Final, cast

from edge_balancer.dashboard.past.reader import Reader
from edge_balancer.storage.export import EXPORTS, ExportName
from edge_balancer.storage.sinks import ExportFormat, write_table
from edge_balancer.storage.timespan import Timespan

MOST_EXPORTS: Final = 2
_PIECE_BYTES: Final = 65_536
_PIECES_WAITING: Final = 4
_STUCK_S: Final = 60.0
"""A reader that takes nothing for so long has gone, whatever it says."""
_LONGEST_S: Final = 3600.0
"""Of one export: as long as the store is read from, its write-ahead log cannot be carried over, and grows."""


class TooManyExports(Exception):  # noqa: N818 - an answer, no defect
    """As many as may run are under way."""


class Pipe(io.RawIOBase):
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

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._threads = ThreadPoolExecutor(MOST_EXPORTS, thread_name_prefix="page-export")
        self._running = 0

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def begin(self, what: ExportName, span: Timespan, form: ExportFormat) -> AsyncIterator[bytes]:
        """The file in pieces; `what` of `storage.export.EXPORTS`. Raises TooManyExports, and what keeps the first piece
        from being read, so that this is told as such and not as an empty file."""
        if self._running >= MOST_EXPORTS:
            raise TooManyExports
        loop = asyncio.get_running_loop()
        pipe = Pipe(loop)
        self._running += 1

        def work() -> None:
            export = EXPORTS[what]
            try:
                with self._reader.open() as connection:
                    write_table(export.columns, export.rows(connection, span), form, cast(BinaryIO, pipe))
                pipe.end()
            except BrokenPipeError:
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(pipe.break_off)
            except Exception as error:  # noqa: BLE001 -- told by whoever reads the queue
                with suppress(BrokenPipeError):
                    pipe.end(error)

        try:
            self._threads.submit(work)
            first = await self._next(pipe)
        except BaseException:
            self._running -= 1
            pipe.leave()
            raise
        return self._pieces(pipe, first)

    async def _pieces(self, pipe: Pipe, first: bytes | None) -> AsyncIterator[bytes]:
        try:
            piece = first
            while piece is not None:
                yield piece
                piece = await self._next(pipe)
        finally:
            pipe.leave()
            self._running -= 1

    async def _next(self, pipe: Pipe) -> bytes | None:
        """The next piece; None at the end. Raises what broke the export off: the connection is cut then, so that half
        a file does not pass for a whole one."""
        piece = await pipe.queue.get()
        if isinstance(piece, Exception):
            raise piece
        return piece
