"""What the daemon's tests share: a small feeder's configuration, the daemon in this process, and its trail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from edge_balancer.clock import SystemClock
from edge_balancer.daemon import Daemon
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.trail import read_events
from edge_balancer.types.events import Event, EventKind
from firmware_bridge.host.sd_notify import Notifier
from tests.daemon.field import until
from tests.support.configuration import make_config

POSITIONS = ("L1", "L2", "L3", "L1", "L2", "L3")
"""Where the six houses of the small feeder stand."""
SKEWED = (5000.0, 0.0, 0.0, 5000.0, 0.0, 0.0)
"""Loads that one move improves and no further one does."""
CALM = (0.0,) * 6
QUICK: dict[str, dict[str, Any]] = {
    # One move at a time, as soon as the readings ask for it.
    "decision": {"dwell_s": 0, "smoothing_s": 0, "max_moves": 1, "outage_cooldown_s": 0},
    "switching": {"max_in_flight": 1},
    "alerts": {"confirm_s": 0, "clear_s": 0},
    "log": {"format": "json"},
    # A model takes a third of a second to load.
    "forecast": {"model": "none"},
    # Many run at one time; who tests the page takes a free port.
    "dashboard": {"enabled": False},
}


def sections(port: int, base: str, database: Path, **changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The sections of the small feeder's configuration; `changes` are laid over them."""
    found: dict[str, dict[str, Any]] = {
        "mqtt": {"host": "127.0.0.1", "port": port, "base_topic": base, "client_id": base.replace("/", "-")},
        "storage": {"path": str(database)},
        **QUICK,
    }
    for name, keys in changes.items():
        found[name] = {**found.get(name, {}), **keys}
    return found


def small_feeder(port: int, base: str, database: Path, houses: Any = 6, **changes: dict[str, Any]) -> Configuration:
    return make_config(houses, **sections(port, base, database, **changes))


@asynccontextmanager
async def running(config: Configuration, notifier: Notifier | None = None) -> AsyncIterator[Daemon]:
    """The daemon in this process, stopped in order at the end. What it raises is raised here."""
    stop = asyncio.Event()
    daemon = Daemon(config, SystemClock(), config.storage.path, notifier or Notifier({}))
    task = asyncio.create_task(daemon.run(stop))
    try:
        yield daemon
    finally:
        stop.set()
        await asyncio.wait_for(task, timeout=90.0)


def trail(database: Path, *kinds: EventKind) -> list[Event]:
    """The audit trail, or the rows of some kinds."""
    with open_reader(database) as connection:
        return [row.event for row in read_events(connection, kinds=frozenset(kinds) or None)]


async def recorded(database: Path, kind: EventKind, number: int = 1) -> list[Event]:
    """The rows of a kind once there are that many."""
    found: list[Event] = []

    def enough() -> bool:
        found[:] = trail(database, kind) if database.exists() else []
        return len(found) >= number

    await until(enough, f"{number} rows of kind {kind} in the trail")
    return found
