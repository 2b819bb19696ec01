"""Whoever changes the audit trail behind the program's back is found out, and the row is named."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge_balancer.storage.chain import digest
from edge_balancer.storage.commands import verify_command
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.store import Store
from edge_balancer.storage.trail import COLUMNS, read_rows
from edge_balancer.storage.verify import Fault, Finding, verify
from edge_balancer.types.events import EventKind
from tests.storage.storage_cases import decision, event, life, settings, tamper

ROWS = 14

Change = Callable[[sqlite3.Connection], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trail of fourteen rows, closed."""
    path = tmp_path_factory.mktemp("whole") / "whole.db"
    with Store.open(path, settings()) as store:
        store.append([event(EventKind.STARTED), decision()])
        for number in range(3):
            store.append(life(f"c{number}", f"h{number}", number, at=number * 60.0))
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(whole, tmp_path / "copy.db"))


def found(path: Path, change: Change, expected_head: str | None = None) -> list[tuple[Fault, int, int]]:
    tamper(path, change)
    return [(f.fault, f.seq, f.last_seq) for f in verify(path, expected_head).findings]


def sql(statement: str) -> Change:
    return lambda connection: connection.executescript(statement)


def rewrite(first: int, body: str, *, last: int | None = None, head: bool) -> Change:
    """Change row `first` and compute the hashes anew from there to `last`."""

    def change(connection: sqlite3.Connection) -> None:
        previous: str | None = None
        for row in list(read_rows(connection)):
            if row.seq < first or (last is not None and row.seq > last):
                continue
            new = msgspec.structs.replace(row, body=body if row.seq == first else row.body)
            new = msgspec.structs.replace(new, prev_hash=previous or new.prev_hash)
            previous = digest(new)
            connection.execute(
                "UPDATE trail SET body = ?, prev_hash = ?, hash = ? WHERE seq = ?",
                (new.body, new.prev_hash, previous, row.seq),
            )
        if head:
            connection.execute("UPDATE trail_head SET hash = ?", (previous,))

    return change


def swap(one: int, other: int) -> Change:
    return sql(
        f"UPDATE trail SET seq = -1 WHERE seq = {one}; UPDATE trail SET seq = {one} WHERE seq = {other};"
        f"UPDATE trail SET seq = {other} WHERE seq = -1;"
    )


