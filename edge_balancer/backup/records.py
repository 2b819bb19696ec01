"""The folder of records that the archives of a folder share: parts written once, found again for a restore, and removed
when no archive names them any more. What is in a part is `parts`' business.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge_balancer.backup import archive, parts
from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.manifest import Part
from edge_balancer.storage.database import sync_folder
from firmware_bridge.host.instance_lock import AlreadyRunning, held

_LEVEL: Final = 6
_CHUNK: Final = 1 << 20
_UNFINISHED: Final = ".writing-"


def folder_of(archives: Path, feeder: str) -> Path:
    """Where the records lie that belong to the archives in a folder."""
    return archives / f"edge-balancer-{feeder}-records"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One backup at a time: another one would remove what this one has written and not named yet. Raises
    BackupError."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        give(folder, folder.parent)
        with held(folder, "another backup writes to this folder", "--folder"):
            yield
    except AlreadyRunning as error:
        raise BackupError(f"backup: {error}") from error
    except FileNotFoundError as error:
        raise BackupError(f"backup: {folder.parent} is not there: make it first") from error


def give(file: Path, folder: Path) -> None:
    """What root writes there by hand belongs to whom the folder belongs: the service goes on with it at night."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(file, owner.st_uid, owner.st_gid, follow_symlinks=False)


def save(folder: Path, found: Iterable[parts.Stretch]) -> tuple[Part, ...]:
    """Write what is not there yet, durably; gives all. What is there and damaged is written anew. Raises
    BackupError."""
    named, written = [], False
    file = folder
    for stretch in found:
        digest = hashlib.sha256(stretch.data).hexdigest()
        part = Part(f"{stretch.group}-{_label(stretch)}-{digest[:16]}.db.gz", len(stretch.data), digest)
        named.append(part)
        file = folder / part.name
        try:
            if not _holds(file, part):
                _write(file, stretch.data)
                written = True
        except OSError as error:
            why = error.strerror or error
            raise BackupError(f"backup: {file}: {why}; no archive was written, what was there is whole") from error
    if written:
        sync_folder(folder / "any")
    return tuple(named)


def thin(folder: Path, archives: Iterable[Path]) -> None:
    """Remove what none of these archives names. With one among them that cannot be read, everything stays. Raises
    BackupError."""
    needed: set[str] = set()
    try:
        for file in archives:
            needed.update(part.name for part in archive.read_manifest(file).parts)
    except BackupError:
        return
    # What was killed while it wrote is not hidden from this either.
    for file in (*folder.glob("*.db.gz"), *folder.glob(f"{_UNFINISHED}*")):
        if file.name not in needed:
            try:
                file.unlink()
            except OSError as error:
                raise BackupError(f"backup: {file}: cannot be removed: {error.strerror}") from error


def complete(store: Path, folder: Path, wanted: Sequence[Part], *, partial: bool) -> tuple[str, ...]:
    """Make the store of an archive whole, from the parts in a folder. Raises BackupError where one is missing or
    damaged; with `partial` telemetry is then left out, and told: names of the parts."""
    left_out: list[str] = []
    try:
        parts.complete(store, _unpacked(folder, wanted, store.with_name("part.db"), left_out, partial=partial))
    except (sqlite3.Error, ValueError) as error:
        raise BackupError(f"restore: {folder}: the records do not fit the archive ({error}); take another") from error
    except OSError as error:
        where, why = error.filename or folder, error.strerror or error
        raise BackupError(f"restore: {where}: {why}; nothing was changed") from error
    return tuple(left_out)


def _unpacked(
    folder: Path, wanted: Sequence[Part], work: Path, left_out: list[str], *, partial: bool
) -> Iterator[Path]:
    for part in wanted:
        try:
            wrong = _unpack(folder / part.name, part, work)
            if not wrong:
                yield work
            elif partial and part.group not in parts.NEEDED:
                left_out.append(part.name)
            else:
                remedy = "copy the whole folder of backups here, or take another archive"
                if part.group not in parts.NEEDED:
                    remedy += "; with --partial this telemetry is left out"
                raise BackupError(f"restore: {folder / part.name} {wrong}: {remedy}")
        finally:
            with suppress(FileNotFoundError):
                work.unlink()


def _unpack(file: Path, part: Part, out: Path) -> str:
    """What is wrong with it; empty where it was unpacked."""
    if not file.is_file():
        return "is missing"
    try:
        with out.open("xb") as target:
            os.fchmod(target.fileno(), 0o600)
            return "" if _same(file, part, target.write) else "is damaged: its hash is another"
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return "is damaged"


def _holds(file: Path, part: Part) -> bool:
    try:
        return _same(file, part, lambda _: None)
    except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error):
        return False


def _same(file: Path, part: Part, take: Callable[[bytes], object]) -> bool:
    """Read a part through and hand on its content; whether it is what its name promises."""
    digest, size = hashlib.sha256(), 0
    with gzip.open(file, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > part.size:
                return False
            digest.update(chunk)
            take(chunk)
    return size == part.size and digest.hexdigest() == part.sha256


def _write(file: Path, data: bytes) -> None:
    new = file.with_name(f"{_UNFINISHED}{file.name}")
    with suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        raw.write(gzip.compress(data, _LEVEL, mtime=0))
        raw.flush()
        os.fsync(raw.fileno())
    give(new, file.parent)
    new.replace(file)


def _label(stretch: parts.Stretch) -> str:
    """How people know it: the first row, or the day on which it begins."""
    if stretch.group in parts.NEEDED:
        return f"{stretch.first:010d}"
    try:
        return datetime.fromtimestamp(stretch.first, UTC).strftime("%Y%m%d")
    except (OverflowError, ValueError, OSError):
        return "0"
