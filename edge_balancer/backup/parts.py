"""A store cut into stretches of rows that do not change any more, so that a nightly backup writes only what is new; and
a whole store made of them again. Files and folders are `records`' business.

Each part is a small SQLite database with the rows of one group of tables over one stretch: so many rows of the trail, a
day of minutes, a week of quarters of an hour. The rest, without those rows and with the whole schema, is the skeleton.
The same rows give the same bytes, with the same release of SQLite.
"""

# ruff: noqa: S608 -- names of tables and columns are constants, or were held against them; values are always bound.

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Group:
    """Tables that are cut at the same places."""

    name: str
    tables: tuple[tuple[str, str], ...]
    """Each with its key, a whole number that only grows."""
    width: int
    """Of a stretch, in the key's unit."""


GROUPS: Final = (
    Group("trail", (("trail", "seq"),), 10_000),
    Group("minutes", (("house_minutes", "minute"), ("feeder_minutes", "minute")), _DAY_S),
    Group("quarters", (("house_quarters", "quarter"), ("feeder_quarters", "quarter")), 7 * _DAY_S),
)
NEEDED: Final = frozenset({"trail"})
"""Groups that a store is nothing without; others are telemetry."""
_CUT: Final = frozenset(table for group in GROUPS for table, _ in group.tables)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One part, in memory."""

    group: str
    first: int
    """The key at which it begins."""
    data: bytes


def stretches(store: sqlite3.Connection) -> Iterator[Stretch]:
    """All parts of a store, one by one, in the transaction that the caller has begun."""
    there = _schema(store, "table")
    for group in GROUPS:
        tables = [(table, key) for table, key in group.tables if table in there]
        first = _next(store, tables, None)
        while first is not None:
            begin = first // group.width * group.width
            yield Stretch(group.name, begin, _part(store, tables, there, begin, begin + group.width))
            first = _next(store, tables, begin + group.width)


def skeleton(store: sqlite3.Connection) -> bytes:
    """The store without the rows that its parts hold: schema, version, and all small tables."""
    tables = _schema(store, "table")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as out:
        for pragma in ("page_size", "auto_vacuum", "application_id", "user_version"):
            out.execute(f"PRAGMA {pragma} = {int(store.execute(f'PRAGMA {pragma}').fetchone()[0])}")
        out.execute("BEGIN")
        for name, sql in tables.items():
            out.execute(sql)
            if name not in _CUT:
                _copy(store, out, name)
        # Triggers guard what was just copied.
        for kind in ("index", "view", "trigger"):
            for sql in _schema(store, kind).values():
                out.execute(sql)
        out.execute("COMMIT")
        return out.serialize()


def complete(skeleton_file: Path, parts: Iterator[Path]) -> None:
    """Put the parts' rows into a skeleton, in a file that nobody else has open. What came of it is to be judged.
    Raises ValueError for rows of a table that is none of ours, `sqlite3` errors as they come."""
    with closing(sqlite3.connect(skeleton_file, isolation_level=None)) as store:
        # A file that is half done is thrown away, so nothing needs to be safe on the way.
        store.execute("PRAGMA journal_mode = OFF")
        store.execute("PRAGMA synchronous = OFF")
        triggers = _schema(store, "trigger")
        for name in triggers:
            store.execute(f"DROP TRIGGER {_quoted(name)}")
        for part in parts:
            store.execute("ATTACH ? AS part", (str(part),))
            for table in _schema(store, "table", "part"):
                if table not in _CUT:
                    raise ValueError(f"{part.name} holds a table {table!r}, which is none of the records")
                store.execute(f"INSERT INTO main.{table} SELECT * FROM part.{table}")
            store.execute("DETACH part")
        for sql in triggers.values():
            store.execute(sql)


def _next(store: sqlite3.Connection, tables: list[tuple[str, str]], at: int | None) -> int | None:
    """The first key at or after `at` that any of the tables has."""
    found = []
    for table, key in tables:
        if at is None:
            (first,) = store.execute(f"SELECT min({key}) FROM {table}").fetchone()
        else:
            (first,) = store.execute(f"SELECT min({key}) FROM {table} WHERE {key} >= ?", (at,)).fetchone()
        if first is not None:
            found.append(int(first))
    return min(found, default=None)


def _part(
    store: sqlite3.Connection, tables: list[tuple[str, str]], there: dict[str, str], begin: int, end: int
) -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as out:
        out.execute("BEGIN")
        for table, key in tables:
            out.execute(there[table])
            _copy(store, out, table, f"WHERE {key} >= ? AND {key} < ? ORDER BY {key}", (begin, end))
        out.execute("COMMIT")
        return out.serialize()


def _copy(
    store: sqlite3.Connection, out: sqlite3.Connection, table: str, where: str = "", values: tuple[int, ...] = ()
) -> None:
    rows = store.execute(f"SELECT * FROM {_quoted(table)} {where}", values)
    places = ", ".join("?" * len(rows.description))
    out.executemany(f"INSERT INTO {_quoted(table)} VALUES ({places})", rows)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _schema(store: sqlite3.Connection, kind: str, of: str = "main") -> dict[str, str]:
    """Name -> statement, in the order in which they were made; SQLite's own are left out."""
    rows = store.execute(
        f"SELECT name, sql FROM {of}.sqlite_master WHERE type = ? AND sql IS NOT NULL "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid",
        (kind,),
    )
    return {str(name): str(sql) for name, sql in rows}
