"""The disk hangs, neither failing nor answering, while a command waits for its record; and what is heard meanwhile.

Another connection's write lock stands for it: with SQLite's patience out of the way, a write waits for it in the same
call in which it would wait for a card that does not answer, and comes through when it is released.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from edge_balancer.daemon import Daemon
from edge_balancer.demo.broker import Broker
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import EventKind
from edge_balancer.types.switching import Mode
from tests.daemon.daemon_cases import CALM, POSITIONS, recorded, running, small_feeder, trail
from tests.daemon.field import Field, field_at, fresh_base, until

Site: TypeAlias = tuple[Field, Daemon, Path]


@asynccontextmanager
async def calm_site(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience_s: float, age_s: float
) -> AsyncIterator[Site]:
    """A feeder on which only people's wishes move anything, and a disk that may hang for as long as the test likes."""
    monkeypatch.setattr("edge_balancer.storage.database.BUSY_TIMEOUT_S", 60.0)
    monkeypatch.setattr("edge_balancer.daemon.JOURNAL_PATIENCE_S", patience_s)
    monkeypatch.setattr("edge_balancer.daemon.COMMAND_AGE_S", age_s)
    base, database = fresh_base(), tmp_path / "eb.db"
    async with field_at(broker.port, base) as field, running(small_feeder(broker.port, base, database)) as daemon:
        await field.see("availability", lambda m: m.text == "online")
        field.present(*POSITIONS)
        field.loads(*CALM)
        await field.see("phases", lambda m: m.json["houses_fresh"] == 6)
        yield field, daemon, database


