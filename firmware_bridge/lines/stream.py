"""A line's bytes: an open file descriptor, a serial port's or a socket's, read by the event loop without a thread.

Opening is in `serial_port` and `socket_port`. Knows nothing of frames, and never waits.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_CHUNK: Final = 4096


class Stream:
    """Bytes in and out. `close` may be called twice; after `on_lost` nothing more arrives."""

    def __init__(self, fd: int, close: Callable[[], None], *, paced: bool) -> None:
        self.paced: Final = paced
        """Whether bytes take their time on a wire at the settings' baud rate, so that none can come before it."""
        self._fd = fd
        self._close = close
        self._loop = asyncio.get_running_loop()
        self._on_bytes: Callable[[bytes], None] | None = None
        self._on_lost: Callable[[str], None] | None = None
        self._open = True

    def listen(self, on_bytes: Callable[[bytes], None], on_lost: Callable[[str], None]) -> None:
        """From now on bytes are handed over as they come, and the reason once the line is gone."""
        self._on_bytes = on_bytes
        self._on_lost = on_lost
        self._loop.add_reader(self._fd, self.poll)

    def poll(self) -> None:
        """Hand over what the kernel holds now."""
        if not self._open or self._on_bytes is None:
            return
        try:
            data = os.read(self._fd, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error.strerror or str(error))
            return
        if data:
            self._on_bytes(data)
        else:
            self._lost("the other end is gone")

    def write(self, data: bytes) -> None:
        """Send it all at once: frames are short against any port's buffer. Where it is not taken the line is lost."""
        if not self._open:
            return
        try:
            taken = os.write(self._fd, data)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self._lost(error.strerror or str(error))
            return
        if taken != len(data):
            self._lost("it takes no more bytes: what was sent before is stuck in its buffer")

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._fd)
        with suppress(OSError):
            self._close()

    def _lost(self, reason: str) -> None:
        on_lost = self._on_lost
        self.close()
        if on_lost is not None:
            on_lost(reason)
