"""A machine comes up without the time: the daemon controls, and what it records is placed when the time arrives."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import pytest

from edge_balancer.daemon import Daemon
from edge_balancer.demo.broker import Broker
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.trail import read_events
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import EventKind
from firmware_bridge.host.sd_notify import Notifier
from tests.daemon.daemon_cases import POSITIONS, SKEWED, recorded, small_feeder
from tests.daemon.field import field_at, fresh_base

BEHIND_S: Final = 7_200.0


class LateClock:
    """The machine's clock, two hours behind until it is told the time."""

    speed = 1.0

    def __init__(self) -> None:
        self.right = False

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time() - (0.0 if self.right else BEHIND_S)

    def synced(self) -> bool:
        return self.right


async def test_a_move_from_before_the_time_was_known_is_placed_when_it_arrives(broker: Broker, tmp_path: Path) -> None:
    base, database, clock = fresh_base(), tmp_path / "eb.db", LateClock()
    config = small_feeder(broker.port, base, database)
    stop, began = asyncio.Event(), time.time()
    async with field_at(broker.port, base) as field:
        daemon = asyncio.create_task(Daemon(config, clock, database, Notifier({})).run(stop))
        try:
            await field.see("availability", lambda m: m.text == "online")
            field.present(*POSITIONS)
            field.loads(*SKEWED)
            (planned, *_) = await recorded(database, EventKind.PLANNED)
            assert not planned.synced
            assert planned.wall < began - BEHIND_S / 2
            clock.right = True
            (arrived,) = await recorded(database, EventKind.CLOCK)
        finally:
            stop.set()
            await asyncio.wait_for(daemon, 30.0)
    assert arrived.synced
    with open_reader(database) as connection:
        rows = list(read_events(connection))
    boots = [row.event.body["boot"] for row in rows if row.event.kind in (EventKind.STARTED, EventKind.CLOCK)]
    assert len(boots) == 2
    assert len(set(boots)) == 1
    for row in rows:
        assert began - 1.0 < row.event.wall <= time.time() + 1.0, row
    before = [row for row in rows if not row.event.synced]
    assert {EventKind.STARTED, EventKind.DECISION, EventKind.PLANNED} <= {row.event.kind for row in before}
    for row in before:
        assert row.event.wall - row.said == pytest.approx(BEHIND_S, abs=1.0)
    assert verify(database).intact
