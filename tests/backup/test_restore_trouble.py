"""Restores from records that are missing or unreadable, to disks that fill up, and of secrets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_balancer.backup import archive, part_files, records
from edge_balancer.storage.verify import verify
from tests.backup.backup_nights import HOUSES, night, record_days, rows
from tests.backup.backup_site import Site, append, empty

UNREADABLE = Path("/proc/self/mem")
"""A regular file whose first byte cannot be read: EIO, as of a sector that has died."""


def part(folder: Path, group: str) -> Path:
    return min(records.folder_of(folder, "f1").glob(f"{group}-*"))


@pytest.mark.parametrize(
    ("group", "more", "code", "says"),
    [
        ("minutes", (), 1, "cannot be read (Input/output error"),
        ("minutes", ("--partial",), 0, "left out, being missing or damaged: minutes-20260529-"),
        ("trail", ("--partial",), 1, "--without-records restores settings, models, accounts and keys"),
    ],
)
def test_a_part_that_cannot_be_read_is_told_or_left_out(
    site: Site,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    group: str,
    more: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    record_days(site, 0, 2)
    file, _ = night(site, folder)
    dead = part(folder, group)
    dead.unlink()
    dead.symlink_to(UNREADABLE)
    assert site.call("restore", file, *more) == code
    out = capsys.readouterr()
    assert says in out.out + out.err
    assert len(rows(site.store)["house_minutes"]) == (2 - (not code)) * 1440 * HOUSES


def test_a_disk_that_fails_while_parts_are_unpacked_is_no_fault_of_theirs(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record_days(site, 0, 2)
    file, _ = night(site, folder)
    # The part's own file is there, and cannot be written to.
    opened = Path.open

    def full(self: Path, mode: str = "r") -> object:
        return opened(Path("/dev/full"), "wb") if self.name == "part.db" else opened(self, mode)

    monkeypatch.setattr(Path, "open", full)
    monkeypatch.setattr(os, "fchmod", lambda *_: None)
    assert site.call("restore", file, "--partial") == 1
    said = capsys.readouterr()
    assert "No space left on device" in said.err
    assert "left out" not in said.out


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_disk_that_fills_up_with_rows_is_told_as_that(
    site: Site, folder: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record_days(site, 0, 3)
    file, _ = night(site, folder)
    monkeypatch.setattr("edge_balancer.backup.restore.check_room", lambda *_, **__: None)
    unpacked = part_files.unpack
    # The parts themselves lie where there is room: it is SQLite that finds none.
    work = folder / "part.db"
    monkeypatch.setattr(part_files, "unpack", lambda f, p, out: (unpacked(f, p, work), out.symlink_to(work)))
    made = records._unpacked

    def with_work_removed(*args: object, **kwargs: object) -> Iterator[Path]:
        for out in made(*args, **kwargs):  # type: ignore[arg-type]
            yield out
            work.unlink()

    monkeypatch.setattr(records, "_unpacked", with_work_removed)
    other = empty(small_disk)
    monkeypatch.setenv("STATE_DIRECTORY", str(other.var))
    assert other.call("restore", file) == 1
    said = capsys.readouterr().err
    assert "disk is full" in said
    assert "make room on that disk" in said
    assert "do not fit" not in said


def test_room_is_asked_for_all_that_is_unpacked_at_once(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record_days(site, 0, 3)
    append(site, 2000)
    file, _ = night(site, folder)
    manifest = archive.read_manifest(file)
    asked: list[int] = []

    def free(_: object) -> object:
        return shutil._ntuple_diskusage(1 << 40, 0, asked[0])

    other = empty(tmp_path / "new")
    monkeypatch.setenv("STATE_DIRECTORY", str(other.var))
    needed = site.store.stat().st_size + max(part.size for part in manifest.parts)
    needed += sum(entry.size for entry in manifest.entries if entry.kind != "store")
    asked.append(needed)
    monkeypatch.setattr(shutil, "disk_usage", free)
    assert other.call("restore", file) == 1, "so much would be written"
    asked[0] = needed * 2
    assert other.call("restore", file) == 0


def test_an_archive_without_its_records_gives_everything_else(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys.tar.gz"
    file, _ = night(site, folder, "--keys", str(keys))
    alone = tmp_path / file.name
    file.rename(alone)
    other = empty(tmp_path / "new")
    append(other, 2)
    head = str(verify(other.store).head)
    monkeypatch.setenv("STATE_DIRECTORY", str(other.var))
    assert other.call("restore", alone, "--keys", keys) == 1
    assert "--without-records restores settings" in capsys.readouterr().err
    assert other.call("restore", alone, "--keys", keys, "--without-records") == 0
    assert f"The store {other.store} is as it was" in capsys.readouterr().out
    assert other.config.read_text() == site.config.read_text()
    for name in ("accounts.json", "models/m1/model.onnx"):
        assert (other.var / name).read_bytes() == (site.var / name).read_bytes()
    assert (other.etc / "page.key").read_bytes() == (site.etc / "page.key").read_bytes()
    assert str(verify(other.store).head) == head


@pytest.mark.parametrize(("keys", "mode"), [(True, 0o640), (False, 0o644)])
def test_secrets_do_not_come_back_into_a_file_that_all_can_read(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: bool, mode: int
) -> None:
    # Of a version that did not mind, or in a closed folder.
    site.etc.chmod(0o700)
    site.config.chmod(0o644)
    main, apart = tmp_path / "site.tar.gz", tmp_path / "keys.tar.gz"
    assert site.call("backup", "--out", main, "--keys", apart) == 0
    other = empty(tmp_path / "new")
    service = other.var.stat().st_gid
    if os.geteuid() == 0:
        service = 12346
        os.chown(other.var, 0, service)
    monkeypatch.setenv("STATE_DIRECTORY", str(other.var))
    assert other.call("restore", main, *(("--keys", apart) if keys else ())) == 0
    found = other.config.stat()
    assert found.st_mode & 0o777 == mode
    if keys:
        assert found.st_gid == service, "the service reads it through its group"
