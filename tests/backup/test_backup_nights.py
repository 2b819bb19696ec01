"""What a folder of nightly backups costs and holds: each night writes what a day has brought, and every archive comes
back whole from it, to the last row."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge_balancer.backup import archive, make, part_files, parts, records, store_copy
from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.manifest import WHOLE_FORMAT, Part
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.migrations import latest_version, migrate
from edge_balancer.storage.store import Store
from edge_balancer.storage.verify import verify
from tests.backup.backup_nights import DAY_S, HOUSES, MIDNIGHT, anything, kept, night, record_days, restored, rows
from tests.backup.backup_site import Site, append, events


def test_a_night_writes_what_a_day_has_brought_however_much_there_is(site: Site, folder: Path) -> None:
    record_days(site, 0, 12)
    size = site.store.stat().st_size
    _, first = night(site, folder)
    assert first < 0.7 * size, "packed, and never copied on the way"
    record_days(site, 12, 1)
    append(site, 3)
    before = kept(folder)
    _, second = night(site, folder)
    assert second < size / 6
    assert {name: at for name, at in kept(folder).items() if name in before} == before


def test_every_row_comes_back(site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_days(site, 0, 9)
    monkeypatch.setattr(parts, "GROUPS", (parts.Group("trail", (("trail", "seq"),), 2), *parts.GROUPS[1:]))
    file, _ = night(site, folder)
    manifest = archive.read_manifest(file)
    assert sum(part.group == "trail" for part in manifest.parts) == 3
    other = restored(file, tmp_path, monkeypatch)
    assert rows(other.store) == rows(site.store)
    assert str(verify(other.store).head) == manifest.head
    append(other, 3)
    assert verify(other.store).rows == 8


def test_each_night_of_a_folder_comes_back_as_it_was(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []
    for number in range(3):
        record_days(site, number, 1)
        append(site, 2)
        saved.append((night(site, folder)[0], rows(site.store)))
    # A reading that came late is merged into a day that was saved before; the oldest day is thinned away.
    with closing(sqlite3.connect(site.store)) as store, store:
        store.execute("UPDATE house_minutes SET p = 1, readings = 7 WHERE minute = ? AND series = 2", (MIDNIGHT + 600,))
        store.execute("DELETE FROM house_quarters WHERE quarter < ?", (MIDNIGHT - 39 * DAY_S,))
    saved.append((night(site, folder)[0], rows(site.store)))
    for file, was in saved:
        assert rows(restored(file, tmp_path, monkeypatch).store) == was


def test_an_archive_that_is_asked_for_by_name_is_whole_and_older_programs_take_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_days(site, 0, 1)
    main = tmp_path / "site.tar.gz"
    assert site.call("backup", "--out", main) == 0
    manifest = archive.read_manifest(main)
    assert (manifest.format, manifest.parts) == (WHOLE_FORMAT, ())
    assert rows(restored(main, tmp_path, monkeypatch).store) == rows(site.store)


def test_while_the_controller_has_it_open_a_night_is_of_one_moment(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(site.store, StorageSettings())
    try:
        store.append(events(4))
        moment = parts.skeleton

        def late(connection: sqlite3.Connection) -> bytes:
            store.append(events(2))
            return moment(connection)

        monkeypatch.setattr(parts, "skeleton", late)
        file, _ = night(site, folder)
    finally:
        store.close()
    assert archive.read_manifest(file).head.startswith("9:")
    assert verify(restored(file, tmp_path, monkeypatch).store).rows == 9
    assert verify(site.store).rows == 11


def test_a_controller_that_starts_while_a_resting_store_is_read_stops_the_backup(site: Site) -> None:
    with pytest.raises(BackupError, match="was changed meanwhile"), store_copy.moment(site.store):
        append(site, 1)


def test_a_backup_of_a_resting_store_leaves_nothing_beside_it(site: Site, folder: Path) -> None:
    before = sorted(file.name for file in site.var.iterdir())
    night(site, folder)
    assert sorted(file.name for file in site.var.iterdir()) == before


def test_a_damaged_record_is_noticed_and_written_anew(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record_days(site, 0, 2)
    file, _ = night(site, folder)
    shared = records.folder_of(folder, "f1")
    for damaged in shared.iterdir():
        data = bytearray(damaged.read_bytes())
        data[len(data) // 2] ^= 1
        damaged.write_bytes(data)
    before = site.files()
    assert site.call("restore", file) == 1
    assert "is damaged" in capsys.readouterr().err
    assert site.files() == before
    night(site, folder)
    assert rows(restored(file, tmp_path, monkeypatch).store) == rows(site.store)


@pytest.mark.parametrize(
    ("group", "more", "code", "says"),
    [
        ("trail", (), 1, "is missing: copy the whole folder"),
        ("trail", ("--partial",), 1, "is missing: copy the whole folder"),
        ("minutes", (), 1, "with --partial this telemetry is left out"),
        ("minutes", ("--partial",), 0, "left out, being missing or damaged: minutes-20260529-"),
    ],
)
def test_records_that_are_missing_stop_a_restore_unless_it_can_do_without(
    site: Site,
    folder: Path,
    group: str,
    more: tuple[str, ...],
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record_days(site, 0, 2)
    file, _ = night(site, folder)
    next(iter(sorted(records.folder_of(folder, "f1").glob(f"{group}-*")))).unlink()
    before = site.files()
    assert site.call("restore", file, *more) == code
    out = capsys.readouterr()
    assert says in out.out + out.err
    if code:
        assert site.files() == before
    else:
        assert len(rows(site.store)["house_minutes"]) == 1440 * HOUSES
        assert verify(site.store).intact


def test_records_that_no_archive_needs_any_more_go_with_the_last_that_did(site: Site, folder: Path) -> None:
    record_days(site, 0, 2)
    first, _ = night(site, folder)
    with closing(sqlite3.connect(site.store)) as store, store:
        store.execute("DELETE FROM house_minutes WHERE minute < ?", (MIDNIGHT + DAY_S,))
        store.execute("DELETE FROM feeder_minutes WHERE minute < ?", (MIDNIGHT + DAY_S,))
    shared = records.folder_of(folder, "f1")
    (shared / ".writing-x").write_bytes(b"of a backup that was killed")
    old = shared / next(
        part.name for part in archive.read_manifest(first).parts if part.name.startswith("minutes-20260529")
    )
    night(site, folder, "--keep", "2")
    assert old.exists()
    assert not (shared / ".writing-x").exists()
    newest, _ = night(site, folder, "--keep", "1")
    assert set(kept(folder)) == {part.name for part in archive.read_manifest(newest).parts}


def test_with_an_archive_that_cannot_be_read_no_record_is_removed(site: Site, folder: Path) -> None:
    (folder / "edge-balancer-f1-20200101T000000Z.tar.gz").write_bytes(b"x")
    shared = records.folder_of(folder, "f1")
    shared.mkdir()
    (shared / "minutes-20200101-0000000000000000.db.gz").write_bytes(b"x")
    night(site, folder, "--keep", "5")
    assert "minutes-20200101-0000000000000000.db.gz" in kept(folder)


def test_two_backups_do_not_write_to_one_folder_at_a_time(
    site: Site, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with records.alone(records.folder_of(folder, "f1")):
        assert site.call("backup", "--folder", folder) == 1
    assert "another backup writes to this folder" in capsys.readouterr().err
    assert not make.of_folder(folder, "f1")


def test_a_disk_without_room_is_told_with_the_file_and_no_archive_is_written(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(part_files, "write", full)
    assert site.call("backup", "--folder", folder) == 1
    assert "-records/trail-" in (said := capsys.readouterr().err)
    assert "No space left" in said
    assert not make.of_folder(folder, "f1")


def test_a_store_of_an_older_schema_is_saved_and_restored_as_it_is(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.store.unlink()
    connection = sqlite3.connect(site.store, isolation_level=None)
    migrate(connection, site.store, up_to=1)
    connection.execute("INSERT INTO series VALUES (1, 'h01')")
    connection.execute("INSERT INTO house_minutes VALUES (60, 1, 0, 1, 2, 3, 4, 5, 6)")
    connection.close()
    file, _ = night(site, folder)
    assert archive.read_manifest(file).schema == 1 < latest_version()
    assert rows(restored(file, tmp_path, monkeypatch).store) == rows(site.store)


def test_a_site_without_a_store_is_saved_too(site: Site, folder: Path) -> None:
    site.store.unlink()
    file, _ = night(site, folder)
    assert not archive.read_manifest(file).parts
    assert not kept(folder)


def test_records_of_a_table_that_is_none_are_refused(site: Site, folder: Path, tmp_path: Path) -> None:
    night(site, folder)
    foreign = sqlite3.connect(tmp_path / "foreign.db")
    foreign.execute("CREATE TABLE houses (house TEXT)")
    foreign.close()
    data = (tmp_path / "foreign.db").read_bytes()
    part = records.save(tmp_path, [parts.Stretch("trail", 0, data)], anything)
    with pytest.raises(BackupError, match="none of the records"):
        records.complete(site.store, tmp_path, part, partial=False)


def test_more_than_a_part_promises_is_not_unpacked(site: Site, tmp_path: Path) -> None:
    (part,) = records.save(tmp_path, [parts.Stretch("trail", 0, b"\0" * 50_000_000)], anything)
    small = Part(part.name, 10, part.sha256)
    with pytest.raises(BackupError, match="is damaged"):
        records.complete(site.store, tmp_path, [small], partial=False)
    assert not site.store.with_name("part.db").exists()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_saves_by_hand_belongs_to_the_folders_owner(site: Site, folder: Path) -> None:
    os.chown(folder, 12345, 12346)
    file, _ = night(site, folder)
    shared = records.folder_of(folder, "f1")
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (file, shared, *shared.iterdir())}
    assert owners == {(12345, 12346)}
    shutil.rmtree(folder)
