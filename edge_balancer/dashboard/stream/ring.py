"""The last events of the stream, for a reader that comes back. Bounded by number and by bytes. Pure."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import msgspec

MOST_EVENTS: Final = 600
"""At ten pictures a second, half a minute: a phone that changes its cell."""
MOST_BYTES: Final = 2_000_000

_encode: Final = msgspec.json.Encoder().encode


def frame(kind: str, data: Any, event_id: str) -> bytes:
    """One event as it stands in the stream. JSON has no bare line breaks, so one `data` line is enough."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event_id.encode(), kind.encode(), _encode(data))


class EventRing:
    """Events numbered from 1 on within one `session`; ids are `<session>-<number>`."""

    def __init__(self, session: str, most: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self.session = session
        self.last = 0
        """Number of the newest event; 0 before the first."""
        self._most = most
        self._most_bytes = most_bytes
        self._events: deque[bytes] = deque()
        self._bytes = 0

    @property
    def last_id(self) -> str:
        return f"{self.session}-{self.last}"

    def add(self, kind: str, data: Any) -> bytes:
        """Number and keep an event; gives it as it is sent."""
        self.last += 1
        event = frame(kind, data, self.last_id)
        self._events.append(event)
        self._bytes += len(event)
        while len(self._events) > self._most or (self._bytes > self._most_bytes and len(self._events) > 1):
            self._bytes -= len(self._events.popleft())
        return event

    def since(self, event_id: str) -> list[bytes] | None:
        """What came after an event; None where that cannot be told: another session, or too long ago."""
        session, _, digits = event_id.rpartition("-")
        if session != self.session or not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
            return None
        missed = self.last - int(digits)
        if not 0 <= missed <= len(self._events):
            return None
        return list(self._events)[len(self._events) - missed :]
