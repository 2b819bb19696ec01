"""One controller per store: a second start is refused, and nothing of the first one's end stands in the way of the
next."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from edge_balancer.demo.broker import Broker
from edge_balancer.types.events import EventKind
from firmware_bridge.host.instance_lock import AlreadyRunning, lock_file, take
from tests.daemon.daemon_cases import sections, trail
from tests.daemon.field import field_at, fresh_base
from tests.daemon.service import service, write_config

WHO = ("another controls with this store", "storage.path")


async def test_a_second_daemon_on_one_store_ends_with_1_and_says_what_to_do(tmp_path: Path, free_port: int) -> None:
    database = tmp_path / "eb.db"
    config = write_config(tmp_path / "c.toml", sections(free_port, fresh_base(), database))
    async with service(config) as first:
        await first.says("started")
        async with service(config) as second:
            refused = await second.says("the store is in use")
            assert (await second.ended()).code == 1
        assert refused["level"] == "error"
        for word in (str(database) + ".lock", "stop that one first", "storage.path"):
            assert word in refused["error"]
        assert second.count("started") == second.count("storage_opened") == 0
        assert (await first.end()).code == 0
    assert len(trail(database, EventKind.STARTED)) == 1


async def test_the_lock_is_held_across_a_reload_and_ends_with_a_kill(broker: Broker, tmp_path: Path) -> None:
    base, path, database = fresh_base(), tmp_path / "c.toml", tmp_path / "eb.db"
    keys = sections(broker.port, base, database)
    write_config(path, keys)
    async with field_at(broker.port, base) as field, service(path) as first:
        await field.see("availability", lambda m: m.text == "online")
        write_config(path, keys, houses=4)
        first.signal(signal.SIGHUP)
        await first.says("started", 2)
        async with service(path) as second:
            assert (await second.ended()).code == 1
        await first.end(signal.SIGKILL)
        async with service(path) as third:
            await third.says("started")
            assert (await third.end()).code == 0


def test_a_link_to_the_store_is_the_same_store(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "eb.db")
    held = take(tmp_path / "eb.db", *WHO)
    assert held is not None
    with pytest.raises(AlreadyRunning, match=str(tmp_path / r"eb\.db\.lock")):
        take(tmp_path / "link.db", *WHO)
    os.close(held)
    again = take(tmp_path / "link.db", *WHO)
    assert again is not None
    os.close(again)


def test_another_store_in_the_folder_is_another_lock(tmp_path: Path) -> None:
    held = [take(tmp_path / "a.db", *WHO), take(tmp_path / "b.db", *WHO)]
    for descriptor in held:
        assert descriptor is not None
        os.close(descriptor)


def test_a_lock_file_that_another_user_left_serves(tmp_path: Path) -> None:
    lock_file(tmp_path / "eb.db").touch(mode=0o444)
    held = take(tmp_path / "eb.db", *WHO)
    assert held is not None
    os.close(held)


def test_where_no_lock_can_be_made_it_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # A missing folder refuses the file as a read-only one does, also to root.
    assert take(tmp_path / "none" / "eb.db", *WHO) is None
    assert "would not be noticed" in caplog.text
    assert str(tmp_path / "none" / "eb.db.lock") in caplog.text
