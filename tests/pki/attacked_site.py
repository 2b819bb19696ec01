"""A site at work that is attacked from another machine (a network namespace): controller, broker, three meters, three
switches, and one who sees everything. Not a test itself."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from paho.mqtt import client as paho

from edge_balancer.pki.acl import acl_text, grants
from edge_balancer.pki.roles import Role
from edge_balancer.settings.load import load
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import sections, trail
from tests.daemon.field import until
from tests.daemon.service import Service, service, write_config
from tests.pki.broker_site import PROBE, WAIT_S, Site, broker_of, make_site

ATTACKER: Final = Path(__file__).with_name("attacker.py")
BASE: Final = "phase-balance/feeder"
HOUSES: Final = ("h01", "h02", "h03")
MEMBERS: Final = [
    (Role.CONTROLLER, "feeder"),
    *((role, house) for house in HOUSES for role in (Role.METER, Role.SWITCH)),
    (Role.OPERATOR, "anna"),
    (Role.HOME, "ha"),
]
ASKED: Final = 100
PAUSE_S: Final = 0.12
"""Between two orders: fewer than are read of one topic within a second."""
AGAIN_S: Final = 5.0
"""A person who sees nothing come of an order gives it again."""
MOST_P99_MS: Final = 2000.0
"""From an order to its decision. A hundred times what it takes: these machines do other things too."""
METER_S: Final = 1.0
"""How often a meter speaks: seldom enough to see whether a single reading is lost."""
Figures = tuple[float, float, int]
"""Median, 99th percentile (both ms) and number of what was measured."""


def figures(seconds: Iterable[float]) -> Figures:
    found = sorted(seconds)
    return 1000 * found[len(found) // 2], 1000 * found[min(len(found) - 1, int(0.99 * len(found)))], len(found)


def busy() -> str:
    """What `uptime` says of it."""
    return " ".join(f"{one:.2f}" for one in os.getloadavg())


class Elsewhere:
    """Another machine: what is run there comes over a line of its own."""

    def __init__(self, name: str, host: str) -> None:
        self._name = name
        self.host = host

    def command(self, task: dict[str, Any]) -> list[str]:
        return ["ip", "netns", "exec", self._name, sys.executable, str(ATTACKER), json.dumps(task)]

    async def run(self, **task: Any) -> str:
        child = await asyncio.create_subprocess_exec(
            *self.command({"host": self.host, **task}), stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
        )
        out, _ = await asyncio.wait_for(child.communicate(), 120.0)
        assert child.returncode == 0, task
        return str(json.loads(out)["outcome"])

    @asynccontextmanager
    async def during(self, **task: Any) -> AsyncIterator[dict[str, Any]]:
        """An attack that goes on for the length of the context; its outcome is there afterwards."""
        child = await asyncio.create_subprocess_exec(
            *self.command({"host": self.host, **task}), stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        told: dict[str, Any] = json.loads(await asyncio.wait_for(child.stdout.readline(), WAIT_S))
        try:
            yield told
        finally:
            assert child.stdin is not None
            child.stdin.close()
            told |= json.loads(await asyncio.wait_for(child.stdout.readline(), 60.0))
            await asyncio.wait_for(child.wait(), 60.0)


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    number = os.getpid() % 60_000
    name, near, far = f"eb{number}", f"ebn{number}", f"ebf{number}"
    ours, theirs = f"10.{200 + number % 50}.{number // 250}.1", f"10.{200 + number % 50}.{number // 250}.2"

    def ip(*words: str) -> None:
        subprocess.run(("ip", *words), check=True, capture_output=True)

    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError:
        pytest.skip("network namespaces are not to be had here")
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        ip("addr", "add", f"{ours}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "addr", "add", f"{theirs}/30", "dev", far)
        ip("-n", name, "link", "set", far, "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield Elsewhere(name, ours)
    finally:
        subprocess.run(("ip", "netns", "del", name), check=False, capture_output=True)
        subprocess.run(("ip", "link", "del", near), check=False, capture_output=True)


@dataclass
class Seen:
    """Everything that the broker passed on."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def note(self, topic: str, payload: bytes) -> None:
        with self.news:
            self.messages.append((topic, payload))
            self.news.notify_all()

    def on(self, leaf: str) -> list[bytes]:
        return [payload for topic, payload in self.messages if topic == f"{BASE}/{leaf}"]

    def wait(self, good: Callable[[str, bytes], bool], since: int, within_s: float = WAIT_S) -> bool:
        place = since

        def found() -> bool:
            # Each message is looked at once: the one who measures must not be what is slow.
            nonlocal place
            while place < len(self.messages):
                place += 1
                if good(*self.messages[place - 1]):
                    return True
            return False

        with self.news:
            return self.news.wait_for(found, within_s)


