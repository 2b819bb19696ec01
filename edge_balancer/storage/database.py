"""How the file is opened: for writing by the daemon's storage thread, or for reading only by anyone.

Writers use two connections in one thread: the trail's with `synchronous=FULL`, so that a row that was accepted survives
a power cut; telemetry's with NORMAL, which costs no sync per batch and can lose the last batches, never the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from edge_balancer.storage.errors import from_sqlite, storage_errors
from edge_balancer.storage.migrations import check_known

BUSY_TIMEOUT_S: Final = 1.0
"""How long a write waits for another program's lock: longer would hold up commands, which wait for their journal
entry.
"""

# What the write-ahead log is cut back to after a checkpoint; SQLite's automatic checkpoint comes at about 4 MB.
_WAL_LIMIT_BYTES: Final = 8_000_000
# Per connection. The daemon's memory is tight, and its writes touch few pages.
_CACHE_KIB: Final = 1024


def open_writer(path: Path, synchronous: Literal["FULL", "NORMAL"]) -> sqlite3.Connection:
    """A connection in autocommit mode; creates the file where there is none (its folder must exist)."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        # Before anything is written: it is fixed at the first table. Lets retention give pages back bit by bit.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        # Debian's SQLite overwrites what is deleted, page by page: twice the writes for what is saved anew every hour.
        # FAST does so only where the page is written anyhow.
        connection.execute("PRAGMA secure_delete = FAST")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def open_reader(path: Path, *, needs_latest: bool = True) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, for a live database, a copy, or a file on read-only media.

    Raises StorageError when it cannot be read, or is not of a version that this program can use. `sqlite3` errors
    inside the block are translated too.
    """
    what = "cannot read the database"
    with storage_errors(what, path):
        path.stat()
        connection = _connect_for_reading(path)
    try:
        # A tampered text must reach the verifier as it is, not as an exception of the driver.
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        check_known(connection, path, needs_latest=needs_latest)
        yield connection
    except sqlite3.Error as error:
        # Only the database's own errors: the block may do other input and output.
        raise from_sqlite(what, path, error) from error
    finally:
        connection.close()


def _connect_for_reading(path: Path) -> sqlite3.Connection:
    uri = path.absolute().as_uri() + "?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        # A WAL database needs its -shm file. Where it can be neither read nor made (a read-only disk), the file alone
        # may be read as immutable, unless a write-ahead log beside it holds what the file lacks.
        wal = path.with_name(path.name + "-wal")
        if wal.exists() and wal.stat().st_size > 0:
            raise
        return sqlite3.connect(uri + "&immutable=1", uri=True, isolation_level=None)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. After an error nothing of the block is in the file."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors (a full disk), and an error here would hide the first one.
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


def sync_folder(path: Path) -> None:
    """Make a new file's name durable, not only its contents."""
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
