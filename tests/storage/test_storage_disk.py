"""A disk that is full, read-only, locked, damaged or gone: the store says so, with the remedy, and pretends nothing.

The full disk is a real tmpfs where root may mount one, and a file-size limit in a process of its own everywhere. Root
ignores file modes, so read-only files are met as an unprivileged user (`seteuid`); a disk that turns read-only under an
open file cannot be made without a device, and SQLite's own `query_only` stands for it: it fails with the same error
code at the same place.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_balancer.storage.database import open_reader
from edge_balancer.storage.errors import StorageError, Trouble
from edge_balancer.storage.store import Store
from edge_balancer.storage.thread import StorageThread
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Mode
from tests.storage.storage_cases import NOW, event, feeder_minute, life, minute, settings

NOBODY = 65_534
ROOT = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach (pytest's own cannot be)."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def write_for_ever(path: Path) -> None:
    with path.open("wb", buffering=0) as handle:
        while True:
            handle.write(b"x" * 4096)


def fill(store: Store) -> int:
    """Append until the disk is full; how many rows were promised."""
    promised = 0

    def append_for_ever() -> None:
        nonlocal promised
        while True:
            promised = store.append(life(f"c{promised}", "h1", promised))

    with pytest.raises(StorageError) as caught:
        append_for_ever()
    assert caught.value.trouble is Trouble.FULL
    assert "free space on that disk" in str(caught.value)
    assert str(store.path) in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    return promised


@pytest.mark.root
@needs_root
def test_on_a_full_disk_what_was_promised_is_there_and_the_rest_is_refused(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 500_000)
    with Store.open(small_disk / "a.db", settings()) as store:
        promised = fill(store)
        assert promised > 20
        assert verify(store.path).rows == promised
        with pytest.raises(StorageError):
            store.write_minutes([minute(60 * n, f"h{h}") for n in range(60) for h in range(55)], [])
        ballast.unlink()
        assert store.append([event(EventKind.STARTED)]) == promised + 1
        store.write_minutes([minute(60)], [feeder_minute(60)])
    report = verify(small_disk / "a.db")
    assert report.intact
    assert report.rows == promised + 1


LIMITED = """
import resource, sys
from pathlib import Path
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.store import Store
from tests.storage.storage_cases import life, settings

resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
promised = 0
store = Store.open(Path(sys.argv[1]), settings())
try:
    while True:
        promised = store.append(life(f"c{promised}", "h1", promised))
except StorageError as error:
    print(promised, error.trouble)
"""


def test_at_a_file_size_limit_what_was_promised_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    promised, trouble = done.stdout.split()
    assert trouble == Trouble.IO
    assert int(promised) > 20
    assert verify(path).intact
    assert verify(path).rows == int(promised)
    with Store.open(path, settings()) as store:
        assert store.append([event(EventKind.STARTED)]) == int(promised) + 1


@pytest.mark.root
@needs_root
def test_a_file_that_may_only_be_read_cannot_be_written_and_can_be_read(open_folder: Path, as_nobody: None) -> None:
    os.seteuid(0)
    path = open_folder / "a.db"
    with Store.open(path, settings()) as store:
        store.append(life("c1", "h1"))
    path.chmod(0o644)
    open_folder.chmod(0o555)
    os.seteuid(NOBODY)
    with pytest.raises(StorageError, match="user owns the file") as caught, Store.open(path, settings()) as store:
        store.append([event(EventKind.STARTED)])
    assert caught.value.trouble in (Trouble.READ_ONLY, Trouble.MISSING)
    assert verify(path).rows == 4
    with open_reader(path) as connection:
        assert connection.execute("SELECT phase FROM houses").fetchall() == [("L2",)]


def test_a_disk_that_turns_read_only_refuses_every_write(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        store.append([event(EventKind.STARTED)])
        store._trail.execute("PRAGMA query_only = ON")
        store._telemetry.execute("PRAGMA query_only = ON")
        for write in (
            lambda: store.append([event(EventKind.STOPPED)]),
            lambda: store.write_minutes([minute(60)], []),
            lambda: store.save_state("learned", {}),
        ):
            with pytest.raises(StorageError, match="read-only") as caught:
                write()
            assert caught.value.trouble is Trouble.READ_ONLY
        assert store.restore(NOW).seq == 0
        store._trail.execute("PRAGMA query_only = OFF")
        assert store.append([event(EventKind.STOPPED)]) == 2


def test_a_lock_of_another_program_is_waited_for_shortly_and_then_told(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another program holds the database") as caught:
            store.append([event(EventKind.STARTED)])
        assert caught.value.trouble is Trouble.LOCKED
        other.execute("ROLLBACK")
        other.close()
        assert store.append([event(EventKind.STARTED)]) == 1


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database at all " * 500)
    with pytest.raises(StorageError, match="recover") as caught:
        Store.open(tmp_path / "a.db", settings())
    assert caught.value.trouble is Trouble.CORRUPT


@pytest.mark.parametrize("name", ["missing/a.db", "a_folder"])
def test_a_path_that_cannot_be_opened_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "a_folder").mkdir()
    with pytest.raises(StorageError, match=r"storage\.path") as caught:
        Store.open(tmp_path / name, settings())
    assert caught.value.trouble is Trouble.MISSING


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_removed_under_the_store_is_noticed_at_once(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "a.db"
    with Store.open(path, settings()) as store:
        store.append([event(EventKind.STARTED)])
        path.rename(tmp_path / "moved.db")
        if replaced:
            path.write_bytes(b"")
        for write in (lambda: store.append([event(EventKind.STOPPED)]), lambda: store.write_minutes([minute(60)], [])):
            with pytest.raises(StorageError, match="removed or replaced") as caught:
                write()
            assert caught.value.trouble is Trouble.REPLACED


def test_a_copy_without_its_folder_being_writable_is_read(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", settings()) as store:
        store.append(life("c1", "h1"))
        # A live copy: the file alone lacks what is still in the write-ahead log, with it all is there.
        shutil.copy(store.path, tmp_path / "b.db")
        shutil.copy(tmp_path / "a.db-wal", tmp_path / "b.db-wal")
    assert verify(tmp_path / "b.db").rows == 4


@pytest.mark.root
@needs_root
async def test_started_on_a_full_disk_it_knows_what_was_before_and_saves_when_there_is_room(small_disk: Path) -> None:
    path, ballast = small_disk / "a.db", small_disk / "ballast"
    with Store.open(path, settings()) as store:
        store.append([*life("c1", "h1", 7), event(EventKind.MODE, 20, mode="advise")])
    with pytest.raises(OSError, match="No space"):
        write_for_ever(ballast)
    storage = StorageThread(path, settings(), first_retry_s=0.02, last_retry_s=0.1)
    restored = await storage.start(NOW + 60)
    assert (restored.seq, restored.mode, restored.phases) == (7, Mode.ADVISE, {"h1": Phase.L2})
    with pytest.raises(StorageError):
        await storage.append([event(EventKind.STARTED, 60)])
    assert storage.fault
    ballast.unlink()
    async with asyncio.timeout(30):
        while storage.fault:  # noqa: ASYNC110 -- the thread tells nobody; its state is what there is to look at
            await asyncio.sleep(0.005)
    await storage.close()
    report = verify(path)
    assert report.intact
    assert report.rows == 6