def _at_once(_client: paho.Client, _data: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextmanager
def member(site: Site, user: str, port: int, hear: list[str], on_message: Callable[..., None]) -> Iterator[paho.Client]:
    client, ready = site.client(user), threading.Event()
    client.on_message = on_message
    # What is measured is the controller, not Nagle's algorithm here.
    client.on_socket_open = _at_once
    client.on_connect = lambda c, *_: c.subscribe([(f, 1) for f in hear]) if hear else ready.set()
    client.on_subscribe = lambda *_: ready.set()
    client.connect(site.bind if port == site.devices_port else "localhost", port)
    client.loop_start()
    try:
        assert ready.wait(WAIT_S), user
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


@dataclass
class Feeder:
    """The site at work: controller, three meters, three switches, and one who sees everything."""

    site: Site
    daemon: Service
    seen: Seen
    probe: paho.Client
    meters: dict[str, paho.Client]
    commands: dict[str, list[bytes]]
    database: Path
    broker: int
    """The broker's process."""
    said: int = 0
    lost: int = 0
    """Readings said by `read`, and those of which the controller showed nothing within `METER_S`."""
    repeated: int = 0
    """Orders of `ask` that were said again."""

    def ask(self, house: str, phase: str, operator: str) -> float:
        """A wish, said again where nothing comes of it, and the seconds until its decision is heard."""
        since, start = len(self.seen.messages), time.monotonic()
        wish, mark = json.dumps({"phase": phase, "operator": operator}), f'"operator":"{operator}"'.encode()
        for _ in range(int(WAIT_S / AGAIN_S)):
            self.probe.publish(f"{BASE}/switch/{house}/request", wish, qos=1)
            if self.seen.wait(lambda t, p: t == f"{BASE}/decision" and mark in p, since, AGAIN_S):
                return time.monotonic() - start
            self.repeated += 1
        raise AssertionError(f"nothing came of {operator}")

    async def latencies(self, who: str, *, least: int = ASKED, during: asyncio.Task[Any] | None = None) -> Figures:
        """From an order to its decision: so many times, and for as long as `during` lasts. What is asked for changes
        nothing."""
        found: list[float] = []
        while len(found) < least or (during is not None and not during.done()):
            found.append(await asyncio.to_thread(self.ask, "h03", "L3", f"{who}.{len(found)}"))
            await asyncio.sleep(PAUSE_S)
        return figures(found)

    def read(self, house: str, watts: float) -> float:
        """An honest meter's reading, and the seconds until the controller has reckoned with it, at its next tick."""
        since, start = len(self.seen.messages), time.monotonic()
        phase = f"L{HOUSES.index(house) + 1}"

        def shows(topic: str, payload: bytes) -> bool:
            return topic == f"{BASE}/phases" and bool(json.loads(payload)[phase]["p"] == watts)

        for _ in range(int(WAIT_S / METER_S)):
            self.said += 1
            self.meters[house].publish(f"{BASE}/meter/{house}", json.dumps({"p": watts, "v": 230.0}), qos=0)
            if self.seen.wait(shows, since, METER_S):
                return time.monotonic() - start
            self.lost += 1
        raise AssertionError(f"of {house} nothing is heard any more")

    def nothing_moved(self, moves: int) -> None:
        """No switch got a command that the controller did not send, and it sent what it was asked for alone."""
        sent = {event.command for event in trail(self.database, EventKind.SENT)}
        assert len(sent) == moves
        got = [json.loads(payload)["id"] for payloads in self.commands.values() for payload in payloads]
        assert sorted(got) == sorted(sent)
        assert {json.loads(payload)["mode"] for payload in self.seen.on("mode")} == {"auto"}
        assert self.daemon.count("broker connected") == 1
        assert self.daemon.count("broker unreachable") == 0


@asynccontextmanager
async def at_work(
    folder: Path, bind: str, *, hear: tuple[str, ...] = ("#",), speak: tuple[str, ...] = HOUSES, stolen: str = ""
) -> AsyncIterator[Feeder]:
    """`hear` is what the one who sees everything listens to; `speak` are the houses whose meters speak by themselves;
    `stolen` is the device that the thief has: it is not where it was."""
    site = make_site(folder, MEMBERS, bind)
    papers = site.papers("controller:feeder")
    files = (("ca_file", "ca.pem"), ("cert_file", "cert.pem"), ("key_file", "key.pem"))
    mqtt = {"host": "localhost", "tls": True, **{key: str(papers / name) for key, name in files}}
    database = folder / "eb.db"
    path = write_config(
        folder / "c.toml",
        sections(
            site.tools_port,
            BASE,
            database,
            mqtt={**mqtt, "publish_s": 0.2},
            telemetry={"stale_s": 5.0},
            dashboard={"enabled": False},
        ),
        len(HOUSES),
    )
    config = load(path, {})
    probe_rule = f"\nuser {PROBE}\ntopic readwrite #\n"
    (site.folder / "acl").write_text(acl_text(config, grants(config, operators=["anna"], homes=["ha"])) + probe_rule)
    seen, commands = Seen(), {house: list[bytes]() for house in HOUSES}

    def obey(client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        house, order = message.topic.split("/")[-2], json.loads(message.payload)
        commands[house].append(bytes(message.payload))
        report = {"phase": order["phase"], "id": order["id"], "result": "done"}
        client.publish(f"{BASE}/switch/{house}/state", json.dumps(report), qos=1, retain=True)

    with broker_of(site) as broker, ExitStack() as stack:
        async with service(path) as daemon:
            enter = stack.enter_context
            probe = enter(
                member(site, PROBE, site.tools_port, list(hear), lambda _c, _d, m: seen.note(m.topic, m.payload))
            )
            for number, house in enumerate(HOUSES, start=1):
                if stolen == f"switch:{house}":
                    probe.publish(f"{BASE}/switch/{house}/state", json.dumps({"phase": f"L{number}"}), 1, retain=True)
                    continue
                orders = [f"{BASE}/switch/{house}/set"]
                switch = enter(member(site, f"switch:{house}", site.devices_port, orders, obey))
                switch.publish(f"{BASE}/switch/{house}/state", json.dumps({"phase": f"L{number}"}), qos=1, retain=True)
            # The meter of h01 is the stolen one: it is heard only through the thief.
            meters = {h: enter(member(site, f"meter:{h}", site.devices_port, [], lambda *_: None)) for h in HOUSES[1:]}
            voices = {HOUSES[0]: probe, **meters}
            stop = asyncio.Event()
            speaking = asyncio.create_task(_speak({house: voices[house] for house in speak}, stop))
            try:
                await until(lambda: bool(seen.on("phases")) and _fresh(seen.on("phases")[-1]) == len(speak), "fresh")
                yield Feeder(site, daemon, seen, probe, meters, commands, database, broker.pid)
            finally:
                stop.set()
                await speaking


async def _speak(meters: dict[str, paho.Client], stop: asyncio.Event) -> None:
    while not stop.is_set():
        for house, meter in meters.items():
            meter.publish(f"{BASE}/meter/{house}", b'{"p": 400, "v": 230.0}', qos=0)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=0.1)


def _fresh(phases: bytes) -> int:
    return int(json.loads(phases)["houses_fresh"])