@contextmanager
def hanging(database: Path) -> Iterator[None]:
    """No write comes through, and none fails."""
    holder = sqlite3.connect(database, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        yield
    finally:
        holder.close()


def wish(field: Field, house: str, phase: str) -> None:
    field.say(f"switch/{house}/request", {"phase": phase, "operator": "Ann", "reason": "trial"})


def commands(field: Field) -> list[str]:
    return [message.house for message in field.said("switch/*/set")]


async def given_up(database: Path, number: int = 1) -> None:
    """A command was recorded as never sent."""
    failed = await recorded(database, EventKind.FAILED, number)
    assert [event.body["sent"] for event in failed] == [False] * number
    assert trail(database, EventKind.SENT, EventKind.LOCKED) == []


async def test_no_command_leaves_while_the_disk_hangs_and_people_are_told(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calm_site(broker, tmp_path, monkeypatch, patience_s=0.3, age_s=10.0) as (field, daemon, database):
        with hanging(database):
            wish(field, "h02", "L3")
            alert = await field.see("alert/storage")
            assert alert.json["severity"] == "critical"
            assert "has not answered for" in alert.json["text"]
            here = field.now()
            # Known to hang, it is not waited for again: the next wish is answered at once, and commands nothing either.
            wish(field, "h03", "L1")
            await field.see("decision", lambda m: m.json["operator"] == "Ann", since=here)
            await field.see("phases", since=field.now())
            assert commands(field) == []
        await field.see("alert/storage", lambda m: m.payload == b"", since=here)
        assert daemon.storage_fault == ""
        await given_up(database, 2)
        # The controller works as before.
        wish(field, "h05", "L1")
        await field.see("switch/h05/set")
        assert commands(field) == ["h05"]
    planned = {event.house: event for event in trail(database, EventKind.PLANNED)}
    assert planned["h03"].body["late"] is True
    assert verify(database).intact


async def test_what_waits_for_a_hung_disk_is_bounded_and_gives_up_alerts_before_moves(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calm_site(broker, tmp_path, monkeypatch, patience_s=0.2, age_s=10.0) as (field, daemon, database):
        with hanging(database):
            wish(field, "h02", "L3")
            await until(lambda: daemon.storage_fault != "", "the fault")
            wish(field, "h03", "L1")
            late = daemon._journal._late._events
            await until(lambda: any(e.house == "h03" and e.kind is EventKind.FAILED for e in late), "h03 given up")
            for _ in range(3000):
                await daemon._journal.record([daemon._event(EventKind.REQUEST, {"reason": "flood"})], wait=False)
            assert daemon._journal.waiting == 1000
            lost = daemon._journal.lost
            assert lost >= 2000
            assert len([task for task in asyncio.all_tasks() if task.get_name() == "journal"]) == 1
            assert len(daemon._storage._jobs) <= 1
        await until(lambda: not daemon._journal.busy, "the disk's answer")
        assert daemon._journal.waiting == 0
        # What told of the move has not been pushed out, and how much has is on record.
        assert {EventKind.PLANNED, EventKind.FAILED} <= {e.kind for e in trail(database) if e.house == "h03"}
        assert [e.body["lost"] for e in trail(database) if "lost" in e.body] == [lost]


async def test_a_row_that_can_never_be_recorded_takes_no_other_with_it_and_stops_only_what_it_announces(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calm_site(broker, tmp_path, monkeypatch, patience_s=2.0, age_s=1.0) as (_, daemon, database):
        good, bad = daemon._event(EventKind.REQUEST, {"reason": "good"}), daemon._event(EventKind.ALERT, {})
        assert await daemon._journal.record([bad, good], wait=True) is False
        assert await daemon._journal.record([good], wait=True) is True
        assert len(trail(database, EventKind.REQUEST)) == 2
        assert daemon.storage_fault == ""


Meanwhile: TypeAlias = Callable[[Field], None]

OVERTAKEN: dict[str, tuple[Meanwhile, bool]] = {
    "hold": (lambda f: f.say("mode/set", "hold"), True),
    "advise": (lambda f: f.say("mode/set", "advise"), True),
    "its switch reports": (lambda f: f.switch("h02", "L2"), True),
    "its switch goes offline": (lambda f: f.say("switch/h02/availability", "offline", retain=True), True),
    "the mode in force, again": (lambda f: f.say("mode/set", "auto"), False),
    "another switch reports": (lambda f: f.switch("h03", "L3"), False),
    "another switch goes offline": (lambda f: f.say("switch/h03/availability", "offline", retain=True), False),
    "its switch is online": (lambda f: f.say("switch/h02/availability", "online", retain=True), False),
}
"""What is heard while a command to h02 waits for its record, and whether the command is given up for it."""


@pytest.mark.parametrize(("meanwhile", "stops"), OVERTAKEN.values(), ids=OVERTAKEN)
async def test_what_is_heard_during_the_wait_for_the_disk_stops_the_command_it_concerns(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, stops: bool
) -> None:
    async with calm_site(broker, tmp_path, monkeypatch, patience_s=30.0, age_s=30.0) as (field, daemon, database):
        with hanging(database):
            wish(field, "h02", "L3")
            await until(lambda: daemon._journal.busy and "h02" in daemon.engine._switches.flights._by_house, "a wait")
            before = daemon._link.received
            meanwhile(field)
            await until(lambda: daemon._link.received > before, "the message")
            await field.sync()
            assert commands(field) == []
            assert (daemon._intake.against("h02", Mode.AUTO) != "") is stops
        if stops:
            await given_up(database)
            assert commands(field) == []
        else:
            await field.see("switch/h02/set")


async def test_a_command_whose_record_took_too_long_is_given_up(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calm_site(broker, tmp_path, monkeypatch, patience_s=30.0, age_s=0.3) as (field, daemon, database):
        with hanging(database):
            wish(field, "h02", "L3")
            await until(lambda: "h02" in daemon.engine._switches.flights._by_house, "a command")
            begun = daemon._clock.monotonic()
            await until(lambda: daemon._clock.monotonic() - begun > 0.3, "0.3 s")
        await given_up(database)
        assert commands(field) == []


async def test_a_stop_does_not_wait_for_a_hung_disk(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    async with calm_site(broker, tmp_path, monkeypatch, patience_s=0.2, age_s=10.0) as (field, daemon, database):
        holding: Any = hanging(database)
        holding.__enter__()
        wish(field, "h02", "L3")
        await until(lambda: daemon.storage_fault != "", "the fault")
        thread = daemon._storage._thread
        began = loop.time()
    assert loop.time() - began < 2.0
    holding.__exit__(None, None, None)
    assert thread is not None
    await asyncio.to_thread(thread.join, 5.0)
    assert verify(database).intact
