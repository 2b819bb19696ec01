"""The rig of the kill test: a loaded feeder, an independent observer of the wire, what must hold after each kill."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.clock import SystemClock
from edge_balancer.storage.chain import TrailRow
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.trail import read_rows
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import EventKind
from firmware_bridge.contract import Phase
from firmware_bridge.switches.interlock_types import InterlockLimits
from firmware_bridge.switches.virtual import Behaviour, VirtualSwitches

HOUSES = 20
METER_PERIOD_S = 0.1
RESOLVED = frozenset({EventKind.ACKNOWLEDGED, EventKind.VERIFIED, EventKind.FAILED, EventKind.TIMED_OUT})

LOAD: dict[str, dict[str, Any]] = {
    # All that keeps moves apart is taken away, so that commands are under way at every instant.
    "decision": {
        "dwell_s": 0,
        "smoothing_s": 0,
        "outage_cooldown_s": 0,
        "operations_per_house_day": 100,
        "max_operations_per_house_day": 200,
        "max_operations_per_feeder_hour": 10_000,
        "pv_reconnect_s": 0,
    },
    "switching": {"max_in_flight": 6, "expiry_s": 2, "ack_timeout_s": 20, "verify_timeout_s": 60},
    "log": {"format": "json"},
}


def names() -> list[str]:
    return [f"h{number:02d}" for number in range(1, HOUSES + 1)]


@dataclass(frozen=True, slots=True)
class Sent:
    """A command as it stood on the wire."""

    id: str
    seq: int
    house: str


@dataclass
class Observer:
    """Hears every command and every answer, on a connection of its own."""

    commands: list[Sent] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    """Ids of commands whose switch said `done`."""
    online: asyncio.Event = field(default_factory=asyncio.Event)
    command: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/set"):
            order = json.loads(payload)
            self.commands.append(Sent(order["id"], order["seq"], topic.split("/")[-2]))
            self.command.set()
        elif topic.endswith("/state"):
            report = json.loads(payload)
            if report.get("result") == "done":
                self.done.add(report["id"])
        elif payload == b"online":
            self.online.set()

    def check(self) -> None:
        """No command twice, and the sequence only rises."""
        ids = [sent.id for sent in self.commands]
        assert len(set(ids)) == len(ids), f"sent twice: {sorted({i for i in ids if ids.count(i) > 1})}"
        sequence = [sent.seq for sent in self.commands]
        falls = [(a, b) for a, b in itertools.pairwise(sequence) if b <= a]
        assert falls == [], f"sequence numbers that do not rise: {falls}"


@asynccontextmanager
async def client_at(port: int) -> AsyncIterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="")
    await asyncio.to_thread(client.connect, "127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
        client.on_message = client.on_subscribe = None


@asynccontextmanager
async def observing(port: int, base: str) -> AsyncIterator[Observer]:
    observer = Observer()
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    async with client_at(port) as client:

        def heard(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
            loop.call_soon_threadsafe(observer.take, message.topic, bytes(message.payload))

        def subscribed(*_: Any) -> None:
            loop.call_soon_threadsafe(ready.set)

        client.on_message, client.on_subscribe = heard, subscribed
        client.subscribe([(f"{base}/switch/+/set", 1), (f"{base}/switch/+/state", 1), (f"{base}/availability", 1)])
        await asyncio.wait_for(ready.wait(), 30.0)
        yield observer


@asynccontextmanager
async def loaded_field(port: int, base: str, chance: random.Random) -> AsyncIterator[None]:
    """Meters whose loads jump, so that the controller always has something to move, and virtual switches behind the
    real interlock that answer with delays."""
    positions = {house: list(Phase)[number % 3] for number, house in enumerate(names())}
    switches = VirtualSwitches(
        positions,
        base_topic=base,
        clock=SystemClock(),
        behaviour=Behaviour(delay_s=0.05, seed=chance.randrange(1 << 30)),
        limits=InterlockLimits(dwell_s=0.0, operations_per_hour=1000, operations_per_day=10_000, dead_time_s=0.05),
    )
    stop, ready = asyncio.Event(), asyncio.Event()
    async with client_at(port) as client:
        tasks = [
            asyncio.create_task(switches.run("127.0.0.1", port, stop, ready)),
            asyncio.create_task(_meters(client, base, chance, stop)),
        ]
        await asyncio.wait_for(ready.wait(), 30.0)
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)


async def _meters(client: mqtt.Client, base: str, chance: random.Random, stop: asyncio.Event) -> None:
    watts = dict.fromkeys(names(), 500.0)
    while not stop.is_set():
        for house in chance.sample(sorted(watts), 4):
            watts[house] = chance.uniform(-4000.0, 8000.0)
        for house, p in watts.items():
            client.publish(f"{base}/meter/{house}", f'{{"p":{p:.1f},"v":230.0}}')
        try:
            await asyncio.wait_for(stop.wait(), METER_PERIOD_S)
        except TimeoutError:
            continue


class Ledger:
    """What the trail held at the last look, and what must be true of it at the next."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self.rows: list[TrailRow] = []

    def check(self, observer: Observer) -> None:
        """The chain is whole, no row that was there has changed or gone, every command on the wire was journalled."""
        if not self._database.exists():
            assert observer.commands == [], "commands without a store"
            return
        report = verify(self._database)
        assert report.findings == (), report.findings
        with open_reader(self._database) as connection:
            now = list(read_rows(connection))
        assert now[: len(self.rows)] == self.rows, "rows that were on record are gone or changed"
        self.rows = now
        planned = self.commands_with(EventKind.PLANNED)
        orphans = [sent for sent in observer.commands if sent.id not in planned]
        assert orphans == [], f"commands on the wire that are not on record: {orphans}"

    def commands_with(self, *kinds: EventKind) -> set[str]:
        return {row.command for row in self.rows if row.kind in kinds}

    def unanswered(self, observer: Observer) -> set[str]:
        """Commands that a switch said it has done and whose answer is not on record."""
        return observer.done - self.commands_with(*RESOLVED)

    def count(self, kind: EventKind) -> int:
        return sum(row.kind == kind for row in self.rows)

    def answered_after_a_restart(self) -> int:
        """Commands whose answer was first recorded by a later run of the daemon than the one that planned them."""
        run, late = 0, 0
        sent_in: dict[str, int] = {}
        for row in self.rows:
            if row.kind == EventKind.STARTED:
                run += 1
            elif row.kind == EventKind.PLANNED:
                sent_in[row.command] = run
            elif row.kind == EventKind.ACKNOWLEDGED:
                # Once answered it is no longer waited for: a restart before the meter's word asks the switch again.
                late += sent_in.pop(row.command, run) < run
        return late