INSERT = (
    f"INSERT INTO trail ({COLUMNS}) "
    "SELECT {seq}, wall, mono, synced, kind, house, command, body, hash, hash FROM trail"
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(sql("UPDATE trail SET house = 'h9' WHERE seq = 5"), [(Fault.ALTERED, 5, 5)], id="a field"),
        pytest.param(sql("UPDATE trail SET hash = prev_hash WHERE seq = 5"), [(Fault.ALTERED, 5, 5)], id="a hash"),
        pytest.param(
            sql("UPDATE trail SET hash = prev_hash WHERE seq = 14"), [(Fault.ALTERED, 14, 14)], id="last hash"
        ),
        pytest.param(sql("UPDATE trail SET prev_hash = hash WHERE seq = 5"), [(Fault.ALTERED, 5, 5)], id="a link"),
        pytest.param(sql("UPDATE trail SET body = '{' WHERE seq = 14"), [(Fault.ALTERED, 14, 14)], id="the last row"),
        pytest.param(
            sql("UPDATE trail SET house = CAST(X'ff' AS TEXT) WHERE seq = 1"), [(Fault.ALTERED, 1, 1)], id="no Unicode"
        ),
        pytest.param(rewrite(5, "{}", last=5, head=False), [(Fault.ALTERED, 5, 5)], id="a row with a fresh hash"),
        pytest.param(rewrite(5, "{}", last=9, head=False), [(Fault.ALTERED, 9, 9)], id="rows with fresh hashes"),
        pytest.param(rewrite(14, "{}", head=False), [(Fault.HEAD, 14, 14)], id="the last row with a fresh hash"),
        pytest.param(rewrite(5, "{}", head=False), [(Fault.HEAD, 14, 14)], id="all to the end, head forgotten"),
        pytest.param(sql("DELETE FROM trail WHERE seq = 5"), [(Fault.MISSING, 5, 5)], id="one deleted"),
        pytest.param(sql("DELETE FROM trail WHERE seq BETWEEN 5 AND 7"), [(Fault.MISSING, 5, 7)], id="three deleted"),
        pytest.param(sql("DELETE FROM trail WHERE seq = 1"), [(Fault.MISSING, 1, 1)], id="the first deleted"),
        pytest.param(sql("DELETE FROM trail WHERE seq = 14"), [(Fault.MISSING, 14, 14)], id="the last deleted"),
        pytest.param(sql("DELETE FROM trail WHERE seq > 10"), [(Fault.MISSING, 11, 14)], id="the tail cut off"),
        pytest.param(sql("DELETE FROM trail"), [(Fault.MISSING, 1, 14)], id="all deleted"),
        pytest.param(swap(5, 6), [(Fault.REORDERED, 5, 5), (Fault.REORDERED, 6, 6)], id="neighbours exchanged"),
        pytest.param(swap(1, 14), [(Fault.REORDERED, 1, 1), (Fault.REORDERED, 14, 14)], id="ends exchanged"),
        pytest.param(sql("UPDATE trail_head SET hash = '00'"), [(Fault.HEAD, 14, 14)], id="head's hash"),
        pytest.param(sql("UPDATE trail_head SET seq = 12"), [(Fault.INSERTED, 13, 14)], id="head moved back"),
        pytest.param(sql("UPDATE trail_head SET seq = 15"), [(Fault.MISSING, 15, 15)], id="head moved on"),
        pytest.param(sql("DELETE FROM trail_head"), [(Fault.HEAD, 14, 14)], id="head deleted"),
        pytest.param(sql(INSERT.format(seq=0) + " WHERE seq = 1"), [(Fault.INSERTED, 0, 0)], id="inserted before"),
        pytest.param(
            sql(INSERT.format(seq=15) + " WHERE seq = 14"),
            [(Fault.ALTERED, 15, 15), (Fault.INSERTED, 15, 15)],
            id="inserted after",
        ),
    ],
)
def test_a_change_is_found_and_named(copy: Path, change: Change, expected: list[tuple[Fault, int, int]]) -> None:
    assert found(copy, change) == expected


def test_a_row_inserted_in_the_middle_with_the_rest_renumbered_is_found(copy: Path) -> None:
    renumber = "".join(f"UPDATE trail SET seq = {seq + 1} WHERE seq = {seq};" for seq in range(ROWS, 4, -1))
    change = sql(f"{renumber}{INSERT.format(seq=5)} WHERE seq = 4; UPDATE trail_head SET seq = seq + 1;")
    findings = found(copy, change)
    assert (Fault.ALTERED, 5, 5) in findings
    assert {seq for _, seq, _ in findings} >= set(range(5, ROWS + 2))


def test_a_row_put_back_elsewhere_is_told_from_an_altered_one(copy: Path) -> None:
    tamper(copy, sql("DELETE FROM trail WHERE seq = 9; UPDATE trail SET seq = 9 WHERE seq = 3;"))
    findings = {f.seq: f for f in verify(copy).findings}
    assert findings[3] == Finding(3, 3, Fault.MISSING, "row 3 is missing")
    assert findings[9] == Finding(9, 9, Fault.REORDERED, "row 9 was moved: it was written as row 3")


def test_a_guard_that_was_taken_away_is_noticed(copy: Path) -> None:
    connection = sqlite3.connect(copy)
    connection.execute("DROP TRIGGER trail_is_not_deleted")
    connection.close()
    (finding,) = verify(copy).findings
    assert finding.fault is Fault.GUARD
    assert "trail_is_not_deleted" in finding.text


def test_only_a_head_noted_elsewhere_shows_a_complete_rewrite(copy: Path) -> None:
    noted = verify(copy).head
    assert found(copy, rewrite(5, "{}", head=True)) == []
    assert [f.fault for f in verify(copy, str(noted)).findings] == [Fault.EXPECTED_HEAD]
    assert [f.fault for f in verify(copy, noted.hash).findings] == [Fault.EXPECTED_HEAD]


def test_a_head_noted_earlier_still_holds_when_the_trail_has_grown(copy: Path) -> None:
    noted = verify(copy).head
    with Store.open(copy, settings()) as store:
        store.append([event(EventKind.STOPPED, 500)])
    assert verify(copy, str(noted)).intact
    assert not verify(copy, f"{noted.seq + 1}:{noted.hash}").intact


