"""Records that this version cannot show: of another version, or spoilt on the disk. Left out where they would stand,
counted, and logged once each. They are judged nowhere here; the export of the trail has them as they are."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from edge_balancer.logs import get_logger
from edge_balancer.storage.trail import Recorded, read_events
from edge_balancer.types.events import EventKind

T = TypeVar("T")

FAULTS: Final = (ValueError, TypeError, KeyError, AttributeError)
"""What a record that is not as expected makes of its reading; msgspec's errors are ValueErrors."""
_MOST_NAMED: Final = 10_000
_log = get_logger(__name__)


class Unreadable:
    """Which rows of the trail could not be shown since the start. For any thread."""

    def __init__(self) -> None:
        self._rows: set[int] = set()
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many different ones were met."""
        return len(self._rows)

    def met(self, seq: int, error: Exception) -> None:
        with self._lock:
            if seq in self._rows or len(self._rows) >= _MOST_NAMED:
                return
            self._rows.add(seq)
        _log.warning("a record cannot be shown", seq=seq, error=str(error), remedy="the export of the trail has it")


class Reading:
    """One question's walk over the trail: what can be shown, and which rows cannot."""

    def __init__(self, connection: sqlite3.Connection, unreadable: Unreadable) -> None:
        self.connection = connection
        self._unreadable = unreadable
        self._lost: set[int] = set()

    @property
    def lost(self) -> int:
        """How many rows were left out."""
        return len(self._lost)

    def _met(self, seq: int, error: Exception) -> None:
        self._lost.add(seq)
        self._unreadable.met(seq, error)

    def rows(self, kind: EventKind, limit: int, **narrowed: Any) -> list[Recorded]:
        """The newest `limit` events of a kind, newest first; `narrowed` as `read_events` has it."""
        return list(read_events(self.connection, kinds=frozenset({kind}), newest_first=True, limit=limit, **narrowed))

    def made(self, found: Iterable[Recorded], make: Callable[[Recorded], T]) -> Iterator[T]:
        """What `make` makes of each, but for those of which it can make nothing."""
        for recorded in found:
            try:
                yield make(recorded)
            except FAULTS as error:
                self._met(recorded.seq, error)
