"""The tables of the interlocks' memory, and how an older file is brought up to date, one transaction a step.

A file is never taken back to an older version.
"""

from __future__ import annotations

import sqlite3
from typing import Final

APPLICATION_ID: Final = 0x45425342  # "EBSB"

_STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE switch (
            house TEXT PRIMARY KEY,
            memory TEXT NOT NULL,         -- JSON of interlock_types.Memory
            boot_id TEXT NOT NULL,
            monotonic_s REAL NOT NULL,
            wall_s REAL NOT NULL,
            heeded INTEGER NOT NULL       -- the last lockout.number that this switch followed
        ) STRICT
        """,
        """
        CREATE TABLE lockout (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            house TEXT NOT NULL,
            locked INTEGER NOT NULL,
            reason TEXT NOT NULL,
            operator TEXT NOT NULL,
            wall_s REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX lockout_by_house ON lockout (house, number)",
    ),
)
"""Step n brings a file from version n to n + 1 (`PRAGMA user_version`)."""

NEWEST: Final = len(_STEPS)


class ForeignFile(Exception):  # noqa: N818 - what the file is, not a mistake
    """An SQLite file that is not this program's, is of a newer version, or is damaged."""


def prepare(connection: sqlite3.Connection) -> None:
    """Check the file and bring it up to date; `connection` must be in autocommit mode.

    Raises ForeignFile, and sqlite3's errors.
    """
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not empty:
        _check(connection)
    if _version(connection) >= NEWEST:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited for the lock.
        for step in _STEPS[_version(connection) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {NEWEST}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise ForeignFile("it is an SQLite file of another program")
    if (version := _version(connection)) > NEWEST:
        raise ForeignFile(f"it has version {version}")
    if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise ForeignFile(f"it is damaged ({found})")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
