"""How many connections there may be, and how long one may say nothing.

Before any request is read: who only opens connections must not take the descriptors that control needs for its broker
and its store. What is refused here is closed without a word.
"""

from __future__ import annotations

import asyncio
import socket
import weakref
from collections import Counter
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_balancer.dashboard.access.throttle import is_loopback, neighbourhood

MOST_OF_ONE: Final = 24
"""Of one address. A browser opens six at a time; behind this machine's own address there may be a proxy for all."""
SILENCE_S: Final = 30.0
"""Without a request, whole or begun, a connection is closed."""


class Guests:
    """All connections that are open at present, over all listening sockets of one server."""

    def __init__(self, most: int) -> None:
        self._most = most
        # Whoever serves a connection closes its socket and forgets it; from here it is only looked at.
        self._open: weakref.WeakKeyDictionary[socket.socket, str] = weakref.WeakKeyDictionary()
        self.turned_away = 0
        """Connections that were one too many."""

    def admit(self, connection: socket.socket, address: str) -> bool:
        """Whether there is room for one more; it then counts until it is closed."""
        party = neighbourhood(address)
        present = Counter(of for guest, of in self._open.items() if guest.fileno() != -1)
        crowded = present[party] >= MOST_OF_ONE and not is_loopback(address)
        if crowded or present.total() >= self._most:
            self.turned_away += 1
            return False
        self._open[connection] = party
        return True


class BoundedListener(socket.socket):
    """A listening socket that closes at once what is one too many: a TLS handshake that never comes counts as well."""

    def __init__(self, guests: Guests, family: int = socket.AF_INET) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._guests = guests

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises BlockingIOError, as if nobody had come, for those who are turned away."""
        connection, address = super().accept()
        if not self._guests.admit(connection, str(address[0])):
            connection.close()
            raise BlockingIOError
        return connection, address


class PatientProtocol(H11Protocol):
    """uvicorn's own, with an end to its patience: it waits for ever for a first request, or for the rest of one."""

    _watch: asyncio.TimerHandle | None = None
    _idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the class above
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._look_later(SILENCE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def _look_later(self, after_s: float) -> None:
        self._watch = self.loop.call_later(after_s, self._look)

    def _look(self) -> None:
        busy = self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]  # it begins as None
        left_s = SILENCE_S if busy else self._idle_since + SILENCE_S - self.loop.time()
        if left_s > 0.0:
            self._look_later(left_s)
        else:
            self.transport.abort()