@pytest.mark.parametrize("text", ["abc", "12:abc", "x" * 64, "-1:" + "0" * 64])
def test_what_is_no_head_is_refused(copy: Path, text: str) -> None:
    with pytest.raises(ValueError, match="is not a head"):
        verify(copy, text)


FIELDS = ["wall", "mono", "synced", "kind", "house", "command", "body", "prev_hash", "hash"]


@given(
    seq=st.integers(1, ROWS),
    field=st.sampled_from(FIELDS),
    number=st.floats(0, 1e10),
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_single_altered_field_is_named(
    copy: Path, whole: Path, *, seq: int, field: str, number: float, text: str
) -> None:
    shutil.copy(whole, copy)
    with sqlite3.connect(copy) as connection:
        (old,) = connection.execute(f"SELECT {field} FROM trail WHERE seq = ?", (seq,)).fetchone()
    connection.close()
    new: object = text if isinstance(old, str) else 1 - old if field == "synced" else number
    expected = [] if new == old else [(Fault.ALTERED, seq, seq)]
    update = f"UPDATE trail SET {field} = ? WHERE seq = ?"
    assert found(copy, lambda connection: connection.execute(update, (new, seq))) == expected


@given(first=st.integers(1, ROWS), length=st.integers(1, ROWS))
@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_run_of_deleted_rows_is_named(copy: Path, whole: Path, first: int, length: int) -> None:
    shutil.copy(whole, copy)
    last = min(first + length - 1, ROWS)
    assert found(copy, sql(f"DELETE FROM trail WHERE seq BETWEEN {first} AND {last}")) == [(Fault.MISSING, first, last)]


@given(pair=st.lists(st.integers(1, ROWS), min_size=2, max_size=2, unique=True))
@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_two_exchanged_rows_are_named(copy: Path, whole: Path, pair: list[int]) -> None:
    shutil.copy(whole, copy)
    one, other = sorted(pair)
    assert found(copy, swap(one, other)) == [(Fault.REORDERED, one, one), (Fault.REORDERED, other, other)]


def test_a_live_database_can_be_verified_while_it_is_written(tmp_path: Path) -> None:
    with Store.open(tmp_path / "live.db", settings()) as store:
        store.append([event(EventKind.STARTED)])
        assert verify(store.path).rows == 1
        store.append(life("c1", "h1"))
        report = verify(store.path)
    assert report.intact
    assert report.rows == 5


@pytest.mark.parametrize("statement", ["UPDATE trail SET house = 'x'", "DELETE FROM trail", "DELETE FROM trail_head"])
def test_the_database_itself_forbids_changing_the_trail(copy: Path, statement: str) -> None:
    connection = sqlite3.connect(copy)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()


def test_the_database_itself_forbids_replacing_a_row_and_moving_the_head(copy: Path) -> None:
    connection = sqlite3.connect(copy)
    for statement in (
        INSERT.format(seq=5).replace("INSERT", "INSERT OR REPLACE") + " WHERE seq = 4",
        INSERT.format(seq=99) + " WHERE seq = 4",
        "UPDATE trail_head SET seq = 3",
        "INSERT OR REPLACE INTO trail_head VALUES (1, 3, 'x', 0)",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()


def test_the_command_says_what_is_wrong_and_gives_the_exit_code(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify_command(copy, None) == 0
    assert f"{ROWS} rows, head {ROWS}:" in capsys.readouterr().out
    tamper(copy, sql("UPDATE trail SET body = '{}' WHERE seq = 5; DELETE FROM trail WHERE seq = 14"))
    assert verify_command(copy, None) == 1
    printed = capsys.readouterr().out
    assert "altered: row 5 was altered" in printed
    assert "missing: row 14 is missing" in printed
    assert verify_command(tmp_path / "none.db", None) == 2
    assert "No such file" in capsys.readouterr().err
    (tmp_path / "junk.db").write_bytes(b"junk" * 5000)
    assert verify_command(tmp_path / "junk.db", None) == 2
    assert verify_command(copy, "nonsense") == 2


def test_a_damaged_file_is_unreadable_rather_than_intact(copy: Path) -> None:
    raw = bytearray(copy.read_bytes())
    for page in range(1, len(raw) // 4096):
        raw[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    copy.write_bytes(raw)
    with pytest.raises(StorageError, match="recover"):
        verify(copy)
