"""The daemon as a service: signals, exit codes, reloads, what it tells systemd, and its log."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_balancer.demo.broker import Broker
from edge_balancer.run import Service
from edge_balancer.settings.check import examine
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import EventKind
from firmware_bridge.host.sd_notify import Notifier
from tests.daemon.daemon_cases import CALM, POSITIONS, SKEWED, recorded, running, sections, small_feeder, trail
from tests.daemon.field import field_at, fresh_base, retained, until
from tests.daemon.service import command, service, write_config

STOP_S = 8.0
"""A stop must take less: an attempt to connect, which must not hold it up, takes ten seconds."""


@asynccontextmanager
async def silent_listener(port: int, *, accepts: bool = True) -> AsyncIterator[None]:
    """A port behind which nobody answers: it accepts connections and says nothing, or lets them hang unaccepted."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    listener.listen(0 if not accepts else 8)
    waiting: list[socket.socket] = []
    if not accepts:
        # Fill the backlog: further connections get no answer to their first packet.
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            waiting.append(client)
    try:
        yield
    finally:
        for client in waiting:
            client.close()
        listener.close()


async def test_sigterm_ends_it_in_order_and_in_time(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    config = write_config(tmp_path / "c.toml", sections(broker.port, base, tmp_path / "eb.db"))
    async with field_at(broker.port, base) as field:
        async with service(config) as daemon:
            await field.see("availability", lambda m: m.text == "online")
            field.present(*POSITIONS)
            await field.sync()
            field.loads(*SKEWED)
            await field.see("switch/*/set")
            ended = await daemon.end()
        assert ended.code == 0
        assert ended.seconds < STOP_S
        await field.see("availability", lambda m: m.text == "offline")
        await field.sync()
        assert (await retained(broker.port, base))["availability"] == b"offline"
    rows = trail(tmp_path / "eb.db")
    assert rows[0].kind is EventKind.STARTED
    assert rows[-1].kind is EventKind.STOPPED
    assert verify(tmp_path / "eb.db").intact
    assert daemon.log[-1]["event"] == "stopped"
    for line in daemon.log:
        assert {"time", "level", "event", "logger"} <= line.keys()


async def test_a_killed_daemon_is_offline_by_its_last_will(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    config = write_config(tmp_path / "c.toml", sections(broker.port, base, tmp_path / "eb.db"))
    async with field_at(broker.port, base) as field:
        async with service(config) as daemon:
            await field.see("availability", lambda m: m.text == "online")
            await daemon.end(signal.SIGKILL)
            await field.see("availability", lambda m: m.text == "offline")
            assert (await retained(broker.port, base))["availability"] == b"offline"
        here = field.now()
        async with service(config) as again:
            await field.see("availability", lambda m: m.text == "online", since=here)
            assert (await again.end()).code == 0
    starts = trail(tmp_path / "eb.db", EventKind.STARTED)
    assert len({e.body["session"] for e in starts}) == 2


@pytest.mark.parametrize("broker_is", ["absent", "silent", "unreachable"])
async def test_sigterm_ends_it_in_time_whatever_the_broker_does(tmp_path: Path, free_port: int, broker_is: str) -> None:
    keys = sections(free_port, fresh_base(), tmp_path / "eb.db")
    config = write_config(tmp_path / "c.toml", keys)
    async with _broker_that_is(broker_is, free_port), service(config) as daemon:
        await daemon.says("started")
        if broker_is == "absent":
            await daemon.says("broker unreachable")
        ended = await daemon.end()
    assert (ended.code, ended.seconds < STOP_S) == (0, True), ended


async def test_sigterm_ends_it_in_time_within_a_tls_handshake_that_hangs(tmp_path: Path, free_port: int) -> None:
    keys = sections(free_port, fresh_base(), tmp_path / "eb.db", mqtt={"tls": True})
    config = write_config(tmp_path / "c.toml", keys)
    async with silent_listener(free_port), service(config) as daemon:
        await daemon.says("started")
        ended = await daemon.end()
    assert (ended.code, ended.seconds < STOP_S) == (0, True), ended


def _broker_that_is(state: str, port: int) -> Any:
    match state:
        case "silent":
            return silent_listener(port)
        case "unreachable":
            return silent_listener(port, accepts=False)
        case _:
            return _nothing()


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


async def test_a_configuration_that_cannot_be_used_ends_it_with_2_and_every_problem(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('[decision]\ndwel_s = 3\nmax_moves = 9\n[[houses]]\nid = "h01"\n')
    process = await asyncio.create_subprocess_exec(
        *command(config), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 2
    assert out == b""
    for word in (b"dwel_s", b"max_moves", b"houses[0].phase"):
        assert word in err, err.decode()


async def test_a_store_that_belongs_to_another_program_ends_it_with_1(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "eb.db").write_text("no database, and nobody's to overwrite")
    config = write_config(tmp_path / "c.toml", sections(free_port, fresh_base(), tmp_path / "eb.db"))
    async with service(config) as daemon:
        assert (await daemon.ended()).code == 1
    assert daemon.log[-1]["event"] == "the store cannot be used"
    assert "eb.db" in daemon.log[-1]["error"]
    assert (tmp_path / "eb.db").read_text() == "no database, and nobody's to overwrite"


async def test_a_second_start_goes_on_where_the_first_one_ended(broker: Broker, tmp_path: Path) -> None:
    base = fresh_base()
    config = write_config(
        tmp_path / "c.toml", sections(broker.port, base, tmp_path / "eb.db", decision={"dwell_s": 3600})
    )
    async with field_at(broker.port, base) as field:
        async with service(config) as first:
            await field.see("availability", lambda m: m.text == "online")
            field.present(*POSITIONS)
            await field.sync()
            field.loads(*SKEWED)
            command = await field.see("switch/*/set")
            field.answer(command)
            await recorded(tmp_path / "eb.db", EventKind.ACKNOWLEDGED)
            field.meter(command.house, 5000.0)
            await recorded(tmp_path / "eb.db", EventKind.VERIFIED)
            await first.end()
        here = field.now()
        async with service(config) as second:
            await field.see("availability", lambda m: m.text == "online", since=here)
            field.loads(*CALM)
            # Readings and orders come over connections of their own.
            await field.see("phases", lambda m: m.json["houses_fresh"] == 6, since=here)
            # The dwell of a move before the restart still counts.
            field.say(f"switch/{command.house}/request", {"phase": "L1", "operator": "Ann"})
            decision = await field.see("decision", lambda m: m.json["operator"] == "Ann", since=here)
            assert [v["reason"] for v in decision.json["vetoes"]] == ["dwell"]
            # And the sequence goes on.
            other = "h04" if command.house == "h01" else "h01"
            field.say(f"switch/{other}/request", {"phase": "L3", "operator": "Ann"})
            assert (await field.see(f"switch/{other}/set", since=here)).json["seq"] > command.json["seq"]
            await second.end()


async def test_a_reload_applies_what_it_can_and_says_what_it_cannot(broker: Broker, tmp_path: Path) -> None:
    base, path = fresh_base(), tmp_path / "c.toml"
    keys = sections(broker.port, base, tmp_path / "eb.db", decision={"mode": "advise"})
    write_config(path, keys)
    async with field_at(broker.port, base) as field, service(path) as daemon:
        await field.see("availability", lambda m: m.text == "online")

        daemon.signal(signal.SIGHUP)
        await daemon.says("reload: nothing to apply")

        path.write_text("[decision]\nmax_moves = 9\n")
        daemon.signal(signal.SIGHUP)
        refused = await daemon.says("reload refused: the configuration in force stays")
        assert "max_moves" in str(refused["problems"])
        await field.see("phases", since=field.now())

        changed = {**keys, "mqtt": {**keys["mqtt"], "publish_s": 0.2}, "storage": {"path": str(tmp_path / "other.db")}}
        write_config(path, changed, houses=4)
        here = field.now()
        daemon.signal(signal.SIGHUP)
        assert (await daemon.says("these changes need a restart and are not applied"))["keys"] == ["storage.path"]
        assert (await daemon.says("reloading"))["sections"] == ["mqtt", "houses"]
        # The same way as a restart: away and back, with the new houses, on the same store.
        await field.see("availability", lambda m: m.text == "online", since=here)
        await field.see("phases", lambda m: m.json["houses_total"] == 4, since=here)
        assert daemon.count("started") == 2
        assert not (tmp_path / "other.db").exists()
        assert (await daemon.end()).code == 0
    assert len(trail(tmp_path / "eb.db", EventKind.STARTED)) == 2
    assert verify(tmp_path / "eb.db").intact


@contextmanager
def systemd(path: Path) -> Iterator[socket.socket]:
    """The socket on which systemd listens."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    listener.setblocking(False)
    try:
        yield listener
    finally:
        listener.close()


class Notes:
    """What the daemon told systemd, in order."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.all: list[dict[str, str]] = []

    def __call__(self) -> list[dict[str, str]]:
        while True:
            try:
                text = self._listener.recv(4096).decode()
            except BlockingIOError:
                return self.all
            self.all.append(dict(line.split("=", 1) for line in text.split("\n")))

    def names(self) -> list[str]:
        return [key for note in self() for key in note]


async def test_systemd_hears_ready_status_watchdog_reloading_and_stopping(broker: Broker, tmp_path: Path) -> None:
    base, path = fresh_base(), tmp_path / "c.toml"
    keys = sections(broker.port, base, tmp_path / "eb.db")
    write_config(path, keys)
    with systemd(tmp_path / "s") as listener:
        notes = Notes(listener)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "s"), "WATCHDOG_USEC": "10000000"}
        async with service(path, environ) as daemon:
            await until(lambda: "READY" in notes.names(), "READY")
            await until(lambda: notes.names().count("WATCHDOG") >= 3, "signs of life")
            await until(lambda: any("neutral" in n.get("STATUS", "") for n in notes()), "a status line")
            assert "WATCHDOG" not in notes.names()[: notes.names().index("READY")]

            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            seen = len(notes.all)
            write_config(path, keys, houses=5)
            daemon.signal(signal.SIGHUP)
            await until(lambda: any("READY" in n for n in notes()[seen:]), "READY after the reload")
            reload = [key for n in notes.all[seen:] for key in n if key in {"RELOADING", "STOPPING", "READY"}]
            # systemd takes STOPPING for the end of the service: a reload must not say it.
            assert reload == ["RELOADING", "READY"]
            stamp = next(int(n["MONOTONIC_USEC"]) for n in notes.all if "RELOADING" in n)
            assert before <= stamp <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

            assert (await daemon.end()).code == 0
        # A cycle that was under way may still tell how things stand; nothing takes the farewell back.
        assert set(notes.names()[notes.names().index("STOPPING") + 1 :]) <= {"STATUS", "WATCHDOG"}


async def test_the_watchdog_hears_nothing_while_the_control_cycle_hangs(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with systemd(tmp_path / "s") as listener:
        notes = Notes(listener)
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "s"), "WATCHDOG_USEC": "10000000"})
        config = small_feeder(broker.port, fresh_base(), tmp_path / "eb.db", mqtt={"publish_s": 0.2})
        async with running(config, notifier) as daemon:
            await until(lambda: notes.names().count("WATCHDOG") >= 3, "signs of life")
            gate, cycle = asyncio.Event(), daemon._cycle

            async def hangs() -> None:
                hung.set()
                await gate.wait()
                await cycle()

            hung = asyncio.Event()
            monkeypatch.setattr(daemon, "_cycle", hangs)
            await hung.wait()
            before = notes.names().count("WATCHDOG")
            # Several ticks long: the loop lives, the link lives, the control does not.
            await asyncio.sleep(0.8)
            assert notes.names().count("WATCHDOG") == before
            gate.set()
            await until(lambda: notes.names().count("WATCHDOG") > before, "signs of life again")


async def test_a_reload_that_takes_back_the_one_before_is_not_lost(tmp_path: Path, free_port: int) -> None:
    path = tmp_path / "c.toml"
    keys = sections(free_port, fresh_base(), tmp_path / "eb.db")
    first = examine(write_config(path, keys, houses=6), {}).configuration
    assert first is not None
    running = Service(path, first)
    # Two signals before the daemon has come to its end.
    for houses in (5, 6):
        write_config(path, keys, houses=houses)
        running._reload()
    assert running._next is not None
    assert len(running._next.houses) == 6
