"""What a long command is doing, on standard error: one line that changes on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


class ProgressLine:
    """Call it with what is being done. Off a terminal at most one line every `quiet_s` seconds is written."""

    def __init__(self, quiet_s: float) -> None:
        self._terminal = sys.stderr.isatty()
        self._quiet_s = quiet_s
        self._last = -quiet_s
        self._open = False

    def __call__(self, text: str) -> None:
        if self._terminal:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self._open = True
        elif time.monotonic() - self._last >= self._quiet_s:
            self._last = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def of(self, what: str) -> Callable[[str], None]:
        """The same line, telling of `what`."""
        return lambda text: self(f"{what}: {text.strip()}")

    def end(self) -> None:
        """Take the changing line away."""
        if self._open:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._open = False
