"""Small files that only the service's user may read: written whole or not at all, on disk when the writing returns.

What is in them is for others to say.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from edge_balancer.storage.database import sync_folder

MODE: Final = 0o600
MOST_BYTES: Final = 1024 * 1024
LOCK_PATIENCE_S: Final = 10.0
_LOCK_LOOK_S: Final = 0.05

Stamp = tuple[int, int, int]
"""What changes with every writing: inode, time, size."""


def stamp(path: Path) -> Stamp | None:
    """None where there is no such file. Raises OSError where it cannot be known."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read(path: Path) -> bytes | None:
    """None where there is no such file. Raises OSError, also for a file that is far too large to be ours."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > MOST_BYTES:
        raise OSError(f"it is larger than {MOST_BYTES // 1024} KiB")
    return data


def write(path: Path, data: bytes) -> None:
    """Put a new file in the place of the old. Raises OSError; the old one then stays.

    A link that stands there is replaced and not followed: root may be writing in a folder of the service's user.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _give_to_owner(file.fileno(), path)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    sync_folder(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else changes the file meanwhile. Raises OSError where the lock cannot be had in good time."""
    descriptor = os.open(
        path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE
    )
    try:
        _give_to_owner(descriptor, path)
        until = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise OSError("another program has been changing it for too long") from error
                time.sleep(_LOCK_LOOK_S)
        yield
    finally:
        os.close(descriptor)


def _give_to_owner(descriptor: int, path: Path) -> None:
    """What root writes (`sudo edge-balancer account add`), the service must be able to read: it goes to whoever owns
    the folder."""
    if os.geteuid() != 0:
        return
    owner = path.parent.stat()
    os.fchown(descriptor, owner.st_uid, owner.st_gid)
