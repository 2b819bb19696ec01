"""The doctor at real brokers: an open one with a controller and a field, and one with certificates and access rules."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.cli import main
from edge_balancer.clock import SystemClock
from edge_balancer.demo.broker import Broker
from edge_balancer.doctor import broker as doctors_broker
from edge_balancer.doctor.examine import Examination, examine
from edge_balancer.doctor.findings import Finding, Level
from edge_balancer.doctor.handshake import Answer, anonymous
from edge_balancer.pki.acl import acl_text, grants
from edge_balancer.pki.roles import Role
from edge_balancer.settings.load import load
from tests.daemon.daemon_cases import CALM, POSITIONS, running, sections
from tests.daemon.field import field_at, fresh_base, until
from tests.daemon.private_broker import PrivateBroker
from tests.daemon.service import write_config
from tests.pki.broker_site import SHIPPED, Site, broker_of, make_site

NO_PAGE = {"enabled": False}


def write(tmp_path: Path, port: int, base: str, houses: int = 6, **changes: Mapping[str, Any]) -> Path:
    kept = sections(port, base, tmp_path / "eb.db", **{"dashboard": NO_PAGE, **changes})  # type: ignore[arg-type]
    path = write_config(tmp_path / "c.toml", kept, houses)
    path.chmod(0o600)
    return path


async def examined(path: Path, seconds: float = 20.0) -> Examination:
    return await asyncio.to_thread(examine, path, {}, SystemClock(), listen_s=seconds)


def of(examination: Examination, part: str) -> list[Finding]:
    return [finding for finding in examination.findings if finding.part == part]


def says(examination: Examination, part: str) -> str:
    return "\n".join(f"{f.level}: {f.says}" for f in of(examination, part))


async def test_a_feeder_that_is_well(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    path = write(tmp_path, broker.port, base)
    async with field_at(broker.port, base) as field, running(load(path, {})):
        await field.see("availability")
        field.present(*POSITIONS)
        await field.sync()
        field.loads(*CALM)
        await field.see("phases", lambda m: m.json["houses_fresh"] == 6)
        await field.see("mode")
        await field.see("diagnostics")
        doctor = asyncio.create_task(examined(path))
        while not doctor.done():
            field.loads(*CALM)
            await asyncio.wait({doctor}, timeout=0.05)
        found = doctor.result()
    assert {f.part for f in found.findings if f.level is Level.OK} >= {
        "versions",
        "disk",
        "store",
        "broker",
        "controller",
        "meters",
        "switches",
        "model",
    }
    assert "6 of 6 spoke" in says(found, "meters")
    assert "the mode auto" in says(found, "controller")
    assert "all 6 say where they stand" in says(found, "switches")


async def test_an_open_broker_is_told_twice(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever else this machine may serve.
    monkeypatch.setattr(doctors_broker, "DOORS", ())
    path = write(tmp_path, broker.port, fresh_base())
    found = await examined(path, 0.0)
    assert "let in without a name: whoever reaches the broker can command switches" in says(found, "access")
    assert "it has no access rules" in says(found, "access")
    assert [f.level for f in of(found, "access")] == [Level.FAIL, Level.WARN]


async def test_what_is_silent_locked_or_unknown_is_named(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    path = write(tmp_path, broker.port, base)
    async with field_at(broker.port, base) as field:
        field.say("availability", "online", retain=True)
        field.say("phases", {"coverage": 0.5}, retain=True)
        field.say("mode", {"mode": "hold", "by": "anna"}, retain=True)
        locked = {"halted": "three in a row", "locked": {"h05": "reports failed"}}
        field.say("diagnostics", {"storage": {"fault": "disk full"}, "switches": locked}, retain=True)
        field.present("L1", "L2")
        field.switch("h03", None)
        field.switch("h04", "L1")
        field.say("switch/h04/availability", "offline", retain=True)
        field.switch("h05", "L2")
        await field.sync()
        doctor = asyncio.create_task(examined(path, 1.0))
        while not doctor.done():
            field.loads(0.0, 0.0)
            field.say("meter/h03", "nonsense")
            await asyncio.wait({doctor}, timeout=0.05)
        found = doctor.result()
        field.say("availability", "", retain=True)
        await field.sync()
    assert "mode hold" in says(found, "controller")
    assert "fail: its store cannot save: disk full" in says(found, "controller")
    assert "fail: automatic switching is halted: three in a row" in says(found, "controller")
    assert "2 of 6 spoke within 1 s; the controller holds 50 % for fresh; silent: h03, h04, h05, h06" in says(
        found, "meters"
    )
    assert "messages that are refused: malformed" in says(found, "meters")
    assert "offline: h04" in says(found, "switches")
    assert "have said nothing: h06" in says(found, "switches")
    assert "do not know where they stand: h03" in says(found, "switches")
    assert "locked out: h05" in says(found, "switches")


async def test_without_a_controller_and_without_a_broker(broker: Broker, free_port: int, tmp_path: Path) -> None:
    found = await examined(write(tmp_path, broker.port, fresh_base()), 0.0)
    assert "none is on the broker" in says(found, "controller")
    assert "fail: none of 6 can be used" in says(found, "switches")
    (tmp_path / "c.toml").unlink()
    found = await examined(write(tmp_path, free_port, fresh_base()), 0.0)
    assert [f.level for f in of(found, "broker")] == [Level.FAIL]
    assert "is not reached" in says(found, "broker")
    assert of(found, "meters") == []


def test_a_configuration_that_cannot_be_used_leaves_the_machine_to_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[mqtt]\nport = 99999\n")
    found = examine(path, {}, SystemClock(), listen_s=0.0)
    assert Level.FAIL in {f.level for f in of(found, "configuration")}
    assert of(found, "versions")
    assert of(found, "broker") == []


def secured(site: Site, tmp_path: Path, **mqtt: Any) -> Path:
    papers = site.papers("controller:feeder")
    keys = {
        "host": "localhost",
        "tls": True,
        "ca_file": str(papers / "ca.pem"),
        "cert_file": str(papers / "cert.pem"),
        "key_file": str(papers / "key.pem"),
    }
    path = write(tmp_path, site.tools_port, "phase-balance/feeder", mqtt={**keys, **mqtt})
    config = load(path, {})
    (site.folder / "acl").write_text(acl_text(config, grants(config)))
    return path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    return make_site(folder, [(Role.CONTROLLER, "feeder")])


async def test_a_site_with_certificates_and_access_rules_is_in_order(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A machine that is busy with other tests is no broker that does not answer.
    monkeypatch.setattr("edge_balancer.doctor.connection.ANSWER_S", 60.0)
    monkeypatch.setattr("edge_balancer.doctor.handshake.TIMEOUT_S", 60.0)
    path = secured(site, tmp_path)
    with broker_of(site):
        async with running(load(path, {})) as daemon:
            await until(lambda: daemon._link.up, "the controller is connected")
            found = await examined(path, 0.0)
    assert "is reached and trusted, TLSv1.3" in says(found, "broker")
    assert {f.level for f in of(found, "broker")} == {Level.OK}
    assert "lets the controller hold connections for readings and for orders" in says(found, "broker")
    # On 1883 of this machine somebody else may have a broker: what is told of that one is not looked at.
    assert f"ok: a stranger on port {site.tools_port} is refused" in says(found, "access")
    assert "ok: what nobody may say was not passed on" in says(found, "access")


async def test_a_listener_that_makes_one_client_of_the_controllers_connections_is_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_balancer.doctor.connection.ANSWER_S", 60.0)
    path = secured(site, tmp_path, port=site.devices_port)
    with broker_of(site):
        found = await examined(path, 0.0)
    (told,) = [f for f in of(found, "broker") if f.level is Level.WARN]
    assert "takes all connections of this user for one client" in told.says
    assert "port 8884" in told.remedy
    # Without a controller it goes on over its own one connection.
    assert "ok: what nobody may say was not passed on" in says(found, "access")


@asynccontextmanager
async def two_at_once(port: int) -> AsyncIterator[int]:
    """A door to a broker that holds two connections and closes any further one; its port."""
    held = 0

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal held
        first = await reader.read(65_536)
        if not first or held == 2:
            writer.close()
            return
        held += 1
        to_broker, of_broker = await asyncio.open_connection("127.0.0.1", port)
        of_broker.write(first)
        await asyncio.gather(pump(reader, of_broker), pump(to_broker, writer))
        held -= 1

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as door:
        yield door.sockets[0].getsockname()[1]


async def test_a_broker_that_holds_fewer_connections_than_the_controller_wants_is_told(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_balancer.doctor.connection.ANSWER_S", 60.0)
    monkeypatch.setattr(doctors_broker, "DOORS", ())
    async with two_at_once(broker.port) as port:
        found = await examined(write(tmp_path, port, fresh_base()), 0.0)
    assert "only 2 of the 3 connections that the controller holds" in says(found, "broker")
    assert Level.FAIL in {finding.level for finding in of(found, "broker")}


def test_every_listener_that_is_shipped_is_tried() -> None:
    shipped = {int(line.split()[1]) for line in SHIPPED.read_text().splitlines() if line.startswith("listener ")}
    assert shipped == {8883, 8884}
    assert {*shipped, 1883} == set(doctors_broker.DOORS)


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "in the clear"])
async def test_a_door_beside_the_controllers_own_that_lets_strangers_in_is_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int, encrypted: bool
) -> None:
    monkeypatch.setattr("edge_balancer.doctor.connection.ANSWER_S", 60.0)
    monkeypatch.setattr("edge_balancer.doctor.handshake.TIMEOUT_S", 60.0)
    monkeypatch.setattr(doctors_broker, "DOORS", (site.devices_port, free_port))
    path, papers = secured(site, tmp_path), site.papers("broker:main")
    # A certificate for another name: a stranger does not mind.
    more = f"certfile {papers / 'cert.pem'}\nkeyfile {papers / 'key.pem'}\n" if encrypted else ""
    (tmp_path / "open").mkdir()
    with broker_of(site), PrivateBroker(tmp_path / "open", free_port, f"{more}allow_anonymous true") as other:
        other.start()
        found = await examined(path, 0.0)
    assert f"ok: a stranger on port {site.tools_port} is refused" in says(found, "access")
    assert f"ok: a stranger on port {site.devices_port} is refused" in says(found, "access")
    assert f"fail: a stranger on port {free_port} is let in" in says(found, "access")


async def test_a_broker_that_is_another_is_not_trusted(site: Site, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_site(tmp_path / "other", [])
    path = secured(site, tmp_path, ca_file=str(other.folder / "ca/ca.pem"))
    with broker_of(site):
        found = await examined(path, 0.0)
    assert "is not trusted" in says(found, "broker")
    assert [f.level for f in of(found, "broker")] == [Level.FAIL]


async def test_a_certificate_that_runs_out_is_told_in_time(site: Site, tmp_path: Path) -> None:
    from tests.pki.broker_site import NOW

    site.authority.issue(Role.CONTROLLER, "feeder", NOW, days=20, renew=True)
    path = secured(site, tmp_path)
    with broker_of(site):
        found = await examined(path, 0.0)
    assert "this controller's certificate runs out in 20 days" in says(found, "broker")


def test_a_broker_that_wants_a_password_refuses_strangers(tmp_path: Path, free_port: int) -> None:
    with PrivateBroker(tmp_path, free_port, "allow_anonymous false") as broker:
        broker.start()
        assert anonymous("127.0.0.1", free_port, None) is Answer.REFUSED
        found = examine(write(tmp_path, free_port, fresh_base()), {}, SystemClock(), listen_s=0.0)
    assert anonymous("127.0.0.1", free_port, None) is Answer.CLOSED
    assert "lets the controller not in" in says(found, "broker")


def test_the_command_gives_lines_json_and_an_exit_code(
    tmp_path: Path, free_port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("EDGE_BALANCER_")]:
        monkeypatch.delenv(name)
    path = write(tmp_path, free_port, fresh_base())
    assert main(["doctor", "--config", str(path), "--listen", "0"]) == 1
    text = capsys.readouterr().out
    assert "FAIL  broker" in text
    assert "-> check that it runs" in text
    assert text.splitlines()[-1].endswith("1 wrong")
    assert main(["doctor", "--config", str(path), "--listen", "0", "--json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert body["worst"] == "fail"
    assert {"part", "level", "says", "remedy"} == body["findings"][0].keys()
