"""A time limit for a whole exchange over a socket, for libraries that know one for each read alone."""

from __future__ import annotations

import socket
import threading
from typing import Protocol, Self


class Connection(Protocol):
    """What http.client and smtplib have in common. `sock` is a socket, or None while there is no connection."""

    sock: socket.socket | None

    def close(self) -> None: ...


class Deadline:
    """Ends an exchange at a time, also where the other side sends a byte now and then: a socket's own time-out counts
    for each byte anew.

    Whatever the exchange then raises becomes TimeoutError.
    """

    def __init__(self, connection: Connection, left_s: float) -> None:
        self._connection = connection
        self._timer = threading.Timer(left_s, self._cut)
        self._timer.daemon = True
        self._over = False
        self._line: socket.socket | None = None

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._timer.cancel()
        self._connection.close()
        if self._over and isinstance(error, Exception):
            raise TimeoutError("the exchange took too long") from error

    def in_time(self) -> None:
        """Raises TimeoutError where it was cut short without an error. To be called once it is connected, and at the
        end."""
        # http.client lets go of the socket as soon as an answer begins, and reads on from it.
        self._line = self._connection.sock or self._line
        if self._over:
            raise TimeoutError("the exchange took too long")

    def _cut(self) -> None:
        self._over = True
        line = self._connection.sock or self._line
        if line is not None:
            try:
                # Closing alone would not wake who waits in it.
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                return
