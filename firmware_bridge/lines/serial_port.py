"""Opens a serial port for one owner alone, and says plainly why it cannot be opened.

A pseudo terminal serves too (simulators, tests). Reading and writing is in `stream`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import termios
from contextlib import suppress
from pathlib import Path
from typing import Final

import serial

from firmware_bridge.errors import LineDown
from firmware_bridge.lines.stream import Stream
from firmware_bridge.settings.devices import LineSettings

BY_ID: Final = Path("/dev/serial/by-id")
_PARITY: Final = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_PTY_MAJORS: Final = range(136, 144)
"""Linux: /dev/pts."""
_BUSY: Final = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)


async def open_serial(settings: LineSettings) -> Stream:
    """Raises LineDown with what is wrong and what to do."""
    path = settings.port
    try:
        # Modbus has no flow control. inter_byte_timeout=0 sets VMIN to 1, without which a read of nothing looks like
        # the end of the file.
        port = serial.Serial(
            path,
            baudrate=settings.baud,
            parity=_PARITY[settings.parity],
            stopbits=settings.stop_bits,
            timeout=0,
            inter_byte_timeout=0,
            exclusive=True,
        )
    except serial.SerialException as error:
        # pyserial hides the system's number in the cause where the port could be opened and not configured.
        code = error.errno
        if code is None and isinstance(error.__context__, termios.error):
            code = error.__context__.args[0]
        raise LineDown(_why(path, code, str(error))) from error
    except (OSError, ValueError, termios.error) as error:
        raise LineDown(_why(path, getattr(error, "errno", None), str(error))) from error
    fd = port.fileno()
    pseudo = os.major(os.fstat(fd).st_rdev) in _PTY_MAJORS
    if not pseudo:
        _keep_others_out(path, port)
        # Adapters that collect bytes for 16 ms hand them over at once; not every driver has it.
        with suppress(ValueError, OSError):
            port.set_low_latency_mode(True)

    def close() -> None:
        # What has not left yet would hold the closing up for as long as the driver waits for it.
        with suppress(OSError, termios.error):
            termios.tcflush(fd, termios.TCOFLUSH)
        port.close()

    return Stream(fd, close, paced=not pseudo)


def _keep_others_out(path: str, port: serial.Serial) -> None:
    """Programs that look at no lock either. Not on a pseudo terminal, which would keep it after its owner was killed.

    Root is not kept out by it, only by the lock.
    """
    try:
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    except OSError as error:
        port.close()
        raise LineDown(_why(path, error.errno, str(error))) from error


def _why(path: str, code: int | None, text: str) -> str:
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{path} is not there: {_what_is_there()}"
    if code in (errno.EACCES, errno.EPERM):
        return f"{path} may not be opened: put the user into the group dialout (sudo adduser USER dialout)"
    if code in _BUSY:
        return f"{path} is busy: another process holds it; `fuser -v {path}` names it"
    with suppress(OSError):
        mode = Path(path).stat().st_mode
        if not stat.S_ISCHR(mode) or code in (errno.ENOTTY, errno.EINVAL):
            return f"{path} is not a serial port: {_what_is_there()}"
    return f"{path} cannot be opened: {text}"


def _what_is_there() -> str:
    try:
        names = sorted(entry.name for entry in BY_ID.iterdir())
    except OSError:
        names = []
    if not names:
        return f"there is no adapter under {BY_ID}; plug it in, and look with `ls -l {BY_ID}`"
    return f"give one of {BY_ID}: " + ", ".join(names)
