"""How the controller connects is what docs/asyncapi.yaml says: client ids, session, keep-alive, last will.

Read from the first packets that it really sends.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from edge_balancer.clock import SystemClock
from edge_balancer.daemon import Daemon
from tests.docs.contract_file import contract, resolve
from tests.support.configuration import make_config

CLEAN, WILL, WILL_QOS, WILL_RETAIN, PASSWORD, USER = 0x02, 0x04, 0x18, 0x20, 0x40, 0x80
FEEDER = "street"


@dataclass(frozen=True)
class Connect:
    """MQTT 3.1.1, 3.1: what a client says first."""

    level: int
    client_id: str
    clean: bool
    keepalive_s: int
    will: dict[str, Any] | None
    user: str

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> Self:
        head = await reader.readexactly(2)
        assert head[0] == 0x10
        assert head[1] < 0x80
        body = await reader.readexactly(head[1])
        assert body[:6] == b"\x00\x04MQTT"
        flags, fields, at = body[7], [], 10
        while at < len(body):
            length = int.from_bytes(body[at : at + 2], "big")
            fields.append(body[at + 2 : at + 2 + length].decode())
            at += 2 + length
        client_id = fields.pop(0)
        will = None
        if flags & WILL:
            topic, message = fields.pop(0), fields.pop(0)
            retain, qos = bool(flags & WILL_RETAIN), (flags & WILL_QOS) >> 3
            will = {"topic": topic, "qos": qos, "message": message, "retain": retain}
        user = fields.pop(0) if flags & USER else ""
        return cls(body[6], client_id, bool(flags & CLEAN), int.from_bytes(body[8:10], "big"), will, user)


async def heard(tmp_path: Path) -> dict[str, Connect]:
    """The first packet of each of the controller's connections, at somebody who hangs up then."""
    found: dict[str, Connect] = {}
    all_there = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await Connect.read(reader)
        found[said.client_id] = said
        writer.close()
        if len(found) == 3:
            all_there.set()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    mqtt = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "user": "anna", "password": "pa55"}
    config = make_config(
        6,
        feeder={"id": FEEDER},
        mqtt=mqtt,
        storage={"path": str(tmp_path / "eb.db")},
        dashboard={"enabled": False},
    )
    stop = asyncio.Event()
    running = asyncio.create_task(Daemon(config, SystemClock(), config.storage.path).run(stop))
    try:
        async with asyncio.timeout(60.0):
            await all_there.wait()
    finally:
        stop.set()
        await running
        server.close()
        await server.wait_closed()
    return found


async def test_control_and_readings_connect_as_the_contract_says(tmp_path: Path) -> None:
    found = await heard(tmp_path)
    for server in contract()["servers"].values():
        said = resolve(server["bindings"]["$ref"])["mqtt"]
        name = said["clientId"].replace("{feeder}", FEEDER)
        assert set(found) == {name, f"{name}-readings", f"{name}-orders"}
        will = {**said["lastWill"], "topic": said["lastWill"]["topic"].replace("{base}", f"phase-balance/{FEEDER}")}
        for client_id, first in found.items():
            assert first.level == {"3.1.1": 4}[server["protocolVersion"]]
            assert (first.clean, first.keepalive_s) == (said["cleanSession"], said["keepAlive"])
            assert first.will == (will if client_id == name else None)
            assert first.user == "anna"
