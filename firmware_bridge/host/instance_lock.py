"""One process per file: a lock beside it, held for the life of the process.

The kernel holds it, so it ends with the process however that ends; the lock's file, which remains, says nothing. Not a
lock on the file itself: commands that only read it run beside its owner.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_bridge.errors import BridgeError

_log = logging.getLogger(__name__)


class AlreadyRunning(BridgeError):  # noqa: N818 - it says what is the case, and no part of us is wrong
    """Another process owns this file."""


def lock_file(guarded: Path) -> Path:
    """The file that is locked; the same one by whatever links the guarded file is named."""
    real = guarded.resolve()
    return real.with_name(f"{real.name}.lock")


def take(guarded: Path, who: str, key: str) -> int | None:
    """Lock a file for this process, until it ends or the file descriptor given back is closed.

    `who` says what the other process does ("another edge-balancer controls with this store"), `key` is the setting that
    names the file. None, with a warning, where no lock can be had (a read-only folder): a second start is then not
    noticed. Raises AlreadyRunning where another process holds the lock.
    """
    file = lock_file(guarded)
    try:
        # Reading is all that a lock needs: a file that another user has made will do.
        descriptor = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        _warn(guarded, file, error)
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunning(
            f"{who}: it holds {file}; stop that one first (`fuser {file}` names it), or give this one a {key} of its "
            "own"
        ) from error
    except OSError as error:
        os.close(descriptor)
        _warn(guarded, file, error)
        return None
    return descriptor


@contextmanager
def held(guarded: Path, who: str, key: str) -> Iterator[None]:
    """For the length of the context the file is ours. Raises as `take`."""
    descriptor = take(guarded, who, key)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _warn(guarded: Path, file: Path, error: OSError) -> None:
    _log.warning("a second process on %s would not be noticed: no lock %s: %s", guarded, file, error.strerror)
