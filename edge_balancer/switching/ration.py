"""Rows of the audit trail that anybody at the broker can provoke as often as they like: orders that change nothing,
modes that are refused, positions that no command explains. As long as they are few each is written at once. Beyond that
the newest of its kind waits its turn and then says how many gave way to it, so that the trail ends with what is true
and a flood fills no card. Nothing that moves a switch is ever rationed; a
change of the mode that would allow a move waits with its effect, not with its row (`modes`).

Pure: what is to be written is handed back, with the time handed in.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge_balancer.types.events import EventKind

BURST: Final = 60
"""Rows of one account that are written at once after some quiet: a morning's commissioning."""
EVERY_S: Final = 6.0
"""Then one in this time: ten a minute, some 15 MB a day for the largest kind of row."""


class Row(msgspec.Struct, frozen=True):
    """A row before it has its instant."""

    kind: EventKind
    body: dict[str, Any]
    house: str = ""
    command: str = ""


Rows = tuple[Row, ...]
"""What is written together: a request and its decision."""


class _Account:
    __slots__ = ("at", "left", "omitted", "waiting")

    def __init__(self, now: float) -> None:
        self.at = now
        self.left = float(BURST)
        self.waiting: Rows = ()
        self.omitted = 0
        """How many have given way since the last that was written."""

    def may(self, now: float) -> bool:
        self.left = min(float(BURST), self.left + (now - self.at) / EVERY_S)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True

    def take(self) -> Rows:
        rows, self.waiting = self.waiting, ()
        if rows and self.omitted:
            rows = (msgspec.structs.replace(rows[0], body={**rows[0].body, "omitted": self.omitted}), *rows[1:])
        self.omitted = 0
        return rows


class Ration:
    """One account for each kind of row, or each house. Times in monotonic s."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._waiting: dict[str, _Account] = {}

    def spend(self, account: str, now: float) -> bool:
        """Whether a row may be written now by whoever asks; it then counts as written. On an account that is used so
        nothing waits."""
        return self._account(account, now).may(now)

    def offer(self, account: str, now: float, rows: Rows, *, at_once: bool = False) -> Rows:
        """What of it is to be written now: all or nothing. `at_once`: whatever has been written before."""
        found = self._account(account, now)
        found.omitted += bool(found.waiting)
        found.waiting = rows
        if at_once or (account not in self._waiting and found.may(now)):
            self._waiting.pop(account, None)
            return found.take()
        self._waiting[account] = found
        return ()

    def due(self, now: float) -> list[Row]:
        """What has waited long enough."""
        if not self._waiting:
            return []
        ready = [name for name, found in self._waiting.items() if found.may(now)]
        return [row for name in ready for row in self.release(name)]

    def release(self, account: str) -> Rows:
        """What waits on an account, its turn or not: what is written next rests on it."""
        found = self._waiting.pop(account, None)
        return () if found is None else found.take()

    def rest(self) -> list[Row]:
        """All that waits: the end has come."""
        return [row for name in list(self._waiting) for row in self.release(name)]

    def _account(self, account: str, now: float) -> _Account:
        found = self._accounts.get(account)
        if found is None:
            found = self._accounts[account] = _Account(now)
        return found
