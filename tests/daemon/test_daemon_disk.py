"""The disk fails under the running daemon: control goes on, people are told, and what happened is recorded late.

A limit on the size of the process's files stands for the full disk: it needs no root, it strikes at the same calls, and
it can be lifted again from outside. A disk full from the start, read-only or gone is the storage tests' matter.
"""

from __future__ import annotations

import resource
import signal
from pathlib import Path

from edge_balancer.demo.broker import Broker
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import EventKind
from tests.daemon.daemon_cases import CALM, POSITIONS, SKEWED, sections, trail
from tests.daemon.field import field_at, fresh_base, retained
from tests.daemon.service import service, write_config


def limit_file_size(pid: int, size: int) -> None:
    """From now on no file of the process may grow beyond `size` bytes; pipes and sockets are not concerned."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


async def test_control_goes_on_without_a_disk_and_the_trail_catches_up(broker: Broker, tmp_path: Path) -> None:
    base, database = fresh_base(), tmp_path / "eb.db"
    config = write_config(tmp_path / "c.toml", sections(broker.port, base, database))
    async with field_at(broker.port, base) as field, service(config) as daemon:
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        await field.see("phases")
        limit_file_size(daemon.pid, 4096)

        # Any row that cannot be written shows the fault; what is commanded afterwards is commanded all the same.
        field.say("mode/set", "advise")
        field.say("mode/set", "auto")
        await field.see("alert/storage")
        field.loads(*SKEWED)
        command = await field.see("switch/*/set")
        field.answer(command)
        # A reading that comes with the answer says nothing about the time after it.
        await field.see("phases", since=field.now())
        field.meter(command.house, 5000.0)
        alert = (await field.see("alert/storage")).json
        assert alert["severity"] == "critical"
        assert str(database) in alert["text"]
        await daemon.says("storage_lost")
        assert daemon.count("storage_lost") == 1
        here = field.now()
        # Not on record, and nothing pretends that it is.
        assert [e for e in trail(database) if e.command == command.json["id"]] == []
        field.say("switch/h02/request", {"phase": "L3", "operator": "Ann", "reason": "while it is full"})
        await field.see("decision", lambda m: m.json["operator"] == "Ann", since=here)

        limit_file_size(daemon.pid, resource.RLIM_INFINITY)
        await field.see("alert/storage", lambda m: m.payload == b"", since=here)
        back = await daemon.says("storage_back")
        assert back["late_events"] > 0
        assert back["lost_events"] == 0
        assert "alert/storage" not in await retained(broker.port, base)
        assert (await daemon.end()).code == 0

    life = [e for e in trail(database) if e.command == command.json["id"]]
    assert [e.kind for e in life] == [EventKind.PLANNED, EventKind.SENT, EventKind.ACKNOWLEDGED, EventKind.VERIFIED]
    assert all(e.body["late"] is True for e in life)
    asked = trail(database, EventKind.REQUEST)
    assert [e.body["operator"] for e in asked] == ["Ann"]
    told = [e.body["state"] for e in trail(database, EventKind.ALERT) if e.body["key"] == "storage"]
    assert told == ["active", "resolved"]
    assert verify(database).intact


async def test_a_reload_is_refused_while_the_disk_is_full_and_forgets_no_lock_out(
    broker: Broker, tmp_path: Path
) -> None:
    base, database, path = fresh_base(), tmp_path / "eb.db", tmp_path / "c.toml"
    keys = sections(broker.port, base, database)
    write_config(path, keys)
    async with field_at(broker.port, base) as field, service(path) as daemon:
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        field.loads(*CALM)
        await field.see("phases")
        limit_file_size(daemon.pid, 4096)
        field.switch("h02", None, result="failed", reason="contact welded")
        await field.see("alert/switch_locked/h02")
        await field.see("alert/storage")

        write_config(path, keys, houses=5)
        daemon.signal(signal.SIGHUP)
        refused = await daemon.says(
            "reload refused: what happened lately is not on disk, and a new start would not know it"
        )
        assert str(database) in refused["fault"]
        assert "alert `storage` is over" in refused["remedy"]
        await field.see("phases", lambda m: m.json["houses_total"] == 6, since=field.now())
        assert daemon.count("started") == 1

        here = field.now()
        limit_file_size(daemon.pid, resource.RLIM_INFINITY)
        await field.see("alert/storage", lambda m: m.payload == b"", since=here)
        daemon.signal(signal.SIGHUP)
        assert list((await daemon.says("started", 2))["locked"]) == ["h02"]
        assert (await daemon.end()).code == 0
    assert verify(database).intact
