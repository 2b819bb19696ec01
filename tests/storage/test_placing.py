"""Rows that were written before the machine knew the time are shown at the time at which they really were."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from edge_balancer.dashboard.past import alerts, moves
from edge_balancer.dashboard.past.unreadable import Reading, Unreadable
from edge_balancer.storage.commands import export_command, history_command
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.store import Store
from edge_balancer.storage.timespan import iso
from edge_balancer.storage.trail import read_events
from edge_balancer.storage.verify import verify
from edge_balancer.types.decisions import Decision
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.tojson import to_json
from tests.storage.storage_cases import NOW, alert, decision, life, settings

LOST_S: Final = 7_200.0
"""By how much the clock is behind while nobody has told it the time: it stood still during an outage."""
BOOT: Final = "first"


def at(
    kind: EventKind, boot_s: float, *, synced: bool, said: float | None = None, boot: str = "", booted: float = NOW
) -> Event:
    """An event so many seconds after the boot, which was at NOW in truth; `said` is what the wall clock then shows."""
    wall = booted + boot_s - (0.0 if synced else LOST_S)
    body: dict[str, Any] = {"boot": boot} if boot else {}
    return Event(kind, boot_s, wall if said is None else said, synced, body=body)


def started(boot_s: float, *, synced: bool, boot: str = BOOT, booted: float = NOW) -> Event:
    return at(EventKind.STARTED, boot_s, synced=synced, boot=boot, booted=booted)


def clock(boot_s: float, boot: str = BOOT, booted: float = NOW) -> Event:
    return at(EventKind.CLOCK, boot_s, synced=True, boot=boot, booted=booted)


def mode(boot_s: float, *, synced: bool = False, said: float | None = None, booted: float = NOW) -> Event:
    return at(EventKind.RESUMED, boot_s, synced=synced, said=said, booted=booted)


CASES: Sequence[tuple[str, list[Event], list[float]]] = [
    ("the time arrives", [started(10, synced=False), mode(20), clock(50), mode(60, synced=True)], [10, 20, 50, 60]),
    (
        "the clock is set by hand in between",
        [started(10, synced=False), mode(20), mode(30, said=NOW + 999), clock(50)],
        [10, 20, 30, 50],
    ),
    (
        "the controller restarts before the time arrives",
        [started(10, synced=False), mode(20), started(30, synced=False), mode(40), clock(50)],
        [10, 20, 30, 40, 50],
    ),
    (
        "the controller restarts as the time arrives",
        [started(10, synced=False), mode(20), started(60, synced=True)],
        [10, 20, 60],
    ),
    ("the time is lost and comes again", [started(10, synced=True), mode(20), clock(50)], [10, 20, 50]),
    ("the time is lost for good", [started(10, synced=True), mode(20, said=NOW + 21)], [10, 20]),
    (
        "the time never arrives",
        [started(10, synced=False), mode(20)],
        [10 - LOST_S, 20 - LOST_S],
    ),
    (
        "the supply goes before the time arrives",
        [
            started(10, synced=False),
            mode(20),
            started(5, synced=False, boot="second", booted=NOW + 500),
            mode(8, booted=NOW + 500),
            clock(9, "second", booted=NOW + 500),
        ],
        [10 - LOST_S, 20 - LOST_S, 505, 508, 509],
    ),
    (
        "an older version did not note the boot",
        [started(10, synced=False, boot=""), mode(20), mode(30, synced=True), started(5, synced=True, boot="second")],
        [10 - LOST_S, 20 - LOST_S, 30, 5],
    ),
]


@pytest.mark.parametrize(("events", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_a_row_is_placed_by_the_marks_of_its_boot(
    events: list[Event], expected: list[float], newest_first: bool, tmp_path: Path
) -> None:
    path = written(tmp_path, events)
    with open_reader(path) as connection:
        found = list(read_events(connection, newest_first=newest_first))
    if newest_first:
        found.reverse()
    assert [row.event.wall - NOW for row in found] == pytest.approx(expected, abs=1e-6)
    assert [row.said for row in found] == [event.wall for event in events]
    assert [row.event.synced for row in found] == [event.synced for event in events]
    assert verify(path).intact


@pytest.mark.parametrize(
    ("start", "end", "newest_first", "limit", "expected"),
    [
        (None, None, False, None, [10, 20, 30, 50, 60, 70]),
        (NOW + 20, None, False, None, [20, 30, 50, 60, 70]),
        (NOW + 20, NOW + 60, False, None, [20, 30, 50]),
        (NOW + 20, NOW + 60, False, 2, [20, 30]),
        (NOW + 20, NOW + 60, True, 2, [50, 30]),
        (NOW, NOW + 30, True, 2, [20, 10]),
        (NOW - LOST_S, NOW, False, None, []),
    ],
)
def test_a_timespan_counts_when_it_was_and_not_what_the_clock_said(
    start: float | None, end: float | None, newest_first: bool, limit: int | None, expected: list[float], tmp_path: Path
) -> None:
    events = [started(10, synced=False), mode(20), mode(30), clock(50), mode(60, synced=True), mode(70, synced=True)]
    with open_reader(written(tmp_path, events)) as connection:
        found = read_events(connection, start=start, end=end, newest_first=newest_first, limit=limit)
        assert [row.event.wall - NOW for row in found] == expected


def test_history_export_and_page_show_the_placed_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # As on the clock that stood still: NOW is what it says, and two hours later it is in truth.
    made_up = decision("d1", "Moving h1.")
    record = to_json(msgspec.convert(made_up.body, Decision))
    told = [msgspec.structs.replace(made_up, body=record), *life("c1", "h1"), alert("neutral")]
    unsynced = [Event(e.kind, e.mono, e.wall, False, e.house, e.command, e.body) for e in told]
    mono = told[0].mono
    arrival = Event(EventKind.CLOCK, mono + 60, NOW + 60 + LOST_S, True, body={"boot": BOOT})
    begin = Event(EventKind.STARTED, mono - 1, NOW - 1, False, body={"boot": BOOT})
    path = written(tmp_path, [begin, *unsynced, arrival])

    assert history_command(path, 10, None) == 0
    assert iso(NOW + LOST_S).replace("T", " ").rstrip("Z") in capsys.readouterr().out

    for what in ("switches", "alerts", "trail"):
        out = tmp_path / f"{what}.csv"
        start, end = str(NOW + LOST_S - 10), str(NOW + LOST_S + 600)
        assert export_command(path, what, "csv", start=start, end=end, out=str(out)) == 0
        rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
        assert rows
        for row in rows:
            shift = 0.0 if row["synced"] == "true" else LOST_S
            assert float(row["t"]) == pytest.approx(float(row["t_said"]) + shift)
        if what == "alerts":
            assert rows[0]["since"] == iso(NOW + LOST_S)

    with open_reader(path) as connection:
        reading = Reading(connection, Unreadable())
        made = moves.decision(reading, "d1")
        assert made is not None
        assert made.t == pytest.approx(NOW + LOST_S)
        (move,) = moves.moves_of(reading, "h1", 5)
        assert move.t == pytest.approx(NOW + LOST_S)
        (mark,) = moves.marks(reading, None, NOW + LOST_S - 60, NOW + LOST_S + 60, 10)
        assert mark.house == "h1"
        assert moves.marks(reading, None, NOW - 60, NOW + 60, 10) == ()
        (change,) = alerts.changes(reading, 10, None).items
        assert (change.t, change.since) == pytest.approx((NOW + LOST_S, NOW + LOST_S))


def test_rows_are_not_rewritten(tmp_path: Path) -> None:
    path = written(tmp_path, [started(10, synced=False), mode(20)])
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("SELECT * FROM trail").fetchall()
    with Store.open(path, settings()) as store:
        store.append([clock(50)])
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM trail").fetchall()[:2] == before


def written(folder: Path, events: list[Event]) -> Path:
    path = folder / "a.db"
    with Store.open(path, settings()) as store:
        store.append(events)
    return path
