"""Schema versions: an old database becomes a new one with all that was in it, a newer or foreign one is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_balancer.storage import migrations
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.errors import StorageError, Trouble
from edge_balancer.storage.migrations import Migration, latest_version, migrate
from edge_balancer.storage.store import Store
from edge_balancer.storage.verify import verify
from edge_balancer.types.events import EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Mode
from tests.storage.storage_cases import NOW, event, feeder_minute, minute, settings

DATA = Path(__file__).parent / "data"
OLD_VERSIONS = sorted(int(path.stem.removeprefix("version_")) for path in DATA.glob("version_*.sql"))
HEAD_OF_VERSION_1 = "14:ee1ffb0408c1cdadf7e28a4cb72d63959f6bd35ed3aad219c1c9200a0288fd36"


def old_database(folder: Path, version: int) -> Path:
    path = folder / f"version_{version}.db"
    connection = sqlite3.connect(path)
    connection.executescript((DATA / f"version_{version}.sql").read_text(encoding="utf-8"))
    connection.close()
    return path


def schema_of(path: Path) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(path)
    try:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        ]
        columns = [(name, *map(str, row)) for name in names for row in connection.execute(f"PRAGMA table_info({name})")]
        others = connection.execute(
            "SELECT type, name FROM sqlite_master WHERE type <> 'table' ORDER BY 1, 2"
        ).fetchall()
        return [*columns, *others]
    finally:
        connection.close()


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    memory = sqlite3.connect(":memory:", isolation_level=None)
    yield memory
    memory.close()


def test_every_version_before_the_latest_is_stored_for_these_tests() -> None:
    assert list(range(1, latest_version())) == OLD_VERSIONS


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_an_old_database_opened_twice_has_the_schema_of_a_new_one(tmp_path: Path, version: int) -> None:
    path = old_database(tmp_path, version)
    for _ in range(2):
        Store.open(path, settings()).close()
        with open_reader(path) as reader:
            assert migrations.version_of(reader) == latest_version()
            assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    Store.open(tmp_path / "new.db", settings()).close()
    assert schema_of(path) == schema_of(tmp_path / "new.db")


def test_what_version_1_knew_is_still_known(tmp_path: Path) -> None:
    path = old_database(tmp_path, 1)
    for _ in range(2):
        with Store.open(path, settings()) as store:
            restored = store.restore(NOW + 60)
            assert store.load_state("learned") == {"price": 120.5}
        assert restored.mode is Mode.ADVISE
        assert restored.seq == 43
        assert restored.phases == {"h1": Phase.L2}
        assert restored.locked == {"h3": "no answer in 30 s"}
        assert [command.id for command in restored.open_commands] == ["c2"]
        assert [move.house for move in restored.moves] == ["h1", "h2", "h3"]
        assert [alert.key for alert in restored.alerts] == ["switch_failed/h3"]
        assert restored.learned == {"price": 120.5}
    with open_reader(path) as reader:
        assert reader.execute("SELECT house, locked_since FROM houses ORDER BY 1").fetchall() == [
            ("h1", None),
            ("h3", NOW + 10.5),
        ]
        assert reader.execute("SELECT count(*), sum(p) FROM house_minutes").fetchone() == (6, 3 * (9504 - 41000))


def test_the_trail_of_version_1_verifies_before_and_after_and_goes_on(tmp_path: Path) -> None:
    path = old_database(tmp_path, 1)
    before = verify(path)
    with Store.open(path, settings()) as store:
        assert store.append([event(EventKind.STARTED, 100)]) == before.head.seq + 1
        store.write_minutes([minute(int(NOW))], [feeder_minute(int(NOW))])
    after = verify(path, HEAD_OF_VERSION_1)
    assert str(before.head) == HEAD_OF_VERSION_1
    assert before.intact
    assert after.intact
    assert after.rows == before.rows + 1


def test_a_newer_database_is_refused_with_the_remedy_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    Store.open(path, settings()).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError, match=r"version 99.*install the edge-balancer version that wrote it") as caught:
        Store.open(path, settings())
    assert caught.value.trouble is Trouble.NEWER
    with pytest.raises(StorageError, match="version 99"), open_reader(path):
        pass


def test_an_older_database_is_read_only_after_the_daemon_has_brought_it_up_to_date(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="start the daemon once"), open_reader(old_database(tmp_path, 1)):
        pass


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (name)")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match="not of edge-balancer") as caught:
        Store.open(path, settings())
    assert caught.value.trouble is Trouble.FOREIGN
    assert schema_of(path) == [("photos", "0", "name", "", "0", "None", "0")]


def test_a_migration_that_fails_half_way_leaves_nothing_behind(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migration(2, "0002_broken.sql", "CREATE TABLE half (x) STRICT;\nSELECT no_such_function();\n")
    good = (migrations.migrations()[0], broken)
    monkeypatch.setattr(migrations, "migrations", lambda: good)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, Path("memory"))
    assert migrations.version_of(connection) == 1
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)


def test_a_script_is_cut_into_statements_with_triggers_whole() -> None:
    script = (
        "CREATE TABLE a (x);\nCREATE TRIGGER t BEFORE DELETE ON a\nBEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n-- the end\n"
    )
    assert [text.split()[1] for text in Migration(1, "x", script).statements()] == ["TABLE", "TRIGGER"]


def test_a_script_whose_last_statement_has_no_end_is_refused() -> None:
    with pytest.raises(ValueError, match="has no end"):
        list(Migration(1, "x", "CREATE TABLE a (x);\nCREATE TABLE b (y)\n").statements())
