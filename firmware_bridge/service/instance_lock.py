"""One bridge per memory of the switches: a lock on a file beside it, held while the bridge runs.

The kernel holds it, so it ends with the process however that ends; the file that remains says nothing. Commands that
only order a lock-out run beside the bridge and do not take it.
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
    """Another process drives the switches of this memory."""


@contextmanager
def held(state: Path) -> Iterator[None]:
    """For the length of the context these switches are ours.

    Raises AlreadyRunning. Where no such file can be made or locked (a read-only folder) a warning must do.
    """
    real = state.resolve()
    file = real.with_name(f"{real.name}.lock")
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        _log.warning("a second bridge on %s would not be noticed: no lock %s: %s", state, file, error.strerror)
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"another process drives these switches: it holds {file}; stop that one first (`fuser {file}` names "
                "it), or give this one a bridge.state of its own"
            ) from error
        except OSError as error:
            _log.warning("a second bridge on %s would not be noticed: no lock %s: %s", state, file, error.strerror)
        yield
    finally:
        os.close(descriptor)
