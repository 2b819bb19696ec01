"""A broker that forces the client id to be the certificate's name, as on the listener for devices: the controller's
three connections would throw each other off for ever. It notices, and goes on over one; a move is made."""

from __future__ import annotations

import json
from pathlib import Path

from paho.mqtt import client as paho

from edge_balancer.pki.roles import Role
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import POSITIONS, recorded, running, small_feeder
from tests.daemon.field import field_at, until
from tests.pki.broker_site import PROBE, broker_of, make_site

BASE = "phase-balance/feeder"


async def test_one_connection_for_all_where_both_would_be_one_client(tmp_path: Path) -> None:
    site = make_site(tmp_path, [(Role.CONTROLLER, "feeder")])
    papers = site.papers("controller:feeder")

    def prepare(client: paho.Client) -> None:
        client.tls_set_context(site.context(PROBE))

    with broker_of(site):
        files = {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "key.pem"}
        config = small_feeder(
            site.devices_port,
            BASE,
            tmp_path / "eb.db",
            mqtt={"host": "localhost", "tls": True, **{key: str(papers / name) for key, name in files.items()}},
        )
        async with field_at(site.tools_port, BASE, prepare, "localhost") as field, running(config) as daemon:
            await until(lambda: daemon._link.up and daemon._link._readings is None, "one connection")
            await field.see("availability", lambda m: m.text == "online")
            connections = daemon._link.connections
            field.present(*POSITIONS)
            await field.sync()
            field.loads(*[0.0] * 6)
            await field.see("phases", lambda m: m.json["houses_fresh"] == 6)
            field.say("switch/h02/request", {"phase": "L3", "operator": "anna"})
            command = await field.see("switch/h02/set")
            assert json.loads(command.payload)["phase"] == "L3"
            field.answer(command)
            await recorded(config.storage.path, EventKind.ACKNOWLEDGED)
            assert daemon._link.connections == connections
