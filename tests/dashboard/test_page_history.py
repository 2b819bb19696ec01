"""Measured history in few steps: means, with the least and the greatest value kept; gaps stay gaps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_balancer.dashboard.past.history import STEPS_S, feeder_history, house_history, step_for
from edge_balancer.dashboard.past.moves import rows_before
from edge_balancer.dashboard.past.unreadable import Reading, Unreadable
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.store import Store
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.snapshot import MinuteMean, MinuteOfFeeder

DAY_S = 86_400
NOW = 1_790_000_000 // DAY_S * DAY_S
"""A midnight."""


def feeder_minute(minute: int, i_n: float, peak: float | None = None) -> MinuteOfFeeder:
    nan = float("nan")
    return MinuteOfFeeder(
        minute,
        i_n,
        i_n if peak is None else peak,
        10.0,
        (i_n * 100.0, 0.0, -i_n),
        (240.0 + i_n / 100.0, nan, nan),
        (220.0, 219.0, nan),
        1.0,
    )


def house_minute(minute: int, p: float, phase: int = 0, house: str = "h01") -> MinuteMean:
    return MinuteMean(minute, house, phase, p, 0.0, 229.0, 230.0, 231.0 + p / 1000.0, 6)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "eb.db", StorageSettings(minute_days=2)) as opened:
        yield opened


@pytest.fixture
def reader(store: Store) -> Iterator[Reading]:
    with open_reader(store.path) as connection:
        yield Reading(connection, Unreadable())


def test_a_step_keeps_mean_least_and_greatest(store: Store, reader: Reading) -> None:
    minutes = [feeder_minute(NOW + 60 * k, float(k), peak=2.0 * k) for k in range(10)]
    store.write_minutes([], minutes)
    found = feeder_history(reader, NOW, NOW + 600, 10)
    assert (found.step_s, found.t) == (60, [NOW + 60 * k for k in range(10)])
    assert found.series["i_n"] == [float(k) for k in range(10)]
    coarse = feeder_history(reader, NOW, NOW + 1200, 4)
    assert (coarse.step_s, len(coarse.t)) == (300, 4)
    assert coarse.series["i_n"] == [2.0, 7.0, None, None]
    assert coarse.series["i_n_min"] == [0.0, 5.0, None, None]
    assert coarse.series["i_n_max"] == [8.0, 18.0, None, None], "the peaks within minutes"
    assert coarse.series["p_l1_max"] == [400.0, 900.0, None, None]
    assert coarse.series["v_max_l1"] == [240.04, 240.09, None, None]
    assert coarse.series["v_max_l2"] == [None] * 4, "what no meter said stays a gap"
    assert coarse.series["coverage"] == [1.0, 1.0, None, None]


def test_a_house_alone_with_its_phase_at_the_end_of_each_step(store: Store, reader: Reading) -> None:
    values = [(0.0, 0), (1000.0, 0), (-500.0, 2), (500.0, 1)]
    rows = [house_minute(NOW + 60 * k, p, phase) for k, (p, phase) in enumerate(values)]
    store.write_minutes([*rows, house_minute(NOW, 9999.0, house="h02")], [])
    found = house_history(reader, "h01", NOW, NOW + 360, 3)
    assert (found.step_s, len(found.t)) == (120, 3)
    assert found.series["p"] == [500.0, 0.0, None]
    assert (found.series["p_min"], found.series["p_max"]) == ([0.0, -500.0, None], [1000.0, 500.0, None])
    assert found.series["phase"] == [0, 1, None]
    assert found.series["v_max"] == [232.0, 231.5, None]
    unknown = house_history(reader, "h99", NOW, NOW + 360, 3)
    assert set(unknown.series["p"]) == {None}


def test_thinned_and_recent_history_make_one_curve(store: Store, reader: Reading) -> None:
    days = 4
    minutes = range(NOW - days * DAY_S, NOW, 60)
    store.write_minutes(
        [house_minute(minute, 100.0) for minute in minutes], [feeder_minute(minute, 5.0) for minute in minutes]
    )
    while store.thin(NOW).more:
        pass
    assert reader.connection.execute("SELECT count(*) FROM house_quarters").fetchone()[0] > 0
    for found in (
        feeder_history(reader, NOW - days * DAY_S, NOW, 2000),
        house_history(reader, "h01", NOW - days * DAY_S, NOW, 2000),
    ):
        level = found.series["i_n" if "i_n" in found.series else "p"]
        assert found.step_s == 900, "not shorter than what is kept of the beginning"
        assert len(level) == days * 96
        assert set(level) <= {5.0, 100.0}
        assert None not in level
    recent = feeder_history(reader, NOW - 3600, NOW, 100)
    assert recent.step_s == 60


def test_years_ago_and_years_ahead_are_empty_and_cheap(store: Store, reader: Reading) -> None:
    store.write_minutes([house_minute(NOW, 1.0)], [feeder_minute(NOW, 1.0)])
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    reader.connection.set_progress_handler(count, 1000)
    for start, end in ((0.0, 1000.0), (NOW + 1e9, NOW + 2e9), (0.0, 1e11)):
        assert len(house_history(reader, "h01", start, end, 600).t) <= 601
        assert len(feeder_history(reader, start, end, 600).t) <= 601
    assert steps < 50, "nothing is looked up where nothing is"


def test_moves_are_marked_with_their_outcome(store: Store, reader: Reading) -> None:
    def event(kind: EventKind, at: float, command: str, **body: object) -> Event:
        return Event(kind, at - NOW, at, True, "h01", command, dict(body))

    planned = {"from": "L1", "phase": "L2", "seq": 1, "issued": 0.0, "expires": 0.0, "decision": "d"}
    store.append([event(EventKind.PLANNED, NOW + 10.0, "a", **planned), event(EventKind.SENT, NOW + 10.1, "a")])
    store.append([event(EventKind.VERIFIED, NOW + 30.0, "a", phase="L2")])
    store.append([event(EventKind.PLANNED, NOW + 50.0, "b", **planned)])
    store.append([event(EventKind.FAILED, NOW + 50.0, "b", sent=False, reason="it could not be sent")])
    marks = feeder_history(reader, NOW, NOW + 60, 10).moves
    assert [(m.t, m.house, m.origin, m.target, m.outcome) for m in marks] == [
        (NOW + 10.0, "h01", "L1", "L2", "verified"),
        (NOW + 50.0, "h01", "L1", "L2", "not_sent"),
    ]
    assert feeder_history(reader, NOW + 40, NOW + 60, 10).moves == marks[1:]
    assert house_history(reader, "h02", NOW, NOW + 60, 10).moves == ()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e6), max_size=40).map(sorted), st.floats(-10, 1e6))
def test_the_row_of_a_time_is_found_without_reading_all_of_them(walls: list[float], wall: float) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE trail (seq INTEGER PRIMARY KEY, wall REAL, mono REAL DEFAULT 0, synced INTEGER DEFAULT 1)"
    )
    connection.executemany("INSERT INTO trail (wall) VALUES (?)", [(at,) for at in walls])
    assert rows_before(connection, wall) == sum(at < wall for at in walls)
    connection.close()


@settings(max_examples=50, deadline=None)
@given(st.floats(1, 1e11), st.integers(10, 2000))
def test_a_step_is_as_short_as_the_number_of_points_allows(seconds: float, points: int) -> None:
    step = step_for(seconds, points)
    assert seconds / step <= points
    shorter = [s for s in STEPS_S if s < step]
    assert not shorter or seconds / shorter[-1] > points
