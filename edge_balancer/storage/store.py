"""The store: one SQLite file, used synchronously from one thread (`thread` gives it to an event loop).

Writes the trail and telemetry, answers what a restart needs, thins old telemetry. Whatever fails raises StorageError,
and then nothing of that call was saved.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage import minutes as minute_rows
from edge_balancer.storage import projection, retention, trail
from edge_balancer.storage.chain import Head, canonical_json
from edge_balancer.storage.database import open_writer, sync_folder, transaction
from edge_balancer.storage.errors import StorageError, Trouble, storage_errors
from edge_balancer.storage.migrations import migrate
from edge_balancer.storage.restore import load_state, restore
from edge_balancer.storage.retention import Thinned
from edge_balancer.types.events import Event
from edge_balancer.types.ports import Restored
from edge_balancer.types.snapshot import MinuteMean, MinuteOfFeeder


class Store:
    """An open database. Must be used from the thread that opened it."""

    def __init__(
        self, path: Path, settings: StorageSettings, trail_connection: sqlite3.Connection, telemetry: sqlite3.Connection
    ) -> None:
        """For `open`, which is how a store is made."""
        self.path = path
        self._settings = settings
        self._trail = trail_connection
        self._telemetry = telemetry
        self._names = minute_rows.SeriesNames()
        opened = path.stat()
        self._identity = (opened.st_dev, opened.st_ino)

    @classmethod
    def open(cls, path: Path, settings: StorageSettings) -> Self:
        """Open or create the database at `path` and bring its schema up to date."""
        with storage_errors("cannot open the database", path):
            is_new = not path.exists()
            trail_connection = open_writer(path, "FULL")
            try:
                migrate(trail_connection, path)
                if is_new:
                    sync_folder(path)
                telemetry = open_writer(path, "NORMAL")
            except BaseException:
                trail_connection.close()
                raise
            return cls(path, settings, trail_connection, telemetry)

    def append(self, events: Sequence[Event]) -> int:
        """Write events to the trail, all or none; they survive a loss of power once this returns. Gives the last row's
        number.

        Raises ValueError for an event that cannot be recorded, before anything is written.
        """
        for event in events:
            projection.check(event)
        with self._guarded("cannot write the audit trail"), transaction(self._trail):
            first = trail.read_head(self._trail).seq + 1
            head = trail.append_events(self._trail, events)
            projection.project(self._trail, events, first)
        return head.seq

    def write_minutes(self, minutes: Sequence[MinuteMean], feeder: Sequence[MinuteOfFeeder]) -> None:
        """Write minute means, all or none. Not synced: a loss of power can take the last batches."""
        with self._guarded("cannot write telemetry"):
            with transaction(self._telemetry):
                numbers = minute_rows.insert_minutes(self._telemetry, minutes, feeder, self._names)
            self._names.committed(numbers)

    def save_state(self, key: str, value: Any) -> None:
        """Keep a JSON-able value under a key. As durable as telemetry."""
        if key in projection.RESERVED_KEYS:
            raise ValueError(f"state {key!r} follows from the audit trail and cannot be set")
        with self._guarded("cannot save state"), transaction(self._telemetry):
            self._telemetry.execute(
                "INSERT INTO state (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (key, canonical_json(value)),
            )

    def load_state(self, key: str) -> Any:
        """The value last saved under a key; None where there is none."""
        with self._guarded("cannot read state"):
            return load_state(self._telemetry, key)

    def restore(self, now_wall: float, *, synced: bool = True) -> Restored:
        """What the engine must know from before; `after_outage` is left for the caller to set. `synced`: whether
        `now_wall` can be trusted.
        """
        with self._guarded("cannot read what was before"):
            return restore(self._trail, now_wall, synced=synced)

    def head(self) -> Head:
        """Where the trail ends."""
        with self._guarded("cannot read the audit trail"):
            return trail.read_head(self._trail)

    def holds(self, head: Head) -> bool:
        """Whether the trail has this row: false for a file that is not the one it was written to."""
        if head.seq == 0:
            return True
        with self._guarded("cannot read the audit trail"):
            row = self._trail.execute("SELECT hash FROM trail WHERE seq = ?", (head.seq,)).fetchone()
            return row is not None and row[0] == head.hash

    def thin(self, now_wall: float) -> Thinned:
        """One bounded piece of ageing; call again while its `more` is true, and only with a wall clock that can be
        trusted.
        """
        with self._guarded("cannot thin telemetry"):
            return retention.thin(self._telemetry, self._settings, now_wall)

    def size_bytes(self) -> int:
        """What the database and its write-ahead log take on the disk."""
        with storage_errors("cannot measure the database", self.path):
            wal = self.path.with_name(self.path.name + "-wal")
            return self.path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)

    def close(self) -> None:
        """Close; the last one to close carries the write-ahead log over into the file."""
        with storage_errors("cannot close the database", self.path):
            try:
                self._telemetry.close()
            finally:
                self._trail.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        # An open file that was deleted or replaced takes every write and keeps none that anyone will find.
        try:
            now = self.path.stat()
            in_place = (now.st_dev, now.st_ino) == self._identity
        except OSError:
            in_place = False
        if not in_place:
            raise StorageError(what, self.path, Trouble.REPLACED, "the file was removed or replaced while it was open")
        with storage_errors(what, self.path):
            yield
