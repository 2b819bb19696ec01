"""What a restore refuses, and that whatever stops it leaves everything as it was."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from edge_balancer.backup import archive, restore
from edge_balancer.backup.manifest import FORMAT, NAME, Entry, Manifest, decode, encode
from edge_balancer.backup.places import places
from edge_balancer.storage.migrations import latest_version
from edge_balancer.storage.verify import verify
from firmware_bridge.host.instance_lock import held
from tests.backup.backup_site import Site, append, furnished

Change = Callable[[dict[str, bytes]], None]


@pytest.fixture
def saved(site: Site, tmp_path: Path) -> Path:
    """The site's archive; the site has gone on since."""
    out = tmp_path / "site.tar.gz"
    assert site.call("backup", "--out", out, "--keys", tmp_path / "keys.tar.gz") == 0
    append(site, 2)
    return out


def changed(file: Path, change: Change) -> Path:
    """The archive, with its contents changed."""
    with tarfile.open(file) as tar:
        content = {member.name: stream.read() for member in tar if (stream := tar.extractfile(member))}
    change(content)
    out = file.with_name("changed.tar.gz")
    with tarfile.open(out, "w:gz") as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out


def with_manifest(**fields: object) -> Change:
    def change(content: dict[str, bytes]) -> None:
        content[NAME] = encode(msgspec.structs.replace(decode(content[NAME]), **fields))

    return change


def with_entry(index: int, **fields: object) -> Change:
    def change(content: dict[str, bytes]) -> None:
        manifest = decode(content[NAME])
        entries = list(manifest.entries)
        entries[index] = msgspec.structs.replace(entries[index], **fields)
        # Written as it is: `encode` would not mind, and `decode` must.
        content[NAME] = encode(msgspec.structs.replace(manifest, entries=tuple(entries)))

    return change


def with_store(statement: str) -> Change:
    """Another store, with a manifest that fits it."""

    def change(content: dict[str, bytes]) -> None:
        import hashlib

        file = Path(os.environ["STATE_DIRECTORY"]).parent / "other.db"
        file.write_bytes(content["state/edge-balancer.db"])
        connection = sqlite3.connect(file, isolation_level=None)
        connection.executescript(statement)
        connection.close()
        data = content["state/edge-balancer.db"] = file.read_bytes()
        manifest = decode(content[NAME])
        entries = tuple(
            msgspec.structs.replace(e, size=len(data), sha256=hashlib.sha256(data).hexdigest())
            if e.kind == "store"
            else e
            for e in manifest.entries
        )
        content[NAME] = encode(msgspec.structs.replace(manifest, entries=entries))

    return change


