"""A move from end to end where everybody has a certificate of their own: controller, meters, switch and operator, over
TLS, through the access rules. What the rules forget to allow fails here."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho

from edge_balancer.pki.acl import acl_text, grants
from edge_balancer.pki.roles import Role
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import recorded, running, small_feeder
from tests.pki.broker_site import WAIT_S, Site, broker_of, make_site

BASE = "phase-balance/feeder"
HOUSES = ("h01", "h02", "h03")
MEMBERS = [
    (Role.CONTROLLER, "feeder"),
    (Role.OPERATOR, "anna"),
    (Role.HOME, "ha"),
    *((role, house) for house in HOUSES for role in (Role.METER, Role.SWITCH)),
]
Hear = Callable[[paho.Client, str, bytes], None]


@contextmanager
def member(site: Site, user: str, filters: list[str], hear: Hear) -> Iterator[paho.Client]:
    client, ready = site.client(user), threading.Event()
    client.on_message = lambda c, _d, message: hear(c, message.topic, bytes(message.payload))
    client.on_connect = lambda c, *_: c.subscribe([(f, 1) for f in filters]) if filters else ready.set()
    client.on_subscribe = lambda *_: ready.set()
    client.connect("localhost", site.devices_port)
    client.loop_start()
    try:
        assert ready.wait(WAIT_S), user
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def obedient(house: str) -> Hear:
    """A phase switch that does as it is told, on its own topics."""

    def hear(client: paho.Client, topic: str, payload: bytes) -> None:
        assert topic == f"{BASE}/switch/{house}/set"
        order = json.loads(payload)
        report = {"phase": order["phase"], "id": order["id"], "result": "done"}
        client.publish(f"{BASE}/switch/{house}/state", json.dumps(report), qos=1, retain=True)

    return hear


async def test_a_wish_becomes_a_move_that_the_meter_confirms(tmp_path: Path) -> None:
    site = make_site(tmp_path, MEMBERS)
    papers = site.papers("controller:feeder")
    config = small_feeder(
        site.tools_port,
        BASE,
        tmp_path / "eb.db",
        len(HOUSES),
        mqtt={
            "host": "localhost",
            "tls": True,
            "ca_file": str(papers / "ca.pem"),
            "cert_file": str(papers / "cert.pem"),
            "key_file": str(papers / "key.pem"),
        },
        homeassistant={"enabled": True},
        dashboard={"enabled": False},
    )
    (site.folder / "acl").write_text(acl_text(config, grants(config, operators=["anna"], homes=["ha"])))
    shown: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    found: dict[str, bytes] = {}

    def watch(_client: paho.Client, topic: str, payload: bytes) -> None:
        shown.put((topic, payload))

    def discover(_client: paho.Client, topic: str, payload: bytes) -> None:
        found[topic] = payload

    with broker_of(site), ExitStack() as stack:
        async with running(config):
            operator = stack.enter_context(member(site, "operator:anna", [f"{BASE}/#"], watch))
            stack.enter_context(member(site, "home:ha", ["homeassistant/#"], discover))
            meters = {h: stack.enter_context(member(site, f"meter:{h}", [], watch)) for h in HOUSES}
            for phase, house in enumerate(HOUSES, start=1):
                switch = stack.enter_context(
                    member(site, f"switch:{house}", [f"{BASE}/switch/{house}/set"], obedient(house))
                )
                state = json.dumps({"phase": f"L{phase}"})
                switch.publish(f"{BASE}/switch/{house}/state", state, qos=1, retain=True).wait_for_publish(WAIT_S)
            said = asyncio.Event()
            speaking = asyncio.create_task(_speak(meters, said))
            try:
                await asyncio.to_thread(_until, shown, "phases", lambda p: json.loads(p)["houses_fresh"] == len(HOUSES))
                operator.publish(f"{BASE}/switch/h02/request", json.dumps({"phase": "L3", "operator": "anna"}), qos=1)
                (verified,) = await recorded(config.storage.path, EventKind.VERIFIED)
            finally:
                said.set()
                await speaking
        assert verified.house == "h02"
        assert len(found) == len(HOUSES) + 1


async def _speak(meters: dict[str, paho.Client], stop: asyncio.Event) -> None:
    """Every meter says its own reading, again and again."""
    while not stop.is_set():
        for house, meter in meters.items():
            meter.publish(f"{BASE}/meter/{house}", b'{"p": 400, "v": 230.0}', qos=0)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=0.1)


def _until(shown: queue.SimpleQueue[tuple[str, Any]], leaf: str, good: Callable[[bytes], bool]) -> None:
    while True:
        topic, payload = shown.get(timeout=WAIT_S)
        if topic == f"{BASE}/{leaf}" and good(payload):
            return
