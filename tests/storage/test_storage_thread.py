"""The store behind the event loop: durable appends, telemetry that never waits, and honest recovery when the disk
fails.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from edge_balancer.storage.backlog import LateEvents, WaitingTelemetry
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.errors import StorageError, Trouble
from edge_balancer.storage.store import Store
from edge_balancer.storage.thread import StorageThread
from edge_balancer.storage.trail import read_events
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.ports import PastMove
from tests.storage.storage_cases import NOW, alert, event, feeder_minute, life, minute, planned, settings


@asynccontextmanager
async def running(path: Path, **changes: Any) -> AsyncIterator[StorageThread]:
    storage = StorageThread(path, settings(**changes), first_retry_s=0.02, last_retry_s=0.1)
    await storage.start(NOW)
    try:
        yield storage
    finally:
        await storage.close()


async def until(condition: Callable[[], bool]) -> None:
    """The thread tells nobody when it has recovered: its state is what there is to look at."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 -- see above
            await asyncio.sleep(0.005)


def recorded(path: Path) -> list[Event]:
    with open_reader(path) as connection:
        return [event for _, event, _ in read_events(connection)]


def count(path: Path, table: str) -> int:
    with open_reader(path) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def carry_log_over(path: Path) -> None:
    """Bring what the write-ahead log holds into the file, so that the file alone is whole."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def remove_database(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


class Lock:
    """Another program that holds the database's write lock."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


async def test_an_awaited_append_is_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with running(path) as storage:
        await storage.append(life("c1", "h1"))
        assert verify(path).rows == 4
        await storage.append([])
        await asyncio.gather(*(storage.append([event(EventKind.STARTED, n=n)]) for n in range(20)))
        assert storage.head == verify(path).head
        assert storage.fault == ""
    assert [e.body.get("n") for e in recorded(path)[4:]] == list(range(20))


async def test_start_gives_what_was_before(tmp_path: Path) -> None:
    async with running(tmp_path / "a.db") as storage:
        await storage.append([planned("c1", "h1", 7)])
        storage.submit_state("learned", {"price": 3.5})
    again = StorageThread(tmp_path / "a.db", settings())
    restored = await again.start(NOW + 1)
    assert (restored.seq, restored.learned) == (7, {"price": 3.5})
    assert [command.id for command in restored.open_commands] == ["c1"]
    assert await again.load_state("learned") == {"price": 3.5}
    assert await again.size_bytes() > 0
    await again.close()


@pytest.mark.parametrize("writable", [True, False])
async def test_a_clock_ahead_and_not_synchronised_at_the_start_forgets_no_move(tmp_path: Path, writable: bool) -> None:
    path = tmp_path / "a.db"
    async with running(path) as storage:
        await storage.append(life("c1", "h1"))
    lock = None if writable else Lock(path)
    storage = StorageThread(path, settings(), first_retry_s=0.02, last_retry_s=0.1)
    restored = await storage.start(NOW + 2 * 86_400.0, synced=False)
    assert bool(storage.fault) is not writable
    assert (restored.wall, list(restored.moves)) == (NOW + 9, [PastMove("h1", NOW)])
    if lock is not None:
        lock.release()
    await storage.close()


async def test_a_disk_that_fails_is_told_once_and_what_waited_is_recorded_late_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with structlog.testing.capture_logs() as logs:
        async with running(path) as storage:
            await storage.append([event(EventKind.STARTED)])
            lock = Lock(path)
            with pytest.raises(StorageError) as caught:
                await storage.append(life("c1", "h1")[:2])
            assert caught.value.trouble is Trouble.LOCKED
            assert "another program holds the database" in storage.fault
            for n in range(3):
                with pytest.raises(StorageError):
                    await storage.append([event(EventKind.STARTED, n=n)])
            assert storage.late_events == 5
            assert verify(path).rows == 1
            lock.release()
            await until(lambda: storage.fault == "")
            await storage.append([event(EventKind.STOPPED)])
            assert storage.late_events == 0
    rows = recorded(path)
    assert [(e.kind, e.body.get("n"), e.body.get("late")) for e in rows] == [
        (EventKind.STARTED, None, None),
        (EventKind.PLANNED, None, True),
        (EventKind.SENT, None, True),
        (EventKind.STARTED, 0, True),
        (EventKind.STARTED, 1, True),
        (EventKind.STARTED, 2, True),
        (EventKind.STOPPED, None, None),
    ]
    assert verify(path).intact
    names = [entry["event"] for entry in logs]
    assert names.count("storage_lost") == 1
    assert names.count("storage_back") == 1
    (back,) = [entry for entry in logs if entry["event"] == "storage_back"]
    assert (back["late_events"], back["lost_events"]) == (5, 0)


