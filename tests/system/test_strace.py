"""The controller and a bridge under strace, from their start over a move and an alert to their end: no file and no
socket outside what the configuration names. What else a process of Python opens is listed here, one by one.

Looking (`stat`) at a path is not opening it and is not judged.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from paho.mqtt import client as mqtt

from edge_balancer.demo.broker import Broker
from edge_balancer.models import ordeal
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import CALM, POSITIONS, SKEWED, recorded, sections
from tests.daemon.field import Field, field_at, fresh_base
from tests.daemon.private_broker import PrivateBroker
from tests.daemon.service import ENTRY, ROOT, Service, write_config
from tests.daemon.test_daemon_tls import make_authority
from tests.firmware_bridge.service.field_scene import Street, order
from tests.firmware_bridge.service.test_standalone_bridge import listening, written
from tests.system.strace_log import STRACE, Seen, command, seen

pytestmark = [pytest.mark.slow, pytest.mark.skipif(STRACE is None, reason="needs strace (apt install strace)")]

PROGRAM: Final = (
    sys.prefix,
    sys.base_prefix,
    str(ROOT / "edge_balancer"),
    str(ROOT / "firmware_bridge"),
    "/usr",
    "/lib",
    "/lib64",
)
"""The interpreter, its libraries, the program. Read, never written."""
SEARCHED: Final = (str(ROOT),)
"""Looked through for modules (`PYTHONPATH`), and nothing else there but the program opened."""
SYSTEM: Final = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/ssl",
    "/etc/mime.types",
    # Name look-ups.
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/gai.conf",
    "/etc/passwd",
    # About this process and this machine.
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/kernel/random/boot_id",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/urandom",
)
"""Read, never written; with what is below."""
MODEL_RUNTIME: Final = (Path("/etc/os-release"), Path("/sys/bus/pci/devices"))
"""onnxruntime asks what machine it is on, and whether there is a graphics card. Read, never written."""
LOCAL_SOCKETS: Final = ("/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve")
"""The C library asks there for names, where they are."""
FAMILIES: Final = frozenset({"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"})
"""AF_NETLINK: the C library asks which addresses this machine has."""


@dataclass(frozen=True)
class Allowed:
    """What one configuration names. `folder` is the working directory: Python looks for modules there too."""

    folder: Path
    read: tuple[Path, ...]
    written: tuple[Path, ...]
    connected: tuple[str, ...]
    listening: tuple[str, ...] = ()
    replaced: tuple[Path, ...] = ()
    """Written as a whole: as `.<name>.<12 digits>` beside it, which then takes its place."""

    def excess(self, found: Seen) -> list[str]:
        """What was done and is not named."""
        named = {str(path) for path in (*self.written, *self.replaced)}
        readable = (*PROGRAM, *SYSTEM, *map(str, self.read), *named)
        anew = [re.compile(re.escape(f"{path.parent}/.{path.name}.") + "[0-9a-f]{12}") for path in self.replaced]
        return [
            *(
                f"read {path}"
                for path in sorted(found.read)
                if not _below(path, readable) and path not in (*SEARCHED, str(self.folder))
            ),
            *(
                f"wrote {path}"
                for path in sorted(found.written)
                if path not in named and not any(one.fullmatch(path) for one in anew)
            ),
            *(f"connected {one}" for one in sorted(found.connected) if one not in (*self.connected, *LOCAL_SOCKETS)),
            *(f"listened at {one}" for one in sorted(found.listening) if one not in self.listening),
            *(f"made a socket of {one}" for one in sorted(found.families - FAMILIES)),
        ]


def _below(path: str, allowed: tuple[str, ...]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in allowed)


def store(path: Path) -> tuple[Path, ...]:
    """A database of SQLite with all that stands beside it, and the lock of one instance."""
    return tuple(path.with_name(path.name + more) for more in ("", "-wal", "-shm", "-journal", ".lock"))


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    folder = tmp_path / "calls"
    folder.mkdir()
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@asynccontextmanager
async def traced(config: Path, calls: Path, **more: str) -> AsyncIterator[Service]:
    program = (sys.executable, "-c", ENTRY, "run", "--config", str(config))
    process = await asyncio.create_subprocess_exec(
        *command(calls, *program), stdout=asyncio.subprocess.PIPE, env=environment(**more), cwd=config.parent
    )
    running = Service(process)
    try:
        yield running
    finally:
        await running.clean_up()


@contextmanager
def _process(program: list[str], cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, env=environment(), cwd=cwd) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


async def a_move(field: Field, database: Path) -> None:
    field.present(*POSITIONS)
    await field.sync()
    field.loads(*SKEWED)
    command = await field.see("switch/*/set")
    field.answer(command)
    await recorded(database, EventKind.ACKNOWLEDGED)


async def test_the_controller_touches_what_its_configuration_names(
    broker: Broker, free_port: int, site: Path, calls: Path
) -> None:
    base, database = fresh_base(), site / "eb.db"
    page = {"enabled": True, "port": free_port}
    config = write_config(
        site / "c.toml",
        sections(broker.port, base, database, dashboard=page, telemetry={"stale_s": 5.0}),
    )
    accounts = site / "accounts.json"
    sessions = accounts.with_name("accounts-sessions.json")
    allowed = Allowed(
        site,
        read=(config,),
        written=store(database),
        connected=(f"127.0.0.1:{broker.port}",),
        listening=(f"127.0.0.1:{free_port}",),
        replaced=(accounts, sessions),
    )
    async with field_at(broker.port, base) as field, traced(config, calls) as daemon:
        await field.see("availability", lambda m: m.text == "online", within_s=120.0)
        await a_move(field, database)
        # The meters fall silent, and speak again.
        await field.see("alert/stale_meters")
        field.loads(*CALM)
        await field.see("alert/stale_meters", lambda m: m.payload == b"")
        await daemon.says("the page is served")
        found = await asyncio.to_thread(_visit, free_port)
        assert b"<html" in found
        await field.see("diagnostics")
        assert (await daemon.end()).code == 0
    _judge(allowed, calls, site)


async def test_with_certificates_credentials_and_a_model_it_touches_these_besides(
    free_port: int, site: Path, calls: Path, tmp_path: Path
) -> None:
    """The libraries of TLS and of the model report to nobody."""
    street, credentials = tmp_path / "street", tmp_path / "credentials"
    street.mkdir()
    credentials.mkdir()
    authority = make_authority(street, "broker")
    passwords = street / "passwords"
    made = ("mosquitto_passwd", "-c", "-b", str(passwords), "c", "correct horse")
    await asyncio.to_thread(subprocess.run, made, check=True)
    (credentials / "mqtt.password").write_text("correct horse")
    listener = f"certfile {street}/broker.pem\nkeyfile {street}/broker.key\npassword_file {passwords}"
    base, database = fresh_base(), site / "eb.db"
    tls = {"tls": True, "ca_file": str(authority), "user": "c"}
    config = write_config(site / "c.toml", sections(free_port, base, database, mqtt=tls, forecast={"model": "default"}))
    allowed = Allowed(
        site,
        read=(config, authority, credentials, site / "models", *MODEL_RUNTIME),
        written=store(database),
        replaced=(site / ordeal.FILE,),
        connected=(f"127.0.0.1:{free_port}",),
    )

    def prepare(client: mqtt.Client) -> None:
        context = ssl.create_default_context(cafile=authority)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        client.tls_set_context(context)
        client.username_pw_set("c", "correct horse")

    with PrivateBroker(street, free_port, f"{listener}\nallow_anonymous false") as broker:
        broker.start()
        async with (
            field_at(free_port, base, prepare) as field,
            traced(config, calls, CREDENTIALS_DIRECTORY=str(credentials)) as daemon,
        ):
            await field.see("availability", lambda m: m.text == "online", within_s=120.0)
            assert (await daemon.says("learned forecast"))["model"] == "default"
            await a_move(field, database)
            assert (await daemon.end()).code == 0
    _judge(allowed, calls, site)


async def test_a_bridge_touches_what_its_configuration_names(broker: Broker, site: Path, calls: Path) -> None:
    street = Street(site / "adapter")
    with street.line:
        base = "bridge-run/strace"
        config = written(site, broker, base, street.line.path)
        device = Path(street.line.path)
        allowed = Allowed(
            site,
            read=(config,),
            written=(*store(site / "bridge.db"), device),
            connected=(f"{broker.host}:{broker.port}",),
        )
        program = (sys.executable, "-m", "firmware_bridge", "run", "--config", str(config))
        async with listening(broker, base) as listener:
            with _process(command(calls, *program), site) as child:
                for house in ("h1", "h2"):
                    await listener.until(f"switch/{house}/availability", b"online")
                await listener.when("a reading", lambda: listener.last("meter/h1") is not None)
                listener.client.publish(f"{base}/switch/h2/set", order("h2", "L3", "L1"), 1)
                await listener.when("done", lambda: (listener.states("h2") or [{}])[-1].get("result") == "done")
                child.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(child.wait, 60.0) == 0
    _judge(allowed, calls, site)


def test_what_is_not_named_is_found(site: Path, calls: Path) -> None:
    """The judgement itself: a program that opens what it should not is convicted of each thing."""
    program = (
        "import socket, subprocess\n"
        "open('/etc/hostname').read(); open('stray', 'w').close()\n"
        "socket.socket().connect_ex(('127.0.0.2', 9)); s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
        "subprocess.run(['/bin/true'])"
    )
    subprocess.run(command(calls, sys.executable, "-c", program), check=True, cwd=site, env=environment())
    _until_written(calls)
    found = seen(calls, site)
    excess = Allowed(site, read=(), written=(), connected=()).excess(found)
    assert excess[:3] == ["read /etc/hostname", f"wrote {site}/stray", "connected 127.0.0.2:9"]
    assert excess[3].startswith("listened at 127.0.0.1:")
    assert len(excess) == 4
    assert "/bin/true" in found.ran


def _judge(allowed: Allowed, calls: Path, cwd: Path) -> None:
    _until_written(calls)
    found = seen(calls, cwd)
    print(f"\n{found.calls} calls; written {sorted(found.written)}")  # noqa: T201 - for people (-s)
    print(f"connected {sorted(found.connected)}, listening at {sorted(found.listening)}, {sorted(found.families)}")  # noqa: T201
    others = sorted(p for p in found.read if not _below(p, PROGRAM))
    print(f"read besides the program: {others}")  # noqa: T201
    # Were nothing seen, nothing would be proved.
    assert str(allowed.written[0]) in found.written
    assert set(allowed.connected) <= found.connected
    assert set(allowed.listening) <= found.listening
    assert allowed.excess(found) == []
    assert found.ran == {sys.executable}


def _until_written(calls: Path) -> None:
    """strace stands behind the program and ends after it: its last lines may come later."""
    deadline, before = time.monotonic() + 30.0, -1
    while time.monotonic() < deadline:
        size = sum(file.stat().st_size for file in calls.iterdir())
        if size == before:
            return
        before = size
        time.sleep(0.3)


def _visit(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30.0) as answer:
        found: bytes = answer.read()
        return found
