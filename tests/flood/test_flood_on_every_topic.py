"""A flood at QoS 1 on each topic that the controller subscribes to, on a real broker: a move is ordered, commanded and
answered meanwhile, what is said honestly on the flooded topic afterwards is read, and the store stays small."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from edge_balancer.daemon import Daemon
from edge_balancer.demo.broker import Broker
from edge_balancer.homeassistant.discovery import Announcer
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.database import open_reader
from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.speakers import Voice
from edge_balancer.types.events import EventKind
from edge_balancer.wire import Topics
from tests.daemon.daemon_cases import recorded, running, small_feeder
from tests.daemon.field import Field, field_at, fresh_base, until
from tests.docs.contract_file import fits

PER_S: Final = 20_000
BLOCK: Final = 200
LONGEST_S: Final = 20.0
"""For a machine that is busy; what it takes is printed."""
MOST_GROWTH_BYTES: Final = 1_000_000
RUBBISH: Final = "rubbish"
SAID: Final[dict[str, tuple[str, ...]]] = {
    "meter/h01": ('{"p": 400, "v": 230.0}', RUBBISH),
    "switch/h01/state": ('{"phase": "L1"}', '{"phase": "L2"}', '{"phase": "L3"}', RUBBISH),
    "switch/h01/availability": ("online", "offline", RUBBISH),
    "switch/h01/request": ('{"phase": "L1", "operator": "thief"}', '{"phase": "L2", "operator": "thief"}', RUBBISH),
    "switch/h01/clear": ('{"operator": "thief"}', RUBBISH),
    "mode/set": (RUBBISH, '{"mode": "auto", "operator": "thief"}'),
    "silence/set": ('{"keys": "*", "minutes": 5, "operator": "thief"}', RUBBISH),
    "alert/x/ack": ('{"operator": "thief"}', ""),
    "alert/x": ('{"state": "active"}',),
    "availability": ("offline",),
    "relay-3/state": ('{"phase": "L3"}', RUBBISH),
    "relay-3/availability": ("online", RUBBISH),
    "em/emeter/0/power": ("400", RUBBISH),
    "em/relay/0/power": ("400", RUBBISH),
    "ha/device/*/feeder/config": ("{}",),
    "ha/status": ("online", RUBBISH),
}
"""Below the base topic, what is said in a flood there: what can be taken, and what cannot. `*` is our own node."""
MOVERS: Final = [f"m{n:02d}" for n in range(len(SAID))]
"""A house for each flood, to be moved while it lasts."""


def feeder(port: int, base: str, database: Path) -> Configuration:
    houses = [
        {"id": "h01", "phase": "L1"},
        {"id": "h03", "phase": "L3", "switch_topic": f"{base}/relay-3"},
        {"id": "h04", "phase": "L1", "meters": [{"topic": f"{base}/em", "format": "shelly1"}]},
        {"id": "h05", "phase": "L3"},
        {"id": "h06", "phase": "L3"},
        *({"id": house, "phase": "L2"} for house in MOVERS),
    ]
    return small_feeder(
        port,
        base,
        database,
        houses,
        homeassistant={"enabled": True, "prefix": f"{base}/ha", "status_topic": f"{base}/ha/status"},
        decision={"automatic": False},
        # Nobody measures that the moves were made: it is not asked for before the end.
        switching={"max_in_flight": len(MOVERS), "verify_timeout_s": 600.0},
    )


def subscriptions(config: Configuration) -> list[str]:
    topics = Topics(config)
    wanted = Intake(config).subscriptions() + Announcer(config, topics, {}).subscriptions
    return [topic for topic, _ in wanted] + [topics.availability]


def flooded(config: Configuration) -> dict[str, tuple[str, ...]]:
    """Topic -> what is said there."""
    (own,) = [topic for topic in subscriptions(config) if topic.endswith("/config")]
    node = own.split("/")[-3]
    return {f"{config.base_topic}/{leaf.replace('*', node)}": said for leaf, said in SAID.items()}


def test_no_subscription_is_forgotten(tmp_path: Path) -> None:
    config = feeder(1883, "site", tmp_path / "eb.db")
    topics = list(flooded(config))
    assert [f for f in subscriptions(config) if not any(fits(topic, f) for topic in topics)] == []
    assert [topic for topic in topics if not any(fits(topic, f) for f in subscriptions(config))] == []


def publish(topic: str, payload: str) -> bytes:
    """A PUBLISH of QoS 1 (MQTT 3.1.1, 3.3)."""
    name, body = topic.encode(), payload.encode()
    length, encoded = 4 + len(name) + len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return b"\x32" + bytes(encoded) + len(name).to_bytes(2) + name + b"\x00\x01" + body


class Thief:
    """Says `payloads` in turn on one topic, until told to stop."""

    def __init__(self, port: int, topic: str, payloads: tuple[str, ...]) -> None:
        self.sent = 0
        self.seconds = 0.0
        self._stop = threading.Event()
        self._block = b"".join(publish(topic, payloads[n % len(payloads)]) for n in range(BLOCK))
        self._port = port
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()

    def _run(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=60.0) as line:
            line.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05thief")
            assert line.recv(4)[:2] == b"\x20\x02"
            hearing = threading.Thread(target=_drain, args=(line,))
            hearing.start()
            start = time.monotonic()
            while not self._stop.is_set():
                line.sendall(self._block)
                self.sent += BLOCK
                ahead_s = self.sent / PER_S - (time.monotonic() - start)
                if ahead_s > 0:
                    self._stop.wait(ahead_s)
            self.seconds = time.monotonic() - start
            line.sendall(b"\xe0\x00")
            line.shutdown(socket.SHUT_WR)
            hearing.join(60.0)


def _drain(line: socket.socket) -> None:
    """Every message is acknowledged to us."""
    while line.recv(1 << 16):
        pass


async def make_a_move(field: Field, config: Configuration, house: str) -> tuple[float, float]:
    """Ask for it, answer the command as its switch: the seconds from the order to the command, and from the answer to
    the record that it was heard."""
    here, heard = field.now(), len(await recorded(config.storage.path, EventKind.ACKNOWLEDGED, 0))
    start = time.monotonic()
    field.say(f"switch/{house}/request", {"phase": "L3", "operator": "anna"})
    command = await field.see(f"switch/{house}/set", since=here, within_s=LONGEST_S)
    answered = time.monotonic()
    field.answer(command)
    async with asyncio.timeout(LONGEST_S):
        await recorded(config.storage.path, EventKind.ACKNOWLEDGED, heard + 1)
    return answered - start, time.monotonic() - answered


def stored_bytes(database: Path) -> int:
    with open_reader(database) as connection:
        pages, size = (connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
        return int(pages * size)


async def is_over(daemon: Daemon) -> None:
    """The broker has handed on what it still had of the flood, and the second in which it ended is over."""
    before, quiet = -1, 0
    while quiet < 22:
        total = daemon._link.received + daemon._budgets.unread
        quiet = quiet + 1 if total == before else 0
        before = total
        await asyncio.sleep(0.05)


async def is_read(field: Field, daemon: Daemon, leaf: str, text: str) -> None:
    """What was over the budget was over with the second in which it was said."""
    before = daemon._link.received
    field.say(leaf, text)
    await until(lambda: daemon._link.received > before, f"what is said on {leaf} after the flood is read")


async def test_a_flood_on_any_topic_delays_no_move_and_fills_no_store(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = fresh_base()
    config = feeder(broker.port, base, tmp_path / "eb.db")
    topics = flooded(config)
    # Not the flood itself: whoever looks on must not drown in it.
    seen = ("decision", "phases", "mode", "switch/+/set", "alert/message_flood", "alert/message_flood/+")
    lines: list[str] = []
    async with field_at(broker.port, base, hear=(*seen, "availability")) as field, running(config) as daemon:
        await field.see("availability", lambda m: m.text == "online")
        for house in ("h01", "h05", "h06", *MOVERS):
            field.switch(house, "L1" if house == "h01" else "L3" if house.startswith("h") else "L2")
        for house in ("h01", "h03", "h05", "h06", *MOVERS):
            field.meter(house, 400.0)
        await field.see("phases", lambda m: m.json["houses_fresh"] == 4 + len(MOVERS))
        stored = stored_bytes(config.storage.path)
        for mover, (topic, said) in zip(MOVERS, topics.items(), strict=True):
            unread, thief = daemon._budgets.unread, Thief(broker.port, topic, said)
            leaf = topic.removeprefix(f"{base}/")
            with thief.at_work():
                await until(lambda unread=unread: daemon._budgets.unread > unread, leaf)  # type: ignore[misc]
                command_s, answer_s = await make_a_move(field, config, mover)
                await until(lambda thief=thief: thief.sent >= PER_S / 2, leaf)  # type: ignore[misc]
            await is_over(daemon)
            if daemon._intake.source(topic).voice is not Voice.OWN:  # nobody speaks in our name
                await is_read(field, daemon, leaf, said[0])
            lines.append(
                f"{leaf:58} {thief.sent / thief.seconds:6.0f}/s for {thief.seconds:4.1f} s: order to command "
                f"{1000 * command_s:6.1f} ms, switch's answer to its record {1000 * answer_s:6.1f} ms"
            )
        here = field.now()
        field.say("switch/h01/request", {"phase": "L1", "operator": "honest"})
        answer = await field.see("decision", lambda m: m.json["operator"] == "honest", since=here)
        assert answer.json["commanded"] is False
        told = await field.see("alert/message_flood*", lambda m: f"{base}/switch/h01/request; 10 of them" in m.text)
        assert told.json["limit"] == 10.0
        assert daemon.engine.mode == "auto"
        left = set(daemon._budgets.left_unread())
        grown = stored_bytes(config.storage.path) - stored
    with capsys.disabled():
        print("\n" + "\n".join(lines) + f"\nthe store grew by {grown / 1e6:.2f} MB in all")  # noqa: T201
    assert grown < MOST_GROWTH_BYTES
    assert left == {Intake(config).source(topic) for topic in topics}
