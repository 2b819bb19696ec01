"""The store for an archive: copied at one moment while its writer goes on, and judged."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_balancer.backup.errors import BackupError
from edge_balancer.storage.errors import StorageError, storage_errors
from edge_balancer.storage.migrations import check_known
from edge_balancer.storage.verify import verify


@dataclass(frozen=True, slots=True)
class Judged:
    """What a whole store says of itself."""

    schema: int
    head: str


def copy(store: Path, out: Path) -> None:
    """Copy a store that may be in use. Raises StorageError.

    In one step and so of one moment: SQLite's copy in parts begins anew at every write of another program. A reader of
    a write-ahead log holds up no writer.
    """
    with storage_errors("cannot copy the database", store):
        store.stat()
        with _unchanged_around(store), closing(_connect(store)) as source, closing(sqlite3.connect(out)) as target:
            check_known(source, store, needs_latest=False)
            source.backup(target, pages=-1)
            # One file, without a log beside it.
            target.execute("PRAGMA journal_mode = DELETE")
        out.chmod(0o600)


def judge(store: Path) -> Judged:
    """Raises BackupError for a store that is damaged, not ours, or newer than this program."""
    try:
        with storage_errors("cannot read the database", store), closing(_connect(store)) as connection:
            schema = check_known(connection, store, needs_latest=False)
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
        if found != ["ok"]:
            raise BackupError(f"the store {store} is damaged: {'; '.join(found)}")
        report = verify(store)
    except StorageError as error:
        raise BackupError(f"the store cannot be used: {error}") from error
    if not report.intact:
        raise BackupError(f"the store's audit trail was changed: {report.findings[0].text}; `audit verify` says more")
    return Judged(schema, str(report.head))


def _connect(store: Path) -> sqlite3.Connection:
    # Where nobody has it open and nothing waits in its log, nothing needs to be made beside it.
    log = _beside(store, "-wal")
    alone = not _beside(store, "-shm").exists() and not (log.exists() and log.stat().st_size)
    uri = store.absolute().as_uri() + ("?mode=ro&immutable=1" if alone else "?mode=ro")
    return sqlite3.connect(uri, uri=True, timeout=10.0, isolation_level=None)


@contextmanager
def _unchanged_around(store: Path) -> Iterator[None]:
    """What reading as root makes beside the store must not be root's: the service could not write to it any more."""
    names = [_beside(store, ending) for ending in ("-wal", "-shm")]
    before = [file for file in names if file.exists()]
    try:
        yield
    finally:
        if os.geteuid() == 0:
            owner = store.stat()
            for file in names:
                if file not in before:
                    with suppress(FileNotFoundError):
                        os.chown(file, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _beside(store: Path, ending: str) -> Path:
    return store.with_name(store.name + ending)
