"""The queue on disk: whole or not at all, damaged ones set aside, a full disk told and survived."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from edge_balancer.alerts.telling.directory import Moment, ways_of
from edge_balancer.alerts.telling.state import Clockwork, State, Status, WayState, from_rows, to_rows
from edge_balancer.alerts.telling.teller import Teller
from edge_balancer.alerts.texts import ENGLISH
from edge_balancer.messenger.clerk import Clerk
from edge_balancer.messenger.keeper import Keeper
from edge_balancer.messenger.line import ThreadedLine
from edge_balancer.messenger.queue_file import QueueFile, beside, read_rows
from edge_balancer.settings.contacts import ContactSettings, TellingSettings
from edge_balancer.storage.errors import StorageError, Trouble
from edge_balancer.types.events import Alert, AlertState, Severity
from tests.messenger.mailroom import WALL, DirectLine, Mailroom, Service, contact


@pytest.fixture
def keepers() -> Iterator[list[Keeper]]:
    made: list[Keeper] = []
    yield made
    for keeper in made:
        keeper.close(5.0)


def keeper_at(path: Path, keepers: list[Keeper]) -> Keeper:
    keepers.append(Keeper(path, lambda: WALL))
    return keepers[-1]


def test_it_stands_beside_the_store() -> None:
    assert beside(Path("/var/lib/edge-balancer/edge-balancer.db")).name == "edge-balancer-alerts.db"


def test_rows_are_written_changed_and_removed(tmp_path: Path) -> None:
    file = QueueFile(tmp_path / "q.db")
    file.save({"a": b"1", "b": b"2"}, ())
    file.save({"a": b"3"}, ("b",))
    file.close()
    file = QueueFile(tmp_path / "q.db")
    assert file.load() == {"a": b"3"}
    file.close()


def test_a_reader_sees_it_open_or_closed_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "q.db") == {}
    file = QueueFile(tmp_path / "q.db")
    file.save({"a": b"1"}, ())
    assert read_rows(tmp_path / "q.db") == {"a": b"1"}
    file.close()
    assert read_rows(tmp_path / "q.db") == {"a": b"1"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["q.db"]


def another_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def unreadable_rows(path: Path) -> None:
    file = QueueFile(path)
    file.save({"episodes/x": b"{not json"}, ())
    file.close()


@pytest.mark.parametrize("damage", [another_program, garbage, unreadable_rows])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(damage: object, tmp_path: Path, keepers: list[Keeper]) -> None:
    path = tmp_path / "q.db"
    assert callable(damage)
    damage(path)
    keeper = keeper_at(path, keepers)
    state, lost = keeper.open()
    assert (lost, state.episodes) == (True, {})
    assert (tmp_path / f"q.db.damaged-{WALL:.0f}").exists()
    assert keeper.save({"clock": b"{}", "ways/x": b"{}"})
    keeper.close(5.0)
    file = QueueFile(path)
    assert file.load() == {"clock": b"{}", "ways/x": b"{}"}
    file.close()


def test_the_clock_alone_is_not_written(tmp_path: Path, keepers: list[Keeper]) -> None:
    keeper = keeper_at(tmp_path / "q.db", keepers)
    assert keeper.open()[1] is False
    assert keeper.save({"clock": b"1"})
    keeper.close(5.0)
    file = QueueFile(tmp_path / "q.db")
    assert file.load() == {}
    file.close()


@pytest.mark.parametrize(("step_s", "written"), [(0.0, False), (5.0, False), (86_400.0, True), (-86_400.0, True)])
def test_a_clock_that_was_set_is_written_by_itself(
    step_s: float, written: bool, tmp_path: Path, keepers: list[Keeper]
) -> None:
    keeper = keeper_at(tmp_path / "q.db", keepers)
    keeper.open()
    later = State(clock=Clockwork(at=160.0, wall=WALL + 60.0 + step_s), ways={"x": WayState()})
    assert keeper.save(to_rows(State(clock=Clockwork(at=100.0, wall=WALL), ways={"x": WayState()})))
    assert keeper.save(to_rows(later))
    keeper.close(5.0)
    state = from_rows(read_rows(tmp_path / "q.db"))
    assert (state.clock.at == 160.0) is written


def test_a_folder_that_is_not_there_is_a_fault_and_not_the_end(tmp_path: Path, keepers: list[Keeper]) -> None:
    keeper = keeper_at(tmp_path / "gone" / "q.db", keepers)
    state, lost = keeper.open()
    assert (lost, state.letters) == (True, {})
    assert "gone" in keeper.fault
    assert not keeper.save({"ways/x": b"{}"})


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_on_a_full_disk_people_are_told_all_the_same_and_all_is_written_once_there_is_room(
    tmp_path: Path, keepers: list[Keeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real file system of one megabyte, filled to the last byte."""
    monkeypatch.setattr("edge_balancer.messenger.keeper.RETRY_S", 0.0)
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        keeper = keeper_at(disk / "q.db", keepers)
        keeper.open()
        service, standing = Service(), [Alert("storage", Severity.CRITICAL, AlertState.ACTIVE, WALL, "Full. So. Do.")]
        ways = ways_of([ContactSettings.model_validate(contact())])
        teller = Teller(TellingSettings(gather_s=0), ways, ENGLISH, "feeder-1")
        clerk = Clerk(teller, ways, {"sms": DirectLine(service)}, keeper.save, Random(1))
        clerk.turn(Moment(100.0, WALL), [])
        with (disk / "rest").open("wb", buffering=0) as rest, suppress(OSError):
            while rest.write(b"x" * 512):
                pass
        filler = [
            Alert(f"switch_locked/h{n}", Severity.WARNING, AlertState.ACTIVE, WALL, "Locked. " + 2000 * "x")
            for n in range(40)
        ]
        for turn in range(3):
            clerk.turn(Moment(101.0 + turn, WALL + 1.0 + turn), [*standing, *filler])
        assert "full" in keeper.fault
        assert len(service.taken()) == 1
        (disk / "rest").unlink()
        clerk.turn(Moment(110.0, WALL + 10.0), standing)
        assert keeper.fault == ""
        keeper.close(5.0)
        letters = from_rows(read_rows(disk / "q.db")).letters
        assert [letter.status for letter in letters.values()] == [Status.SENT]
    finally:
        for keeper in keepers:
            keeper.close(5.0)
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_another_version_is_not_written_to(tmp_path: Path) -> None:
    file = QueueFile(tmp_path / "q.db")
    file.close()
    with sqlite3.connect(tmp_path / "q.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError) as caught:
        QueueFile(tmp_path / "q.db")
    assert caught.value.trouble is Trouble.CORRUPT


def test_after_the_state_was_lost_what_stands_is_not_told_again_but_its_end_is(tmp_path: Path) -> None:
    room = Mailroom(tmp_path)
    room.begin("storage")
    room.pass_s(60)
    room.close()
    room.path.unlink()
    for rest in tmp_path.glob("alerts.db-*"):
        rest.unlink()
    room.restart()
    room.clerk.teller.assume_told(Moment(room.now, room.wall), tuple(room.alerts.values()))
    room.pass_s(600)
    assert len(room.texts()) == 1
    room.end("storage")
    room.pass_s(3600)
    assert len(room.texts()) == 2
    assert "Over" in room.texts()[1]
    ids = [message["id"] for message in room.channel.taken()]
    assert len(set(ids)) == 2
    room.close()


def test_a_line_that_is_ended_has_done_what_it_began(tmp_path: Path) -> None:
    line = ThreadedLine(Service(), lambda: None, listen_every_s=0.01)
    assert not line.busy
    line.end()
    line.join(5.0)
    assert line.done() == []
