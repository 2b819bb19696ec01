"""The accounts' file as the server sees it, read again whenever it changed; and the one way to change it.

Passwords are hashed elsewhere (`hashing`): here they come hashed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_balancer.dashboard.access import private_file
from edge_balancer.dashboard.access.errors import AccessError
from edge_balancer.dashboard.access.records import EMPTY, Roll, decode, encode
from edge_balancer.logs import get_logger

_log = get_logger(__name__)
_UNSEEN: private_file.Stamp = (-1, -1, -1)


class Accounts:
    """What holds now. A file that cannot be read lets nobody in, and is told once in the log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        """Why the file cannot be read; empty where it can, or where there is none."""
        self._stamp: private_file.Stamp | None = _UNSEEN
        self._roll = EMPTY

    def now(self) -> Roll:
        """As the file says at this moment. Looking whether it changed costs a few microseconds. Raises nothing."""
        try:
            # Stamped before it is read: what changes in between is read again.
            stamp = private_file.stamp(self.path)
        except OSError as error:
            self._stamp = _UNSEEN
            self._refuse(_unreadable(self.path, error))
            return self._roll
        if stamp == self._stamp and not self.fault:
            return self._roll
        try:
            self._roll = load(self.path)
        except AccessError as error:
            self._refuse(str(error))
            return self._roll
        self._stamp = stamp
        if self.fault:
            _log.info("accounts can be read again", file=str(self.path))
            self.fault = ""
        return self._roll

    def _refuse(self, why: str) -> None:
        self._roll = EMPTY
        if why != self.fault:
            _log.error("accounts cannot be read: nobody can log in", reason=why)
        self.fault = why


def load(path: Path) -> Roll:
    """The file's content; empty where there is no file. Raises AccessError."""
    try:
        data = private_file.read(path)
        return EMPTY if data is None else decode(data)
    except OSError as error:
        raise AccessError(_unreadable(path, error)) from error
    except ValueError as error:
        raise AccessError(
            f"accounts: {path}: {error}; put a backup in its place, or remove it and make the accounts anew"
        ) from error


def change(path: Path, step: Callable[[Roll], Roll]) -> Roll:
    """Change the file while nobody else does. What `step` raises passes through, and nothing is changed then."""
    try:
        with private_file.locked(path):
            after = step(load(path))
            private_file.write(path, encode(after))
    except PermissionError as error:
        raise AccessError(
            f"accounts: {path}: cannot be changed by this user ({error.strerror}); do it as root (sudo), "
            "or as the service's user"
        ) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise AccessError(f"accounts: {path}: cannot be changed: {why}; check the folder and the free space") from error
    return after


def _unreadable(path: Path, error: OSError) -> str:
    why = error.strerror or str(error)
    return f"accounts: {path}: cannot be read: {why}; let the service's user own it, or call this as root (sudo)"
