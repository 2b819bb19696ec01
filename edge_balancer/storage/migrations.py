"""Brings a database to the schema that this program knows, one numbered file and one transaction at a time.

Never goes back: a database newer than the program is refused with the remedy. `PRAGMA user_version` is the number.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from edge_balancer.storage.errors import StorageError, Trouble

APPLICATION_ID: Final = 0x4542414C  # "EBAL"
_FILE_NAME: Final = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


@dataclass(frozen=True)
class Migration:
    """One step of the schema: from version `number - 1` to `number`."""

    number: int
    name: str
    script: str

    def statements(self) -> Iterator[str]:
        """The script's statements. (`executescript` would commit the transaction that must hold them all.)"""
        pending = ""
        for line in self.script.splitlines(keepends=True):
            pending += line
            if sqlite3.complete_statement(pending):
                yield pending
                pending = ""
        if any(line.strip() and not line.lstrip().startswith("--") for line in pending.splitlines()):
            raise ValueError(f"{self.name}: the last statement has no end: {pending.strip()[:60]!r}")


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations in order; their numbers must be 1, 2, 3..."""
    found = sorted(
        (
            Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8"))
            for entry in resources.files("edge_balancer.storage.schema").iterdir()
            if (match := _FILE_NAME.match(entry.name))
        ),
        key=lambda migration: migration.number,
    )
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise ValueError(f"schema files must be numbered 1, 2, 3...: found {numbers}")
    return tuple(found)


def latest_version() -> int:
    return len(migrations())


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_known(connection: sqlite3.Connection, path: Path, *, needs_latest: bool) -> int:
    """The database's version. Raises StorageError for another program's file, and for a version this program cannot
    use.
    """
    what = "cannot use the database"
    version = version_of(connection)
    if int(connection.execute("PRAGMA application_id").fetchone()[0]) != APPLICATION_ID:
        raise StorageError(what, path, Trouble.FOREIGN, "it is an SQLite file, but not of edge-balancer")
    if version > latest_version():
        why = f"its schema has version {version}, this program knows versions up to {latest_version()}"
        raise StorageError(what, path, Trouble.NEWER, why)
    if needs_latest and version < latest_version():
        raise StorageError(what, path, Trouble.OLDER, f"its schema has version {version}, {latest_version()} is needed")
    return version


def migrate(connection: sqlite3.Connection, path: Path, *, up_to: int | None = None) -> tuple[int, int]:
    """Apply what is missing; returns the version before and after. `connection` must be in autocommit mode."""
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    before = 0 if empty and version_of(connection) == 0 else check_known(connection, path, needs_latest=False)
    for migration in migrations()[before:up_to]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have done it while this one waited for the lock.
            if version_of(connection) < migration.number:
                for statement in migration.statements():
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {migration.number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return before, version_of(connection)
