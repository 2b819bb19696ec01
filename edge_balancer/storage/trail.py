"""The audit trail in the database: appended to, and read in order. Verification is in `verify`, hashing in `chain`."""

# ruff: noqa: S608 -- the parts of SQL put together here are constants of this package; values are always bound.

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from edge_balancer.storage.chain import Head, TrailRow, link
from edge_balancer.storage.placing import Placer
from edge_balancer.types.events import Event, EventKind

COLUMNS: Final = "seq, wall, mono, synced, kind, house, command, body, prev_hash, hash"
UNREADABLE: Final = "unreadable"
"""Stands alone in the body of an event whose row is no JSON, with what is there in its place."""

# What a row takes beside its texts: two hashes, numbers, both indexes, page overhead (measured with dbstat on a real
# trail).
_ROW_OVERHEAD_BYTES: Final = 205


def read_head(connection: sqlite3.Connection) -> Head:
    row = connection.execute("SELECT seq, hash FROM trail_head WHERE id = 1").fetchone()
    return Head(int(row[0]), str(row[1]))


def append_events(connection: sqlite3.Connection, events: Sequence[Event]) -> Head:
    """Chain `events` to the trail; returns the new head. Within the caller's transaction, which must hold the write
    lock.
    """
    head = read_head(connection)
    taken = 0
    for event in events:
        row = link(event, head)
        connection.execute(
            f"INSERT INTO trail ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(row)
        )
        head = Head(row.seq, row.hash)
        taken += _ROW_OVERHEAD_BYTES + len(row.house) + 2 * len(row.command) + len(row.body)
    connection.execute("UPDATE trail_head SET bytes = bytes + ? WHERE id = 1", (taken,))
    return head


def trail_bytes(connection: sqlite3.Connection) -> int:
    """About what the trail takes of the file."""
    return int(connection.execute("SELECT bytes FROM trail_head WHERE id = 1").fetchone()[0])


class Recorded(NamedTuple):
    """An event as the trail gives it back, with its place in it. Its `wall` is when it really was, where that can be
    told; `said` is what stands in the row."""

    seq: int
    event: Event
    said: float

    def placed(self, wall: float) -> float:
        """When something was that this event's body names by the wall clock: moved with the event, if it was in the
        same boot of the machine."""
        return wall + self.event.wall - self.said if wall >= self.said - self.event.mono else wall


def read_events(
    connection: sqlite3.Connection,
    *,
    kinds: frozenset[EventKind] | None = None,
    house: str | None = None,
    command: str | None = None,
    start: float | None = None,
    end: float | None = None,
    after_seq: int | None = None,
    before_seq: int | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> Iterator[Recorded]:
    """Events in the order of the trail; every argument narrows. `start` (from) and `end` (until, not with) are Unix
    seconds, and count when the event really was (see `placing`).
    """
    tests: list[str] = []
    values: list[Any] = []
    if kinds is not None:
        tests.append(f"kind IN ({', '.join('?' * len(kinds))})")
        values += sorted(kinds)
    for test, value in (
        # Spelt out, so that SQLite sees that the partial index serves.
        ("command = ? AND command <> ''", command),
        ("house = ?", house),
        ("(wall >= ? OR synced = 0)", start),
        ("(wall < ? OR synced = 0)", end),
        ("seq > ?", after_seq),
        ("seq < ?", before_seq),
    ):
        if value is not None:
            tests.append(test)
            values.append(value)
    placer = Placer(connection)
    left = limit
    while True:
        taken, last = 0, 0
        for row in _select(connection, tests, values, newest_first, left):
            taken, last = taken + 1, int(row[0])
            wall = placer.wall(last, row[1], row[2], bool(row[3]))
            if (start is None or wall >= start) and (end is None or wall < end):
                left = None if left is None else left - 1
                yield Recorded(last, _event(row, wall), row[1])
        # Rows whose clock was wrong may have been left out: others then take their places.
        if not left or not taken or (start is None and end is None):
            return
        tests, values = [*tests, "seq < ?" if newest_first else "seq > ?"], [*values, last]


def _select(
    connection: sqlite3.Connection, tests: Sequence[str], values: Sequence[Any], newest_first: bool, limit: int | None
) -> Iterator[Sequence[Any]]:
    where = f"WHERE {' AND '.join(tests)}" if tests else ""
    order = "DESC" if newest_first else "ASC"
    # SQLite reads LIMIT -1 as no limit.
    bound = [*values, -1 if limit is None else limit]
    yield from connection.execute(f"SELECT {COLUMNS} FROM trail {where} ORDER BY seq {order} LIMIT ?", bound)


def read_rows(connection: sqlite3.Connection) -> Iterator[TrailRow]:
    """All rows as they are stored, unchecked, in the order of their numbers. A value of a wrong type is given as one
    that no hash can match."""
    for row in connection.execute(f"SELECT {COLUMNS} FROM trail ORDER BY seq"):
        texts = [value if isinstance(value, str) else repr(value) for value in row[4:]]
        yield TrailRow(row[0], _number(row[1]), _number(row[2]), bool(row[3]), *texts)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def _event(row: Sequence[Any], wall: float) -> Event:
    return Event(
        kind=EventKind(row[4]),
        mono=row[2],
        wall=wall,
        synced=bool(row[3]),
        house=row[5],
        command=row[6],
        body=_body(row[7]),
    )


def _body(text: Any) -> dict[str, Any]:
    """What a row says. One that is no longer JSON is given as its text, so that it hides no other from its readers:
    that somebody or something has changed it, `verify` tells."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, TypeError):
        return {UNREADABLE: str(text)}
