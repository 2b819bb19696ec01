"""Answers to SMS that Twilio sent, read from its list of messages: a Pi has no address that Twilio could call.

Asked for only while somebody may answer, since each look is a request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from edge_balancer.alerts.channels.channel import Received

_EVERY_S: Final = 60.0
_OPEN_S: Final = 86_400.0
"""Who has not answered within a day answers no more."""
_MARGIN_S: Final = 5.0
_MOST_LISTED: Final = 50
_MOST_SEEN: Final = 500


class Answers:
    """Which answers are new. `sender` is our number; without one (a messaging service) all numbers count."""

    def __init__(self, sender: str, wall: Callable[[], float]) -> None:
        self._sender = sender if sender.startswith("+") else ""
        self._possible = self._sender != "" or sender == ""
        self._wall = wall
        self._since: float | None = None
        self._until = float("-inf")
        self._next = float("-inf")
        self._seen: deque[str] = deque(maxlen=_MOST_SEEN)

    def expect(self) -> None:
        """A message that asks for an answer has just left."""
        now = self._wall()
        if now > self._until:
            self._since = now
        self._until = now + _OPEN_S

    def resume(self, first: float, last: float) -> None:
        """Messages that asked for an answer left at these times, before a restart."""
        self._since = first if self._since is None else min(first, self._since)
        self._until = max(self._until, last + _OPEN_S)

    def due(self) -> bool:
        """Whether it is time to look; a look then counts as made."""
        now = self._wall()
        # A wall clock that was set back must not close the eyes for as long.
        waited = now >= self._next or now < self._next - _EVERY_S
        if not self._possible or self._since is None or now > self._until or not waited:
            return False
        self._next = now + _EVERY_S
        return True

    def read(self, messages: Any, skew_s: float) -> list[Received]:
        """What came in since the first message that is open; `skew_s`: how far Twilio's clock is ahead of ours."""
        if self._since is None:
            return []
        since = self._since + skew_s - _MARGIN_S
        only = {"to": self._sender} if self._sender else {}
        found: list[Received] = []
        for sms in messages.list(limit=_MOST_LISTED, page_size=_MOST_LISTED, **only):
            at = sms.date_created.timestamp() if sms.date_created is not None else since
            if sms.direction == "inbound" and at >= since and sms.sid not in self._seen:
                self._seen.append(sms.sid)
                found.append(Received(sms.from_, sms.body or "", at - skew_s, sms.sid))
        return found[::-1]
