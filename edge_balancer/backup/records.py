"""The folder of records that the archives of a folder share: parts written once, found again for a restore, and removed
when no archive names them any more. What is in a part is `parts`' business, how it is a file `part_files`'.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge_balancer.backup import archive, part_files, parts
from edge_balancer.backup.errors import BackupError, ForeignError
from edge_balancer.backup.manifest import Part
from edge_balancer.backup.part_files import ENDING, UNFINISHED, Damaged
from edge_balancer.storage.database import sync_folder
from firmware_bridge.host.instance_lock import AlreadyRunning, held

_DISK: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM}
)
"""Of SQLite's codes those that say nothing about the rows."""


def folder_of(archives: Path, feeder: str) -> Path:
    """Where the records lie that belong to the archives in a folder."""
    return archives / f"edge-balancer-{feeder}-records"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One backup at a time: another one would remove what this one has written and not named yet. What one that was
    killed has left half written is cleared away. Raises BackupError."""
    with ExitStack() as stack:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            give(folder, folder.parent)
            stack.enter_context(held(folder, "another backup writes to this folder", "--folder"))
        except AlreadyRunning as error:
            raise BackupError(f"backup: {error}") from error
        except FileNotFoundError as error:
            raise BackupError(f"backup: {folder.parent} is not there: make it first") from error
        except (FileExistsError, NotADirectoryError) as error:
            where = folder if folder.parent.is_dir() else folder.parent
            raise BackupError(f"backup: {where} is no folder: move it away, or give another --folder") from error
        except OSError as error:
            raise BackupError(f"backup: {folder}: {error.strerror or error}; nothing was written") from error
        for left in folder.glob(f"{UNFINISHED}*"):
            with suppress(OSError):
                left.unlink()
        yield


@contextmanager
def undone_without(out: Path, folder: Path) -> Iterator[None]:
    """Where the context fails before the archive is there, what it has brought into the folder goes again: parts that
    no archive names would fill the disk for nothing. What it has repaired stays, since older archives need it."""
    before = {file.name for file in _part_files(folder)}
    try:
        yield
    except BaseException:
        if not out.exists():
            for file in _part_files(folder):
                if file.name not in before:
                    with suppress(OSError):
                        file.unlink()
        raise


def give(file: Path, folder: Path) -> None:
    """What root writes there by hand belongs to whom the folder belongs: the service goes on with it at night."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(file, owner.st_uid, owner.st_gid, follow_symlinks=False)


def save(folder: Path, found: Iterable[parts.Stretch], reserve: Callable[[int], None]) -> tuple[Part, ...]:
    """Write what is not there yet, durably; gives all. What is there and damaged is written anew. `reserve` is asked
    before so many bytes are written, and may raise. Raises BackupError."""
    named, written = [], False
    for stretch in found:
        digest = hashlib.sha256(stretch.data).hexdigest()
        part = Part(f"{stretch.group}-{_label(stretch)}-{digest[:16]}{ENDING}", len(stretch.data), digest)
        named.append(part)
        file = folder / part.name
        try:
            if not part_files.holds(file, part):
                packed = part_files.packed(stretch.data)
                reserve(len(packed))
                part_files.write(file, packed, lambda new: give(new, folder))
                written = True
        except OSError as error:
            why = error.strerror or error
            raise BackupError(f"backup: {file}: {why}; no archive was written, what was there is whole") from error
    if written:
        sync_folder(folder / "any")
    return tuple(named)


def thin(folder: Path, archives: Iterable[Path]) -> tuple[str, ...]:
    """Remove what none of these archives names. With one among them that cannot be read, everything stays; gives why.
    What is no archive of ours names nothing. Raises BackupError."""
    needed: set[str] = set()
    unread: list[str] = []
    for file in archives:
        try:
            needed.update(part.name for part in archive.read_manifest(file).parts)
        except ForeignError:
            continue
        except BackupError as error:
            unread.append(f"{file} ({error.__cause__ or error})")
    if unread:
        return tuple(unread)
    for file in _part_files(folder):
        if file.name not in needed:
            try:
                file.unlink()
            except OSError as error:
                raise BackupError(f"backup: {file}: cannot be removed: {error.strerror}") from error
    return ()


def complete(store: Path, folder: Path, wanted: Sequence[Part], *, partial: bool) -> tuple[str, ...]:
    """Make the store of an archive whole, from the parts in a folder. Raises BackupError where one is missing or
    damaged; with `partial` telemetry is then left out, and told: names of the parts."""
    left_out: list[str] = []
    try:
        parts.complete(store, _unpacked(folder, wanted, store.with_name("part.db"), left_out, partial=partial))
    except (sqlite3.Error, ValueError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _DISK:
            raise BackupError(
                f"restore: {store.parent}: the records cannot be unpacked there ({error}): make room on that disk; "
                "nothing was changed"
            ) from error
        raise BackupError(f"restore: {folder}: the records do not fit the archive ({error}); take another") from error
    except OSError as error:
        where, why = error.filename or store.parent, error.strerror or error
        raise BackupError(f"restore: {where}: {why}; nothing was changed") from error
    return tuple(left_out)


def _part_files(folder: Path) -> list[Path]:
    """What is in the folder and ours."""
    return [*folder.glob(f"*{ENDING}")]


def _unpacked(
    folder: Path, wanted: Sequence[Part], work: Path, left_out: list[str], *, partial: bool
) -> Iterator[Path]:
    for part in wanted:
        try:
            part_files.unpack(folder / part.name, part, work)
            yield work
        except Damaged as wrong:
            if part.group in parts.NEEDED:
                more = "; --without-records restores settings, models, accounts and keys, and leaves the store alone"
            elif partial:
                left_out.append(part.name)
                continue
            else:
                more = "; with --partial this telemetry is left out"
            raise BackupError(
                f"restore: {folder / part.name} {wrong}: copy the whole folder of backups here, or take another "
                f"archive{more}"
            ) from wrong
        finally:
            with suppress(FileNotFoundError):
                work.unlink()


def _label(stretch: parts.Stretch) -> str:
    """How people know it: the first row, or the day on which it begins."""
    if stretch.group in parts.NEEDED:
        return f"{stretch.first:010d}"
    try:
        return datetime.fromtimestamp(stretch.first, UTC).strftime("%Y%m%d")
    except (OverflowError, ValueError, OSError):
        return "0"
