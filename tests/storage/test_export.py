"""Exports: the columns promised, the times asked for, the same values in every format."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from edge_balancer.storage.commands import export_command
from edge_balancer.storage.export import EXPORTS, ExportName
from edge_balancer.storage.sinks import FORMATS, ExportFormat
from edge_balancer.storage.store import Store
from edge_balancer.storage.timespan import Timespan, iso, parse_time
from edge_balancer.types.events import AlertState, EventKind
from tests.storage.storage_cases import NOW, alert, decision, event, feeder_minute, life, minute, settings

START = int(NOW) // 900 * 900
DAY = 86_400
NAN = float("nan")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two old quarters, then two hours of minutes; a command's life, a lock-out, alerts."""
    path = tmp_path_factory.mktemp("export") / "a.db"
    with Store.open(path, settings(minute_days=1)) as store:
        old = range(START - 3 * DAY, START - 3 * DAY + 1800, 60)
        store.write_minutes([minute(at, house) for at in old for house in ("h1", "h2")], [])
        while store.thin(START).more:
            pass
        for at in range(START, START + 7200, 60):
            store.write_minutes(
                [minute(at, "h2", -1200.5), minute(at, "h1", q=NAN, v_min=NAN, phase=-1)], [feeder_minute(at)]
            )
        store.append([event(EventKind.STARTED), decision(), *life("c1", "h1"), alert("neutral")])
        store.append(
            [
                event(EventKind.LOCKED, 60.25, house="h2", reason='no "answer",\n<ö>'),
                alert("neutral", AlertState.RESOLVED, 99),
            ]
        )
    return path


def exported(
    database: Path,
    tmp_path: Path,
    what: ExportName,
    form: ExportFormat,
    *,
    start: str | None = None,
    end: str | None = None,
) -> list[dict[str, Any]]:
    out = tmp_path / f"out.{form}"
    assert export_command(database, what, form, start=start, end=end, out=str(out)) == 0
    if form == "csv":
        return list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"), newline="")))
    if form == "json":
        loaded: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))
        return loaded
    table: list[dict[str, Any]] = pq.read_table(out).to_pylist()
    return table


def as_csv(row: dict[str, Any]) -> dict[str, str]:
    return {
        key: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in row.items()
    }


@pytest.mark.parametrize("what", ["telemetry", "switches", "alerts"])
def test_every_format_holds_the_same_rows(database: Path, tmp_path: Path, what: ExportName) -> None:
    by_json = exported(database, tmp_path, what, "json")
    assert by_json
    assert list(by_json[0]) == [column.name for column in EXPORTS[what].columns]
    assert exported(database, tmp_path, what, "parquet") == by_json
    assert exported(database, tmp_path, what, "csv") == [as_csv(row) for row in by_json]


def test_telemetry_has_the_promised_columns_and_values(database: Path, tmp_path: Path) -> None:
    rows = exported(database, tmp_path, "telemetry", "json")
    assert rows[0] == {
        "time": iso(START - 3 * DAY),
        "t": START - 3 * DAY,
        "house": "h1",
        "phase": "L1",
        "p_w": 950.4,
        "q_var": 120.0,
        "v_min": 229.51,
        "v_mean": 230.02,
        "v_max": 231.44,
        "readings": 90,
        "resolution_s": 900,
    }
    young = [row for row in rows if row["resolution_s"] == 60]
    assert (len(rows) - len(young), len(young)) == (4, 240)
    assert [young[0][key] for key in ("house", "phase", "p_w", "q_var", "v_min")] == ["h1", None, 950.4, None, None]
    assert [young[1][key] for key in ("house", "phase", "p_w")] == ["h2", "L1", -1200.5]
    assert rows == sorted(rows, key=lambda row: (row["t"], row["house"]))


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        (None, None, 122),
        (str(START), None, 120),
        (str(START), str(START + 60), 1),
        (iso(START + 60), iso(START + 180), 2),
        (str(START + 3599), str(START + 3601), 1),
        (None, iso(START), 2),
        (str(START + 7200), None, 0),
    ],
)
def test_only_the_timespan_is_exported_with_its_start_and_without_its_end(
    database: Path, tmp_path: Path, start: str | None, end: str | None, minutes: int
) -> None:
    rows = exported(database, tmp_path, "telemetry", "json", start=start, end=end)
    assert len([row for row in rows if row["house"] == "h1"]) == minutes


