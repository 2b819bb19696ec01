"""Nightly backups on disks that are full, failing or closed: the store keeps its room, what was saved stays whole, and
what is wrong is told with its remedy."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from edge_balancer.backup import archive, make, part_files, records, room
from tests.backup.backup_nights import DAY_S, MIDNIGHT, another_second, night, record_days, restored, rows
from tests.backup.backup_site import Site

UNREADABLE = Path("/proc/self/mem")
"""A regular file whose first byte cannot be read: EIO, as of a sector that has died."""


def left(folder: Path) -> list[str]:
    """Files with something in them."""
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file() and f.stat().st_size)


def part(folder: Path, group: str) -> Path:
    return min(records.folder_of(folder, "f1").glob(f"{group}-*"))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_gets_back_what_a_failed_night_wrote(
    site: Site, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_days(site, 0, 3)
    free = shutil.disk_usage(small_disk).free
    for _ in range(2):
        assert site.call("backup", "--folder", small_disk, "--keep", "3") == 1
        assert "No space left" in capsys.readouterr().err
        assert left(small_disk) == []
        # Two empty things: the folder of records and its lock.
        assert shutil.disk_usage(small_disk).free >= free - 16384


@pytest.mark.parametrize("fails_at", ["the second part", "the archive"])
def test_a_night_that_fails_leaves_only_what_was_there(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, fails_at: str
) -> None:
    record_days(site, 0, 1)
    first, _ = night(site, folder)
    before = left(folder)
    record_days(site, 1, 2)
    synced = os.fsync
    count = 0

    def full(descriptor: int) -> None:
        nonlocal count
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        count += 1
        if (count == 2 and fails_at == "the second part") or (".tar.gz" in name and fails_at == "the archive"):
            raise OSError(28, "No space left on device")
        synced(descriptor)

    with monkeypatch.context() as here:
        another_second(folder)
        here.setattr(os, "fsync", full)
        assert site.call("backup", "--folder", folder) == 1
    assert count >= 2
    assert left(folder) == before
    assert archive.read_manifest(first).parts


def test_what_a_killed_night_left_half_written_goes_before_the_next_one_writes(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = records.folder_of(folder, "f1") / ".writing-minutes-20260529-0000000000000000.db.gz"
    half.parent.mkdir()
    half.write_bytes(b"x")
    there: list[bool] = []
    write = part_files.write

    def watched(file: Path, data: bytes, give: Callable[[Path], None]) -> None:
        there.append(half.exists())
        write(file, data, give)

    monkeypatch.setattr(part_files, "write", watched)
    night(site, folder)
    assert there
    assert not any(there)


@pytest.mark.parametrize("where", ["--folder", "--out"])
def test_a_backup_leaves_room_to_the_store_on_its_disk(
    site: Site,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    target = folder if where == "--folder" else folder / "x.tar.gz"
    free = room.RESERVE_BYTES
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free * 9, free * 8, free))
    assert site.call("backup", where, target) == 1
    said = capsys.readouterr().err
    assert "100 MB stay free for the store" in said
    assert "make room" in said
    assert left(folder) == []
    free += 10_000_000
    assert site.call("backup", where, target) == 0


def test_on_a_disk_without_room_a_lower_keep_makes_some(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = folder
    for day in range(3):
        record_days(site, day, 1)
        with closing(sqlite3.connect(site.store)) as store, store:
            store.execute("DELETE FROM house_minutes WHERE minute < ?", (MIDNIGHT + day * DAY_S,))
        newest, _ = night(site, folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    another_second(folder)
    assert site.call("backup", "--folder", folder, "--keep", "1") == 1
    assert make.of_folder(folder, "f1") == [newest]
    shared = records.folder_of(folder, "f1")
    assert {file.name for file in shared.iterdir()} == {p.name for p in archive.read_manifest(newest).parts}


def test_a_part_that_cannot_be_read_any_more_is_written_anew(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_days(site, 0, 2)
    night(site, folder)
    for group in ("trail", "minutes"):
        dead = part(folder, group)
        dead.unlink()
        dead.symlink_to(UNREADABLE)
    newest, _ = night(site, folder)
    assert not any(file.is_symlink() for file in records.folder_of(folder, "f1").iterdir())
    assert rows(restored(newest, tmp_path, monkeypatch).store) == rows(site.store)


@pytest.mark.parametrize(
    ("there", "target", "says"),
    [
        ("a file", "backups/x", "backups/x is no folder"),
        ("a file", "backups/x/y", "is no folder"),
        ("a file for the records", "backups", "edge-balancer-f1-records is no folder"),
        ("nothing", "backups/x/y", "is not there: make it first"),
    ],
)
def test_a_folder_that_is_none_is_told(
    site: Site, folder: Path, there: str, target: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if there == "a file":
        (folder / "x").write_text("mine")
    elif there == "a file for the records":
        records.folder_of(folder, "f1").write_text("mine")
    assert site.call("backup", "--folder", folder.parent / target) == 1
    assert says in capsys.readouterr().err


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
def test_a_read_only_disk_is_told(site: Site, small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert site.call("backup", "--folder", small_disk) == 1
    assert "Read-only file system" in capsys.readouterr().err


def test_an_archive_that_was_given_another_name_keeps_its_records(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_days(site, 0, 2)
    first, _ = night(site, folder)
    was = rows(site.store)
    mine = first.rename(folder / "before-upgrade.tar.gz")
    # A tar of somebody else is no reason to keep all.
    subprocess.run(["tar", "czf", folder / "notes.tar.gz", "-C", site.etc, "houses.csv"], check=True)
    shared = records.folder_of(folder, "f1")
    (shared / "minutes-20200101-0000000000000000.db.gz").write_bytes(b"x")
    with closing(sqlite3.connect(site.store)) as store, store:
        store.execute("DELETE FROM house_minutes")
    night(site, folder, "--keep", "1")
    night(site, folder, "--keep", "1")
    assert rows(restored(mine, tmp_path, monkeypatch).store) == was
    assert not (shared / "minutes-20200101-0000000000000000.db.gz").exists()
    mine.unlink()
    newest, _ = night(site, folder, "--keep", "1")
    assert {file.name for file in shared.iterdir()} == {p.name for p in archive.read_manifest(newest).parts}


def test_an_archive_that_keeps_old_records_from_being_removed_is_named(
    site: Site, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.tar.gz").write_bytes(b"x")
    night(site, folder, "--keep", "1")
    said = capsys.readouterr().err
    assert f"{folder / 'mine.tar.gz'} (" in said
    assert "no old records were removed" in said


def test_thinning_needs_no_second_turn_at_the_folder(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another backup that came between would be a fault of this one, whose archive is written."""
    night(site, folder)
    turns: list[Path] = []
    alone = records.alone

    def counted(of: Path) -> AbstractContextManager[None]:
        turns.append(of)
        return alone(of)

    monkeypatch.setattr(records, "alone", counted)
    night(site, folder, "--keep", "1")
    assert len(turns) == 1
    assert len(make.of_folder(folder, "f1")) == 1


def test_what_is_old_and_cannot_be_removed_is_told_beside_the_archive_that_is_written(
    site: Site, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = folder / "edge-balancer-f1-20200101T000000Z.tar.gz"
    old.mkdir()
    assert site.call("backup", "--folder", folder, "--keep", "1") == 1
    out = capsys.readouterr()
    assert f"{old}: cannot be removed" in out.err
    assert "is written" in out.err
    assert "audit trail to" in out.out
