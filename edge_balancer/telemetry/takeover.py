"""Finds out that our own connections throw each other off: a broker that forces one client id on all
(Mosquitto's `use_username_as_clientid`) closes the one when the other comes. Pure.
"""

from __future__ import annotations

from typing import Final

AT_ONCE_S: Final = 0.5
"""The older connection is closed as the newer one is welcomed; which of the two is noticed first, chance decides."""
SURE: Final = 3
"""So many in a row are no coincidence."""


class TakeOvers:
    """Hand in what becomes of the connections, by client id; `now` in monotonic s."""

    def __init__(self) -> None:
        self._came: dict[str, float] = {}
        self._unexplained: tuple[str, float] | None = None
        """A connection that went, and when, as long as no other has come."""
        self._in_a_row = 0

    @property
    def sure(self) -> bool:
        return self._in_a_row >= SURE

    def came(self, client_id: str, now: float) -> None:
        self._came[client_id] = now
        gone = self._unexplained
        if gone is not None and gone[0] != client_id and now - gone[1] <= AT_ONCE_S:
            self._count()

    def went(self, client_id: str, now: float) -> None:
        """Lost, or not to be had: only a connection that stood can be thrown off."""
        stood = self._came.pop(client_id, None)
        if stood is None:
            return
        if self._unexplained is not None:
            self._in_a_row = 0
        if any(came >= stood and now - came <= AT_ONCE_S for came in self._came.values()):
            self._count()
        else:
            self._unexplained = (client_id, now)

    def _count(self) -> None:
        self._in_a_row += 1
        self._unexplained = None
