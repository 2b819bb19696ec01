"""The daemon of the bench `day`, in a process of its own, on the clock of the process that plays the feeder.

    day_daemon.py CONFIGURATION SPEED WALL MONOTONIC

The configuration is a pickle; WALL is the Unix time that the faster clock shows at MONOTONIC of the machine's own.
"""

from __future__ import annotations

import asyncio
import pickle
import signal
import sys
import time
from pathlib import Path

from edge_balancer.daemon import Daemon
from edge_balancer.logs import configure
from edge_balancer.settings.policy import LogSettings
from edge_balancer.settings.root import Configuration


class SharedClock:
    """A faster clock whose beginning another process has fixed: the machine's monotonic clock is the same for both."""

    def __init__(self, speed: float, wall: float, monotonic: float) -> None:
        self.speed = speed
        self._wall, self._at = wall, monotonic

    def monotonic(self) -> float:
        return self._at + (time.monotonic() - self._at) * self.speed

    def wall(self) -> float:
        return self._wall + (time.monotonic() - self._at) * self.speed

    def synced(self) -> bool:
        return True


async def _run(daemon: Daemon) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await daemon.run(stop)


def main() -> None:
    file, speed, wall, monotonic = Path(sys.argv[1]), *map(float, sys.argv[2:5])
    # Written by the bench that starts us.
    config: Configuration = pickle.loads(file.read_bytes())  # noqa: S301
    configure(LogSettings(level="info", format="json"))
    asyncio.run(_run(Daemon(config, SharedClock(speed, wall, monotonic), config.storage.path)))


if __name__ == "__main__":
    main()