async def test_an_event_that_can_never_be_recorded_blocks_nothing(tmp_path: Path) -> None:
    async with running(tmp_path / "a.db") as storage:
        lock = Lock(tmp_path / "a.db")
        with pytest.raises(StorageError):
            await storage.append([event(EventKind.STARTED)])
        for bad in (event(EventKind.STARTED, x=object()), event(EventKind.MODE, mode="fast")):
            with pytest.raises(ValueError, match=r"JSON|fast"):
                await storage.append([bad])
        lock.release()
        await until(lambda: storage.fault == "")
    assert [e.kind for e in recorded(tmp_path / "a.db")] == [EventKind.STARTED]


async def test_telemetry_waits_for_its_batch_and_is_written_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with running(path, batch_s=900) as storage:
        storage.submit_minutes([minute(60)], [feeder_minute(60)])
        await storage.append([event(EventKind.STARTED)])
        assert count(path, "house_minutes") == 0
        storage.submit_minutes([minute(120)], [])
    assert count(path, "house_minutes") == 2
    assert count(path, "feeder_minutes") == 1


async def test_telemetry_is_written_when_its_batch_is_due(tmp_path: Path) -> None:
    async with running(tmp_path / "a.db", batch_s=1) as storage:
        storage.submit_minutes([minute(60)], [])
        await until(lambda: count(tmp_path / "a.db", "house_minutes") == 1)


async def test_telemetry_of_an_outage_is_written_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with running(path, batch_s=1) as storage:
        lock = Lock(path)
        storage.submit_minutes([minute(60)], [])
        storage.submit_state("learned", {"n": 1})
        await until(lambda: storage.fault != "")
        storage.submit_minutes([minute(120)], [])
        storage.submit_state("learned", {"n": 2})
        lock.release()
        await until(lambda: storage.fault == "")
        assert await storage.load_state("learned") == {"n": 2}
        assert storage.dropped_minutes == 0
    assert count(path, "house_minutes") == 2


async def test_handing_over_telemetry_never_waits_for_a_disk_that_hangs(tmp_path: Path) -> None:
    async with running(tmp_path / "a.db") as storage:
        lock = Lock(tmp_path / "a.db")
        hanging = asyncio.create_task(storage.append([event(EventKind.STARTED)]))
        await asyncio.sleep(0)
        began = time.perf_counter()
        for n in range(100):
            storage.submit_minutes([minute(60 * n, f"h{h}") for h in range(55)], [feeder_minute(60 * n)])
        assert time.perf_counter() - began < 0.5
        assert not hanging.done()
        lock.release()
        await asyncio.wait([hanging])


async def test_a_file_that_vanished_is_a_fault_and_no_new_trail_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with running(path) as storage:
        await storage.append([event(EventKind.STARTED)])
        carry_log_over(path)
        path.rename(tmp_path / "moved.db")
        with pytest.raises(StorageError, match="removed or replaced"):
            await storage.append([event(EventKind.STOPPED)])
        await until(lambda: "the file is gone" in storage.fault)
        assert not path.exists()
        with Store.open(path, settings()) as other:
            other.append([event(EventKind.STARTED, 99)])
        await until(lambda: "does not hold row 1" in storage.fault)
        remove_database(path)
        (tmp_path / "moved.db").rename(path)
        await until(lambda: storage.fault == "")
    assert [e.kind for e in recorded(path)] == [EventKind.STARTED, EventKind.STOPPED]
    assert verify(path).intact


async def test_a_store_that_can_only_be_read_at_the_start_is_enough_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    async with running(path) as storage:
        await storage.append(life("c1", "h1", 9))
    lock = Lock(path)
    # A writer's first statement fails on a locked, full or read-only disk alike; here, on the migration of an older
    # schema.
    monkeypatch.setattr(
        "edge_balancer.storage.store.migrate", lambda connection, _: connection.execute("BEGIN IMMEDIATE")
    )
    storage = StorageThread(path, settings(), first_retry_s=0.02, last_retry_s=0.1)
    restored = await storage.start(NOW + 60)
    assert restored.seq == 9
    assert "another program" in storage.fault
    monkeypatch.undo()
    lock.release()
    await until(lambda: storage.fault == "")
    await storage.append([event(EventKind.STARTED, 60)])
    await storage.close()
    assert verify(path).rows == 5


