"""Reads of the store, a few at a time, each on a read-only connection of its own and bounded in time.

A connection per question costs a millisecond, and leaves no read transaction behind that would keep the write-ahead log
from being carried over.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from edge_balancer.storage.database import open_reader
from edge_balancer.storage.errors import StorageError

T = TypeVar("T")

READERS: Final = 2
MOST_WAITING: Final = 16
"""Questions under way or waiting; of more, the asker is told to come back."""
LONGEST_S: Final = 10.0
_STEPS_BETWEEN_LOOKS: Final = 20_000
"""Of SQLite's machine between two looks at the clock: some ten a second are enough."""


class PastUnavailable(Exception):  # noqa: N818 - it names what happened
    """The store could not be asked; the text says why, and what to do."""


class Reader:
    """Asks the store in worker threads. For one event loop."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="page-store")
        self._waiting = 0

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Answer a question on a connection that cannot write. Raises PastUnavailable."""
        if self._waiting >= MOST_WAITING:
            raise PastUnavailable("too many questions about the past at one time: ask again in a few seconds")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """No more questions; one that is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection for a long reading, in a thread of the caller's. Raises PastUnavailable."""
        try:
            with open_reader(self._database) as connection:
                yield connection
        except StorageError as error:
            raise PastUnavailable(f"{error}. What happens now is not affected") from error

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with self.open() as connection:
            give_up = time.monotonic() + LONGEST_S
            connection.set_progress_handler(lambda: time.monotonic() > give_up, _STEPS_BETWEEN_LOOKS)
            return question(connection)
