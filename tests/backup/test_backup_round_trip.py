"""A backup and its restore: everything that belongs to a site comes back, on this machine or another, and no secret is
in the archive."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import tarfile
import threading
from pathlib import Path

import pytest

from edge_balancer.backup import archive, make, withheld
from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.manifest import Entry, Manifest
from edge_balancer.dashboard.access.accounts import load
from edge_balancer.settings.load import load as load_settings
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.migrations import latest_version, migrate
from edge_balancer.storage.store import Store
from edge_balancer.storage.verify import verify
from tests.backup.backup_site import PASSWORD, PEM, Site, append, empty, events, furnished


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    found = furnished(tmp_path / "old")
    monkeypatch.setenv("STATE_DIRECTORY", str(found.var))
    monkeypatch.setattr("edge_balancer.backup.places.CREDENTIALS", tmp_path / "none")
    return found


def everything(archive_: Path) -> bytes:
    with tarfile.open(archive_) as tar:
        streams = [tar.extractfile(member) for member in tar]
        return b"".join(stream.read() for stream in streams if stream is not None)


def test_a_site_comes_back_on_another_machine(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main, keys = tmp_path / "site.tar.gz", tmp_path / "keys.tar.gz"
    assert site.call("backup", "--out", main, "--keys", keys) == 0
    head = str(verify(site.store).head)
    assert head in capsys.readouterr().out
    other = empty(tmp_path / "new")
    monkeypatch.setenv("STATE_DIRECTORY", str(other.var))
    assert other.call("restore", main, "--keys", keys) == 0
    before, after = site.files(), other.files()
    hidden = "etc/templates/meters/.draft.toml.swp"
    assert set(after) == set(before) - {hidden}
    same = set(after) - {"var/edge-balancer.db"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    report = verify(other.store)
    assert report.intact
    assert str(report.head) == head
    assert load_settings(other.config, os.environ).mqtt.password.get_secret_value() == PASSWORD
    assert load(other.accounts).account("anna") is not None
    assert stat.S_IMODE(other.config.stat().st_mode) == 0o640
    assert stat.S_IMODE((other.etc / "page.key").stat().st_mode) == 0o600
    # And it can be written to as before.
    append(other, 3)
    assert verify(other.store).rows == 8


def test_no_secret_is_in_the_archive_and_all_are_in_that_of_the_keys(site: Site, tmp_path: Path) -> None:
    main, keys = tmp_path / "site.tar.gz", tmp_path / "keys.tar.gz"
    credentials = tmp_path / "none"
    credentials.mkdir()
    (credentials / "edge-balancer.channels.twilio.auth_token").write_text("t0ken")
    (credentials / "other.secret").write_text("not ours")
    assert site.call("backup", "--out", main, "--keys", keys) == 0
    content, key_content = everything(main), everything(keys)
    for secret in (json.dumps(PASSWORD)[1:-1].encode(), PEM.format("PRIVATE KEY").encode(), b"t0ken"):
        assert secret not in content
    assert PEM.format("PRIVATE KEY").encode() in key_content
    assert b"t0ken" in key_content
    assert b"not ours" not in key_content
    assert {main.stat().st_mode & 0o777, keys.stat().st_mode & 0o777} == {0o600}


def test_without_the_keys_the_rest_comes_back_and_what_lacks_is_named(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = tmp_path / "site.tar.gz"
    assert site.call("backup", "--out", main) == 0
    assert "mqtt.password" in capsys.readouterr().out
    other = empty(tmp_path / "new")
    monkeypatch.setenv("STATE_DIRECTORY", str(other.var))
    assert other.call("restore", main) == 0
    assert "Still missing, being secrets: mqtt.password" in capsys.readouterr().out
    assert not (other.etc / "page.key").exists()
    assert 'password = "@secret:mqtt.password@"' in other.config.read_text()


def test_what_stood_there_is_kept_aside(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = tmp_path / "site.tar.gz"
    assert site.call("backup", "--out", main) == 0
    head = str(verify(site.store).head)
    append(site, 7)
    later = str(verify(site.store).head)
    settings = site.config.read_text()
    site.config.write_text(settings.replace("250", "400"))
    capsys.readouterr()
    assert site.call("restore", main) == 0
    said = capsys.readouterr().out
    assert not list(site.var.glob("*-wal"))
    assert not list(site.var.glob(".edge*"))
    assert str(verify(site.store).head) == head
    (aside,) = site.var.glob("edge-balancer.db.before-*")
    assert str(aside) in said
    assert str(verify(aside).head) == later
    (old,) = site.etc.glob("edge-balancer.toml.before-*")
    assert "400" in old.read_text()
    assert "250" in site.config.read_text()


def test_a_check_touches_nothing(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = tmp_path / "site.tar.gz"
    assert site.call("backup", "--out", main) == 0
    append(site, 1)
    before = site.files()
    assert site.call("restore", main, "--check") == 0
    assert f"would restore {site.store}" in capsys.readouterr().out
    assert site.files() == before


def test_a_folder_of_archives_is_thinned_to_the_newest(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    foreign = [folder / "edge-balancer-f2-20200101T000000Z.tar.gz", folder / "edge-balancer-f1-mine.tar.gz"]
    old = [folder / f"edge-balancer-f1-2020010{day}T000000Z.tar.gz" for day in range(1, 5)]
    for file in (*foreign, *old):
        file.write_bytes(b"x")
    assert site.call("backup", "--folder", folder, "--keep", "3") == 0
    assert all(file.exists() for file in foreign)
    assert [file.exists() for file in old] == [False, False, True, True]
    assert len(make.of_folder(folder, "f1")) == 3


def test_what_a_killed_backup_left_in_the_folder_goes_with_the_next_one(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    left = {age: folder / f".edge-balancer-backup-{age}" for age in ("old", "young")}
    part = {age: folder / f".edge-balancer-f1-{age}.tar.gz.4711" for age in ("old", "young")}
    foreign = folder / ".edge-balancer-notes"
    for copy in left.values():
        copy.mkdir(parents=True)
        (copy / "store.db").write_bytes(b"x")
    for file in (*part.values(), foreign):
        file.write_bytes(b"x")
    for old in (left["old"], part["old"], foreign):
        os.utime(old, (1.0, 1.0))
    assert site.call("backup", "--folder", folder) == 0
    assert not left["old"].exists()
    assert not part["old"].exists()
    assert left["young"].exists(), "it may be at work"
    assert part["young"].exists()
    assert foreign.exists()


def test_while_the_controller_writes_every_copy_is_of_one_moment(site: Site, tmp_path: Path) -> None:
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        store = Store.open(site.store, StorageSettings())
        while not stop.is_set():
            store.append(events(3))
            written += 3
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            seen = written
            main = tmp_path / f"{number}.tar.gz"
            assert site.call("backup", "--out", main) == 0
            folder = tmp_path / f"unpacked-{number}"
            folder.mkdir()
            manifest = archive.unpack(main, folder)
            report = verify(folder / "state" / "edge-balancer.db")
            assert report.intact
            assert str(report.head) == manifest.head
            # Groups are whole, and what was on disk before is in it.
            assert (report.rows - 5) % 3 == 0
            assert report.rows >= seen
    finally:
        stop.set()
        writer.join(30.0)
    assert written > 12
    assert verify(site.store).intact


def test_what_waits_in_the_stores_log_is_in_the_copy(site: Site, tmp_path: Path) -> None:
    store = Store.open(site.store, StorageSettings())
    store.append(events(4))
    assert site.store.with_name("edge-balancer.db-wal").stat().st_size > 0
    assert site.call("backup", "--out", tmp_path / "site.tar.gz") == 0
    assert archive.read_manifest(tmp_path / "site.tar.gz").head.startswith("9:")
    store.close()


def test_a_backup_of_a_resting_store_leaves_nothing_beside_it(site: Site, tmp_path: Path) -> None:
    before = sorted(file.name for file in site.var.iterdir())
    assert site.call("backup", "--out", tmp_path / "site.tar.gz") == 0
    assert sorted(file.name for file in site.var.iterdir()) == before


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_restores_belongs_to_whom_it_belonged(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = tmp_path / "site.tar.gz"
    assert site.call("backup", "--out", main) == 0
    other = empty(tmp_path / "new")
    os.chown(other.var, 12345, 12346)
    other.config.write_text("")
    os.chown(other.config, 0, 12346)
    monkeypatch.setenv("STATE_DIRECTORY", str(other.var))
    # A user that is unknown here gives way to the folder's.
    monkeypatch.setattr("edge_balancer.backup.archive._user", lambda _: "")
    monkeypatch.setattr("edge_balancer.backup.archive._group", lambda _: "")
    unnamed = tmp_path / "unnamed.tar.gz"
    with pytest.MonkeyPatch.context() as here:
        here.setenv("STATE_DIRECTORY", str(site.var))
        assert site.call("backup", "--out", unnamed) == 0
    assert other.call("restore", unnamed) == 0
    assert (other.store.stat().st_uid, other.store.stat().st_gid) == (12345, 12346)
    assert (other.var / "models" / "m1").stat().st_uid == 12345
    assert (other.config.stat().st_uid, other.config.stat().st_gid) == (0, 12346)


@pytest.mark.parametrize("written", ['"a b"', r'"q\"q\\"', "'it \\ is'", '"tab\\t"'])
def test_a_secret_is_taken_out_and_put_back_as_it_was_written(written: str) -> None:
    text = f'[mqtt]\nusername = "x"\npassword = {written} # the broker\'s\n'
    without, taken = withheld.take_out(text)
    assert written[1:-1] not in without
    assert withheld.missing(without) == ("mqtt.password",)
    assert withheld.put_back(without, taken) == text


def test_a_secret_that_cannot_be_taken_out_stops_the_backup() -> None:
    with pytest.raises(BackupError, match=r"mqtt\.password"):
        withheld.take_out('[mqtt]\npassword = "\\u0061bcd"\n')


def test_a_file_that_changes_while_it_is_read_stops_the_backup(site: Site, tmp_path: Path) -> None:
    table = site.etc / "houses.csv"

    class Changing(archive.Piece):
        __slots__ = ()

    piece = Changing("config/houses.csv", "settings", "config", "houses.csv", table)
    hashed = archive._entry

    def entry(of: archive.Piece) -> Entry:
        found = hashed(of)
        table.write_bytes(table.read_bytes().replace(b"L1", b"L3"))
        return found

    out = tmp_path / "x.tar.gz"
    with pytest.MonkeyPatch.context() as here:
        here.setattr(archive, "_entry", entry)
        with pytest.raises(BackupError, match="was changed meanwhile"):
            archive.write(out, Manifest(1, "site", "1", "f1", "now"), [piece])
    assert not list(tmp_path.glob("*.gz*"))
    assert not list(tmp_path.glob(".x*"))


def test_a_store_of_an_older_schema_is_saved_and_restored_as_it_is(site: Site, tmp_path: Path) -> None:
    site.store.unlink()
    connection = sqlite3.connect(site.store, isolation_level=None)
    migrate(connection, site.store, up_to=1)
    connection.close()
    main = tmp_path / "site.tar.gz"
    assert site.call("backup", "--out", main) == 0
    assert archive.read_manifest(main).schema == 1
    assert latest_version() > 1
    assert site.call("restore", main) == 0


def test_a_key_among_the_credentials_is_saved_once_and_comes_back_there(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "none"
    credentials.mkdir()
    key = credentials / "edge-balancer.dashboard.tls_key"
    (site.etc / "page.key").rename(key)
    site.config.write_text(site.config.read_text().replace('"page.key"', f'"{key}"'))
    main, keys = tmp_path / "site.tar.gz", tmp_path / "keys.tar.gz"
    assert site.call("backup", "--out", main, "--keys", keys) == 0
    key.unlink()
    assert site.call("restore", main, "--keys", keys) == 0
    assert key.read_text() == PEM.format("PRIVATE KEY")
    # And the nightly one is made by who cannot read it: systemd lends it to the unit.
    lent = tmp_path / "lent"
    lent.mkdir()
    (lent / "dashboard.tls_key").write_bytes(key.read_bytes())
    key.unlink()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(lent))
    assert site.call("backup", "--out", tmp_path / "night.tar.gz") == 0
    assert PEM.format("PRIVATE KEY").encode() not in everything(tmp_path / "night.tar.gz")