async def test_a_store_that_cannot_be_read_does_not_start(tmp_path: Path) -> None:
    storage = StorageThread(tmp_path / "none" / "a.db", settings())
    with pytest.raises(StorageError, match=r"storage\.path"):
        await storage.start(NOW)
    with pytest.raises(RuntimeError, match="start it first"):
        await storage.append([event(EventKind.STARTED)])
    (tmp_path / "none").mkdir()
    await storage.start(NOW)
    await storage.append([event(EventKind.STARTED)])
    await storage.close()
    assert verify(tmp_path / "none" / "a.db").rows == 1


async def test_old_telemetry_is_thinned_between_other_work(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    start = int(NOW) // 900 * 900
    async with running(path, batch_s=1, minute_days=1) as storage:
        storage.submit_minutes([minute(start + 60 * n, f"h{h}") for n in range(240) for h in range(55)], [])
        await until(lambda: count(path, "house_minutes") == 240 * 55)
        storage.submit_thin(start + 3 * 86_400.0)
        await storage.append([event(EventKind.STARTED)])
        await until(lambda: count(path, "house_minutes") == 0)
        assert storage.fault == ""
    assert count(path, "house_quarters") == 16 * 55


async def test_closing_ends_the_thread_and_a_second_time_does_nothing(tmp_path: Path) -> None:
    async with running(tmp_path / "a.db") as storage:
        assert "storage" in {thread.name for thread in threading.enumerate()}
        await storage.close()
        assert "storage" not in {thread.name for thread in threading.enumerate()}


async def test_closing_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        async with running(tmp_path / "a.db") as storage:
            release = threading.Event()
            hanging = asyncio.create_task(storage._call(lambda: release.wait(30)))
            await asyncio.sleep(0)
            began = time.perf_counter()
            await storage.close(timeout_s=0.1)
            assert time.perf_counter() - began < 1.5
            release.set()
            await hanging
    assert "storage_does_not_close" in [entry["event"] for entry in logs]
    await until(lambda: "storage" not in {thread.name for thread in threading.enumerate()})


async def test_what_could_not_be_saved_at_the_end_is_told(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        async with running(tmp_path / "a.db") as storage:
            lock = Lock(tmp_path / "a.db")
            with pytest.raises(StorageError):
                await storage.append([event(EventKind.STARTED)])
            await storage.close(timeout_s=5)
            lock.release()
    (unsaved,) = [entry for entry in logs if entry["event"] == "storage_unsaved"]
    assert unsaved["events"] == 1


async def test_a_defect_is_a_fault_and_not_the_end_of_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path / "a.db") as storage:

        def defect(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Store, "thin", defect)
        with structlog.testing.capture_logs() as logs:
            storage.submit_thin(NOW)
            await until(lambda: any(entry["event"] == "storage_back" for entry in logs))
        assert [entry["event"] for entry in logs] == ["storage_defect", "storage_lost", "storage_back"]
        await storage.append([event(EventKind.STARTED)])


def test_when_too_many_events_wait_the_oldest_that_tells_of_no_switch_is_given_up() -> None:
    late = LateEvents(limit=3)
    late.add([planned("c1", "h1"), alert("a"), alert("b"), event(EventKind.SENT, command="c1"), alert("c")])
    assert [(e.kind, e.body.get("key")) for e in late.marked()] == [
        (EventKind.PLANNED, None),
        (EventKind.SENT, None),
        (EventKind.ALERT, "c"),
    ]
    late.add([event(EventKind.VERIFIED, command="c1"), event(EventKind.SENT, command="c2")])
    marked = late.marked()
    assert [(e.kind, e.command) for e in marked] == [
        (EventKind.SENT, "c1"),
        (EventKind.VERIFIED, "c1"),
        (EventKind.SENT, "c2"),
    ]
    assert [e.body.get("lost") for e in marked] == [4, None, None]
    assert all(e.body["late"] is True for e in marked)
    late.clear()
    assert (len(late), late.lost) == (0, 0)


def test_when_too_many_minutes_wait_the_oldest_are_dropped_and_counted() -> None:
    waiting = WaitingTelemetry(max_minutes=3, max_feeder_minutes=1)
    waiting.add([minute(n) for n in range(5)], [feeder_minute(0), feeder_minute(60)])
    assert waiting.dropped == 3
    batch = waiting.take()
    assert not waiting
    waiting.add([minute(9)], [])
    waiting.put_back(batch)
    assert [m.minute for m in waiting.take().minutes] == [3, 4, 9]
    assert waiting.dropped == 4
