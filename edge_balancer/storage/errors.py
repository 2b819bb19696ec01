"""What goes wrong with the store, told to people: what happened, where, why, and what to do.

Programming errors (a malformed event, a use from another thread) are not translated: they are not the disk's fault.
"""

from __future__ import annotations

import enum
import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final


class Trouble(enum.StrEnum):
    """Kinds of trouble, each with its own remedy."""

    FULL = "full"
    READ_ONLY = "read_only"
    LOCKED = "locked"
    CORRUPT = "corrupt"
    MISSING = "missing"
    REPLACED = "replaced"
    NEWER = "newer"
    OLDER = "older"
    FOREIGN = "foreign"
    IO = "io"


_REMEDY: Final = {
    Trouble.FULL: "free space on that disk, or lower storage.max_mb",
    Trouble.READ_ONLY: (
        "check that the service's user owns the file and its folder, and that the disk is not mounted read-only "
        "(`dmesg` tells whether the kernel remounted a failing SD card)"
    ),
    Trouble.LOCKED: "another program holds the database: close it (`fuser` on the file names it)",
    Trouble.CORRUPT: (
        "stop the daemon, keep a copy of the file and of its -wal, and put a backup in its place; "
        "`sqlite3 FILE .recover` saves what can still be read"
    ),
    Trouble.MISSING: "check storage.path, that its folder exists and that the user may enter it",
    Trouble.REPLACED: "put the original file back, or restart the daemon to go on with the one that is there",
    Trouble.NEWER: "install the edge-balancer version that wrote it, or a later one",
    Trouble.OLDER: "start the daemon once: it brings the database up to date",
    Trouble.FOREIGN: "point storage.path to another file; this one belongs to another program",
    Trouble.IO: "check the disk (`dmesg`, a quota or file-size limit of the service)",
}


class StorageError(Exception):
    """The store could not do what was asked, and nothing of it was saved."""

    def __init__(self, what: str, where: Path, trouble: Trouble, why: str) -> None:
        super().__init__(f"{what}: {where}: {why}; {_REMEDY[trouble]}")
        self.what = what
        self.where = where
        self.trouble = trouble
        self.why = why


_BY_SQLITE_CODE: Final = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_READONLY: Trouble.READ_ONLY,
    sqlite3.SQLITE_PERM: Trouble.READ_ONLY,
    sqlite3.SQLITE_BUSY: Trouble.LOCKED,
    sqlite3.SQLITE_LOCKED: Trouble.LOCKED,
    sqlite3.SQLITE_PROTOCOL: Trouble.LOCKED,
    sqlite3.SQLITE_CORRUPT: Trouble.CORRUPT,
    sqlite3.SQLITE_NOTADB: Trouble.CORRUPT,
    sqlite3.SQLITE_CANTOPEN: Trouble.MISSING,
}

_BY_ERRNO: Final = {
    errno.ENOSPC: Trouble.FULL,
    errno.EDQUOT: Trouble.FULL,
    errno.EROFS: Trouble.READ_ONLY,
    errno.EACCES: Trouble.READ_ONLY,
    errno.EPERM: Trouble.READ_ONLY,
    errno.ENOENT: Trouble.MISSING,
    errno.ENOTDIR: Trouble.MISSING,
}


def from_sqlite(what: str, where: Path, error: sqlite3.Error) -> StorageError:
    """Judge an SQLite error by its primary result code (the low byte of the extended one)."""
    code = getattr(error, "sqlite_errorcode", None)
    trouble = Trouble.IO if code is None else _BY_SQLITE_CODE.get(code & 0xFF, Trouble.IO)
    name = getattr(error, "sqlite_errorname", "")
    return StorageError(what, where, trouble, f"{error} ({name})" if name else str(error))


def from_os(what: str, where: Path, error: OSError) -> StorageError:
    trouble = _BY_ERRNO.get(error.errno or 0, Trouble.IO)
    return StorageError(what, where, trouble, error.strerror or str(error))


@contextmanager
def storage_errors(what: str, where: Path) -> Iterator[None]:
    """Turn what SQLite and the operating system raise into a StorageError that says what was being done, and where."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except sqlite3.Error as error:
        raise from_sqlite(what, where, error) from error
    except OSError as error:
        raise from_os(what, where, error) from error
