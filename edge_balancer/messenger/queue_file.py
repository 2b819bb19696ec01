"""Telling's memory on disk: one SQLite file beside the store, written before a message leaves. Crash-only.

Small named rows; what they mean is for `edge_balancer.alerts.telling.state`. Used from one thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge_balancer.storage.database import open_writer, sync_folder, transaction
from edge_balancer.storage.errors import StorageError, Trouble, storage_errors

APPLICATION_ID: Final = 0x4542_4D51  # "EBMQ"
VERSION: Final = 1


def beside(store: Path) -> Path:
    """Where the queue of a store is: in its folder, so that both go and stay together."""
    return store.with_name(f"{store.stem}-alerts.db")


class QueueFile:
    """The open file. Raises StorageError, also where the file is damaged or another program's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with storage_errors("cannot open the queue of alerts", path):
            self._connection = open_writer(path, "FULL")
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def load(self) -> dict[str, bytes]:
        with storage_errors("cannot read the queue of alerts", self.path):
            return {str(name): bytes(row) for name, row in self._connection.execute("SELECT name, row FROM rows")}

    def save(self, changed: Mapping[str, bytes], gone: Collection[str]) -> None:
        """All of it or nothing; on disk when it returns."""
        with storage_errors("cannot write the queue of alerts", self.path), transaction(self._connection):
            self._connection.executemany(
                "INSERT INTO rows (name, row) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET row = excluded.row",
                list(changed.items()),
            )
            self._connection.executemany("DELETE FROM rows WHERE name = ?", [(name,) for name in gone])

    def close(self) -> None:
        with storage_errors("cannot close the queue of alerts", self.path):
            self._connection.close()

    def _prepare(self) -> None:
        execute = self._connection.execute
        (application,) = execute("PRAGMA application_id").fetchone()
        (version,) = execute("PRAGMA user_version").fetchone()
        empty = not execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        if not empty and (application, version) != (APPLICATION_ID, VERSION):
            why = f"it is another program's, or another version's (application {application:#x}, version {version})"
            raise StorageError("cannot open the queue of alerts", self.path, Trouble.CORRUPT, why)
        if empty:
            with transaction(self._connection):
                execute("CREATE TABLE rows (name TEXT PRIMARY KEY, row BLOB NOT NULL) WITHOUT ROWID")
                execute(f"PRAGMA application_id = {APPLICATION_ID}")
                execute(f"PRAGMA user_version = {VERSION}")
            sync_folder(self.path)
        found = execute("PRAGMA quick_check(1)").fetchone()
        if found is None or found[0] != "ok":
            why = f"it is damaged: {'' if found is None else found[0]}"
            raise StorageError("cannot open the queue of alerts", self.path, Trouble.CORRUPT, why)


def set_aside(path: Path, wall: float) -> Path:
    """Move a damaged file, and what belongs to it, out of the way. Gives its new name; raises OSError."""
    aside = path.with_name(f"{path.name}.damaged-{int(wall)}")
    for ending in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return aside


def read_rows(path: Path) -> dict[str, bytes]:
    """The rows of a queue that may be in use; none where there is no file. Raises StorageError."""
    if not path.exists():
        return {}
    with storage_errors("cannot read the queue of alerts", path):
        # Nobody has it open: a reader that made the shared file anew would leave it there under its own user's name.
        closed = not path.with_name(f"{path.name}-shm").exists()
        uri = path.absolute().as_uri() + ("?mode=ro&immutable=1" if closed else "?mode=ro")
        connection = sqlite3.connect(uri, uri=True)
        try:
            return {str(name): bytes(row) for name, row in connection.execute("SELECT name, row FROM rows")}
        finally:
            connection.close()
