"""A Mosquitto of a test's own, that it may stop, start again and configure. Skips where Mosquitto is not installed."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from edge_balancer.demo.broker import find_mosquitto

_START_S = 10.0


class PrivateBroker:
    """Stopped at first; always on the same port. `more` are further lines of its configuration."""

    def __init__(self, folder: Path, port: int, more: str = "allow_anonymous true") -> None:
        program = find_mosquitto()
        if program is None:
            pytest.skip("needs Mosquitto")
        self.port = port
        self._program = program
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {port} 127.0.0.1\n{more}\nmax_queued_messages 10000\nlog_dest none\n"
            f"persistence true\npersistence_location {folder}/\nuser root\n"
        )
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._child = subprocess.Popen([self._program, "-c", str(self._config)], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                    return
            except OSError:
                assert self._child.poll() is None, f"mosquitto ended with {self._child.returncode}"
                time.sleep(0.01)
        raise AssertionError("mosquitto does not accept connections")

    def stop(self) -> None:
        """End it in order: what is retained is on disk and comes back at the next start."""
        child, self._child = self._child, None
        if child is not None:
            child.terminate()
            child.wait(30.0)

    def forget(self) -> None:
        """Lose everything that is retained, as a broker without a disk does. While it is stopped."""
        assert self._child is None
        (self._config.parent / "mosquitto.db").unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
