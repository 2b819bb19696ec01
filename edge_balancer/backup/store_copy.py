"""The store for an archive: copied, or read, as of one moment while its writer goes on, and judged."""

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
from edge_balancer.storage.verify import verify_within


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


@contextmanager
def moment(store: Path) -> Iterator[tuple[sqlite3.Connection, Judged]]:
    """A store that may be in use as it is at this moment, judged; nothing of it is copied. Raises BackupError.

    A writer goes on meanwhile; what it writes stays in its log until the context ends.
    """
    what = "cannot read the database"
    try:
        with storage_errors(what, store):
            before = store.stat()
            alone = _is_alone(store)
            with _unchanged_around(store), closing(_connect(store)) as connection:
                connection.execute("BEGIN")
                yield connection, _judged(store, connection)
            after = store.stat()
            if alone and (
                not _is_alone(store) or (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size)
            ):
                # It was read as a file that rests, and a controller was started meanwhile.
                raise BackupError(f"backup: {store} was changed meanwhile; nothing was written: call it again")
    except StorageError as error:
        raise BackupError(f"the store cannot be used: {error}") from error


def judge(store: Path) -> Judged:
    """Raises BackupError for a store that is damaged, not ours, or newer than this program."""
    with moment(store) as (_, judged):
        return judged


def _judged(store: Path, connection: sqlite3.Connection) -> Judged:
    schema = check_known(connection, store, needs_latest=False)
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise BackupError(f"the store {store} is damaged: {'; '.join(found)}")
    report = verify_within(store, connection)
    if not report.intact:
        raise BackupError(f"the store's audit trail was changed: {report.findings[0].text}; `audit verify` says more")
    return Judged(schema, str(report.head))


def _connect(store: Path) -> sqlite3.Connection:
    # Where nobody has it open and nothing waits in its log, nothing needs to be made beside it.
    uri = store.absolute().as_uri() + ("?mode=ro&immutable=1" if _is_alone(store) else "?mode=ro")
    return sqlite3.connect(uri, uri=True, timeout=10.0, isolation_level=None)


def _is_alone(store: Path) -> bool:
    log = _beside(store, "-wal")
    return not _beside(store, "-shm").exists() and not (log.exists() and log.stat().st_size)


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
