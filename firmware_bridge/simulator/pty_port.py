"""A pseudo terminal that looks to a master like a serial adapter: pulled out, put back, with a name that stays.

Bytes only; what they mean and when they go out is in `pty_line`. Linux.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import termios
import tty
from pathlib import Path
from typing import Final

_SPEEDS: Final = {
    value: int(name[1:]) for name, value in vars(termios).items() if re.fullmatch(r"B\d+", name) and name != "B0"
}
_CONSTANTS: Final = {baud: constant for constant, baud in _SPEEDS.items()}
_INPUT_SPEED: Final = 4
_OUTPUT_SPEED: Final = 5
_CHUNK: Final = 4096


class PtyPort:
    """Not for several threads at once."""

    def __init__(self, baud: int, link: Path | None = None) -> None:
        """`link` is a symbolic link that names the port as long as it is plugged in. Raises FileExistsError where
        something else has that name, FileNotFoundError where its folder is not there."""
        if link is not None and not link.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "cannot be made: make its folder first", str(link))
        if link is not None and link.exists() and not link.is_symlink():
            raise FileExistsError(errno.EEXIST, "is there already and is no link: give another name", str(link))
        self._baud = baud
        self._link = link
        self._ours = self._theirs = -1
        self._name = ""

    @property
    def path(self) -> str:
        """What a master opens."""
        return str(self._link) if self._link is not None else self._name

    @property
    def plugged(self) -> bool:
        return self._ours >= 0

    def fileno(self) -> int:
        return self._ours

    def plug(self) -> None:
        """Appear, as a new terminal; the link leads to it."""
        if self.plugged:
            return
        # The master's end is kept open too: without it, Linux would answer our reads with an error between two masters.
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self._name = os.ttyname(self._theirs)
        self._set_speed()
        if self._link is not None:
            fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self._name)
            fresh.replace(self._link)

    def unplug(self) -> None:
        """Vanish: who has it open gets an error or end of file, and the link is gone."""
        if not self.plugged:
            return
        if self._link is not None and self._link.is_symlink() and str(self._link.readlink()) == self._name:
            self._link.unlink()
        os.close(self._theirs)
        os.close(self._ours)
        self._ours = self._theirs = -1

    def _set_speed(self) -> None:
        attributes = termios.tcgetattr(self._theirs)
        constant = _CONSTANTS.get(self._baud, termios.B9600)
        attributes[_INPUT_SPEED] = attributes[_OUTPUT_SPEED] = constant
        termios.tcsetattr(self._theirs, termios.TCSANOW, attributes)

    def speed(self) -> int | None:
        """The baud rate that the master has set; None for one that has no name in termios."""
        return _SPEEDS.get(termios.tcgetattr(self._theirs)[_OUTPUT_SPEED])

    def read(self) -> bytes:
        """What is there; empty where nothing is."""
        try:
            return os.read(self._ours, _CHUNK)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> int:
        """How many bytes went out: fewer where nobody reads and the buffer is full."""
        try:
            return os.write(self._ours, data)
        except BlockingIOError:
            return 0

    def release(self) -> None:
        """Forget that a master wanted the port for itself alone.

        A real port forgets with its last close. This one is never closed for good, since its other end is open here, so
        a master that ended would lock out the next one. Harmless while one is there: it also holds a lock on the file.
        """
        fcntl.ioctl(self._theirs, termios.TIOCNXCL)
