"""One controller per store: a lock on a file beside the database, held for the life of the process.

The kernel holds it, so it ends with the process however that ends; the file that remains says nothing. Not a lock on
the database: commands that only read it run beside the daemon.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.logs import get_logger

_log = get_logger(__name__)


class AlreadyRunning(EdgeBalancerError):  # noqa: N818 -- it says what is the case, and no part of us is wrong
    """Another process controls with this store."""


def lock_file(database: Path) -> Path:
    """The file that is locked; the same one by whatever links the database is named."""
    real = database.resolve()
    return real.with_name(f"{real.name}.lock")


def take(database: Path) -> int | None:
    """Lock the store for this process, until it ends or the file descriptor given back is closed.

    None, with a warning, where no such file can be made or locked (a read-only folder): a second start is then not
    noticed. Raises AlreadyRunning where another process holds the lock.
    """
    file = lock_file(database)
    try:
        # Reading is all that a lock needs: a file that another user has made will do.
        descriptor = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        _warn(file, error)
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunning(
            f"another edge-balancer controls with this store: it holds {file}; stop that one first (`fuser {file}` "
            "names it), or give this one a storage.path of its own"
        ) from error
    except OSError as error:
        os.close(descriptor)
        _warn(file, error)
        return None
    return descriptor


def _warn(file: Path, error: OSError) -> None:
    _log.warning("a second start on this store would not be noticed: no lock", file=str(file), error=error.strerror)