def test_switches_tell_the_life_of_a_command(database: Path, tmp_path: Path) -> None:
    rows = exported(database, tmp_path, "switches", "json")
    assert [row["kind"] for row in rows] == ["planned", "sent", "acknowledged", "verified", "locked"]
    plan, _, ack, _, lock = rows
    assert [plan[k] for k in ("house", "command", "phase", "from_phase", "command_seq", "decision", "expires")] == [
        *("h1", "c1", "L2", "L1", 1, "d1", NOW + 10),
    ]
    assert ack["result"] == "done"
    assert [lock[k] for k in ("time", "house", "command", "reason", "late")] == [
        *("2025-11-22T16:41:00.250Z", "h2", None, 'no "answer",\n<ö>', False),
    ]
    assert json.loads(lock["body"]) == {"reason": 'no "answer",\n<ö>'}


def test_alerts_tell_every_change(database: Path, tmp_path: Path) -> None:
    rows = exported(database, tmp_path, "alerts", "json", end=str(NOW + 100))
    assert [(row["key"], row["state"], row["value"], row["unit"]) for row in rows] == [
        ("neutral", "active", 12.5, "A"),
        ("neutral", "resolved", 12.5, "A"),
    ]
    assert rows[0]["since"] == "2025-11-22T16:40:00Z"


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_to_export_is_an_empty_table(database: Path, tmp_path: Path, form: ExportFormat) -> None:
    assert exported(database, tmp_path, "alerts", form, start="2001-01-01", end="2001-01-02") == []


def test_more_events_than_one_query_fetches_are_all_there(tmp_path: Path) -> None:
    with Store.open(tmp_path / "many.db", settings()) as store:
        store.append([alert(f"a{n}", at=n) for n in range(2_500)])
    rows = exported(tmp_path / "many.db", tmp_path, "alerts", "csv")
    assert [row["key"] for row in rows] == [f"a{n}" for n in range(2_500)]


def test_standard_output_gets_the_table_and_nothing_else(
    database: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert export_command(database, "alerts", "csv", start=None, end=None, out="-") == 0
    assert capfdbinary.readouterr().out.splitlines()[0].startswith(b"time,t,synced,seq,key")


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        ("yesterday", None, "is not a time"),
        ("nan", None, "is not a time"),
        ("2025-02-01", "2025-01-01", "does not come after"),
    ],
)
def test_a_wrong_time_is_refused_with_the_remedy(
    database: Path, capsys: pytest.CaptureFixture[str], start: str | None, end: str | None, why: str
) -> None:
    assert export_command(database, "alerts", "csv", start=start, end=end, out="-") == 2
    assert why in capsys.readouterr().err


def test_without_pyarrow_parquet_says_what_to_install_and_leaves_the_file_alone(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "old.parquet"
    out.write_text("what was there")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert export_command(database, "alerts", "parquet", start=None, end=None, out=str(out)) == 2
    assert "install edge-balancer[parquet]" in capsys.readouterr().err
    assert out.read_text() == "what was there"
    assert [path.name for path in tmp_path.iterdir()] == ["old.parquet"]


def test_a_file_that_cannot_be_written_is_named(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export_command(database, "alerts", "csv", start=None, end=None, out="/dev/full/none.csv") == 2
    assert "cannot write /dev/full/none.csv" in capsys.readouterr().err


def test_a_database_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export_command(tmp_path / "none.db", "alerts", "csv", start=None, end=None, out="-") == 2
    assert "none.db" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1763829600", NOW),
        (" 1763829600.5 ", NOW + 0.5),
        ("2025-11-22T16:40:00", NOW),
        ("2025-11-22T16:40", NOW),
        ("2025-11-22 16:40:00Z", NOW),
        ("2025-11-22T17:40:00+01:00", NOW),
        ("2025-11-22", NOW - 16 * 3600 - 40 * 60),
    ],
)
def test_times_are_read_as_people_write_them(text: str, expected: float) -> None:
    assert parse_time(text) == expected


def test_an_open_timespan_has_no_ends() -> None:
    assert Timespan.parse(None, None) == Timespan()


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        (NOW, "2025-11-22T16:40:00Z"),
        (NOW + 0.1234, "2025-11-22T16:40:00.123Z"),
        (1e18, ""),
        (-1.0, "1969-12-31T23:59:59Z"),
    ],
)
def test_times_are_shown_in_utc(wall: float, text: str) -> None:
    assert iso(wall) == text
