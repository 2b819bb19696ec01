"""One reader of the stream: what waits for it, and when it is too slow to be kept."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MOST_WAITING_BYTES: Final = 1_000_000
"""Beyond it a reader is too slow: it is let go, comes back by itself, and begins with a fresh picture."""


class Reader:
    """A queue of events, filled by the hub and emptied by one response, in the same event loop."""

    def __init__(self) -> None:
        self.slow = False
        """Whether it was let go for being too slow."""
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._open = True
        self._wake = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return self._open

    def begin(self, event: bytes) -> None:
        """The picture to begin with, or what was missed; however large, it is no sign of a slow reader."""
        self._waiting.append(event)
        self._wake.set()

    def put(self, event: bytes) -> None:
        """Queue an event, or let the reader go where too much waits already."""
        if not self._open:
            return
        if self._bytes + len(event) > MOST_WAITING_BYTES:
            self.slow = True
            self.close()
            return
        self._waiting.append(event)
        self._bytes += len(event)
        self._wake.set()

    async def take(self) -> bytes | None:
        """All that waits, in one piece, once there is something; None at the end."""
        while not self._waiting and self._open:
            self._wake.clear()
            await self._wake.wait()
        if not self._open:
            return None
        taken = b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return taken

    def close(self) -> None:
        self._open = False
        self._waiting.clear()
        self._bytes = 0
        self._wake.set()