def flipped(name: str) -> Change:
    def change(content: dict[str, bytes]) -> None:
        data = bytearray(content[name])
        data[len(data) // 2] ^= 1
        content[name] = bytes(data)

    return change


def without(name: str) -> Change:
    def change(content: dict[str, bytes]) -> None:
        del content[name]

    return change


def with_file(name: str) -> Change:
    def change(content: dict[str, bytes]) -> None:
        content[name] = b"more"

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (flipped("config/houses.csv"), "its hash is another"),
        (flipped("state/edge-balancer.db"), "its hash is another"),
        (without("state/accounts.json"), "is missing"),
        (without(NAME), "does not begin with its manifest"),
        (with_file("../../evil"), "not as its manifest says"),
        (with_file("config/more.toml"), "not as its manifest says"),
        (with_manifest(format=FORMAT + 1), "use the program that made it"),
        (with_manifest(contents="keys"), "give the site's archive first"),
        (with_manifest(schema=latest_version() + 1, program="9.9"), "install that version or a newer one"),
        (with_manifest(head="1:00"), "its manifest says 1:00"),
        (with_entry(1, path="../evil"), "leads out of its folder"),
        (with_entry(1, path="/evil"), "leads out of its folder"),
        (with_entry(1, place="elsewhere", path="etc/evil"), "no absolute path"),
        (with_entry(1, place="elsewhere", path="/tmp/../evil"), "no absolute path"),  # noqa: S108 - refused
        (with_entry(1, place="elsewhere", path="/nowhere/evil"), "--elsewhere"),
        (with_entry(1, name="../evil"), "no name of a file inside"),
        (with_entry(1, mode=0o4755), "mode that cannot be"),
        (with_entry(1, path="edge-balancer.toml"), "names a file twice"),
        (with_store("PRAGMA user_version = 99"), "version 99"),
        (with_store("PRAGMA application_id = 1"), "not of edge-balancer"),
        (
            with_store("DROP TRIGGER trail_is_not_updated; UPDATE trail SET wall = wall + 1 WHERE seq = 3"),
            "audit trail was changed",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_archive_that_is_not_whole_or_not_for_us_changes_nothing(
    site: Site, saved: Path, capsys: pytest.CaptureFixture[str], change: Change, says: str
) -> None:
    before = site.files()
    assert site.call("restore", changed(saved, change)) == 1
    assert says in capsys.readouterr().err
    assert site.files() == before
    assert not list(site.var.glob(".edge*"))


@pytest.mark.parametrize("keep", [0, 10, 1000, -20])
def test_an_archive_that_was_cut_off_changes_nothing(
    site: Site, saved: Path, capsys: pytest.CaptureFixture[str], keep: int
) -> None:
    before = site.files()
    saved.write_bytes(saved.read_bytes()[:keep] if keep else b"")
    assert site.call("restore", saved) == 1
    assert "take another backup" in capsys.readouterr().err
    assert site.files() == before


def test_what_is_no_archive_at_all_is_refused(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "x.gz"
    other.write_bytes(gzip.compress(b"hello"))
    assert site.call("restore", other) == 1
    assert site.call("restore", tmp_path / "missing") == 1
    assert "No such file" in capsys.readouterr().err


def test_a_running_controllers_store_is_not_replaced(
    site: Site, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = site.files()
    with held(site.store, "another edge-balancer controls with this store", "storage.path"):
        assert site.call("restore", saved) == 1
        assert "edge-balancer is running with this store" in capsys.readouterr().err
        # To look whether it could be restored disturbs nobody.
        assert site.call("restore", saved, "--check") == 0
    assert site.files() == before
    assert site.call("restore", saved) == 0


def test_keys_of_another_feeder_are_refused(site: Site, saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = changed(saved.with_name("keys.tar.gz"), with_manifest(feeder="f2"))
    assert site.call("restore", saved, "--keys", keys) == 1
    assert "keys of feeder f2" in capsys.readouterr().err
    assert site.call("restore", saved, "--keys", saved) == 1
    assert "no archive of keys" in capsys.readouterr().err


def test_a_disk_without_room_is_told_before_anything_is_unpacked(
    site: Site, saved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 5, 5))
    assert site.call("restore", saved) == 1
    assert "make room first" in capsys.readouterr().err


def test_a_failure_in_the_middle_puts_everything_back(
    site: Site, saved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, head = site.files(), str(verify(site.store).head)
    replace = Path.replace
    count = 0
    for fails_at in range(1, 20):
        count = 0

        def failing(self: Path, target: Path, fails_at: int = fails_at) -> Path:
            nonlocal count
            if ".before-" not in self.name:
                count += 1
                if count == fails_at:
                    raise OSError(5, "Input/output error", str(self))
            return replace(self, target)

        with monkeypatch.context() as here:
            here.setattr(Path, "replace", failing)
            code = site.call("restore", saved)
        if code == 0:
            break
        assert "everything is as it was before" in capsys.readouterr().err
        after = site.files()
        # The log was folded into the store: the same rows, in fewer files.
        store = "var/edge-balancer.db"
        assert {name: data for name, data in after.items() if name != store} == {
            name: data for name, data in before.items() if name != store
        }
        assert str(verify(site.store).head) == head
    assert count >= 8
    assert str(verify(site.store).head) != head


class Killed(BaseException):
    """As if the process had ended there."""


def kills() -> Iterator[int]:
    yield from range(1, 24)


def test_killed_at_any_step_every_file_is_old_or_new_and_a_second_call_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = furnished(tmp_path / "original")
    monkeypatch.setenv("STATE_DIRECTORY", str(original.var))
    monkeypatch.setattr("edge_balancer.backup.places.CREDENTIALS", tmp_path / "none")
    saved = tmp_path / "site.tar.gz"
    assert original.call("backup", "--out", saved) == 0
    old_head = str(verify(original.store).head)
    append(original, 2)
    original.config.write_text(original.config.read_text() + "# later\n")
    new_head = str(verify(original.store).head)
    replace = Path.replace
    completed = False
    for number in kills():
        site = Site(tmp_path / f"etc-{number}", tmp_path / f"var-{number}")
        shutil.copytree(original.etc, site.etc)
        shutil.copytree(original.var, site.var)
        monkeypatch.setenv("STATE_DIRECTORY", str(site.var))
        count = 0

        def killed(self: Path, target: Path, number: int = number) -> Path:
            nonlocal count
            count += 1
            if count == number:
                raise Killed
            return replace(self, target)

        with monkeypatch.context() as here:
            here.setattr(Path, "replace", killed)
            # What a dead process does not do, either.
            here.setattr(restore, "_undo", lambda _: None)
            try:
                assert site.call("restore", saved) == 0
                completed = True
            except Killed:
                pass
        assert str(verify(site.store).head) in {old_head, new_head}
        assert site.config.read_text().endswith(("# later\n", '"templates"\n'))
        if completed:
            break
        monkeypatch.setattr(
            restore, "_aside", lambda target, stamp: target.with_name(f"{target.name}.before-{stamp}-2")
        )
        assert site.call("restore", saved) == 0
        assert str(verify(site.store).head) == old_head
        monkeypatch.undo()
        monkeypatch.setattr("edge_balancer.backup.places.CREDENTIALS", tmp_path / "none")
    assert completed


def test_a_damaged_store_can_be_replaced_and_is_kept_with_its_log(site: Site, saved: Path) -> None:
    site.store.write_bytes(b"no database at all" * 100)
    log = site.store.with_name("edge-balancer.db-wal")
    log.write_bytes(b"rest of something")
    assert site.call("restore", saved) == 0
    assert verify(site.store).intact
    asides = {file.name.partition(".before-")[2][16:]: file.read_bytes() for file in site.var.glob("*.db.before-*")}
    assert asides == {"": b"no database at all" * 100, "-wal": b"rest of something"}
    assert not log.exists() or log.stat().st_size == 0


def test_a_plan_says_what_goes_where(site: Site, saved: Path) -> None:
    where = places(site.config, os.environ)
    with restore.planned(saved, None, where, elsewhere=False) as plan:
        targets = {step.target for step in plan.steps}
        assert {site.config, site.store, site.accounts, site.etc / "tls" / "ca.pem"} <= targets
        assert all(step.new.is_file() for step in plan.steps)
        assert plan.missing_secrets == ("mqtt.password",)
    assert not any(step.new.exists() for step in plan.steps)


@pytest.mark.parametrize(
    "entry",
    [
        Entry("a/\0b", "settings", "config", "a", 0, "0" * 64),
        Entry("", "settings", "config", "a", 0, "0" * 64),
        Entry(".", "settings", "config", "a", 0, "0" * 64),
        Entry("a", "settings", "config", "", 0, "0" * 64),
        Entry("a", "settings", "config", "a", -1, "0" * 64),
        Entry("a", "settings", "config", "a", 0, "x"),
        Entry(NAME, "settings", "config", "a", 0, "0" * 64),
    ],
)
def test_an_entry_that_cannot_be_is_refused(entry: Entry) -> None:
    good = Manifest(FORMAT, "site", "1", "f1", "now")
    assert decode(encode(good)) == good
    with pytest.raises(ValueError, match="its manifest names"):
        decode(encode(msgspec.structs.replace(good, entries=(entry,))))


def test_a_manifest_that_is_none_is_refused() -> None:
    for data in (b"", b"[]", b"{}", b"\xff", b'{"format": 1}', b'{"format": 1, "contents": "site", "more": 1}'):
        with pytest.raises(ValueError, match="damaged"):
            decode(data)


def test_an_existing_file_is_not_overwritten_by_a_backup(
    site: Site, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = saved.read_bytes()
    assert site.call("backup", "--out", saved) == 1
    assert "exists already" in capsys.readouterr().err
    assert saved.read_bytes() == before
    assert archive.read_manifest(saved).feeder == "f1"
