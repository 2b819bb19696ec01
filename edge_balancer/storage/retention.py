"""How telemetry ages: minutes become quarters of an hour, quarters go in time, and the whole keeps under a bound.

The audit trail is never touched. Every call does a bounded amount of work, so that an append never waits long behind
it.
"""

# ruff: noqa: S608 -- the parts of SQL put together here are constants of this package; values are always bound.

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.database import transaction
from edge_balancer.storage.minutes import FEEDER_COLUMNS, HOUSE_MERGE
from edge_balancer.storage.trail import trail_bytes

QUARTER_S: Final = 900
DAY_S: Final = 86_400

# About 20 ms on a Raspberry Pi 4. One quarter of an hour is always taken whole, whatever it holds.
_ROWS_PER_CALL: Final = 5_000
# Free pages are used again by the next batches; only more than this fraction of the file is worth moving pages for.
_FREE_FRACTION: Final = 0.1
_VACUUM_PAGES_PER_CALL: Final = 250


@dataclass(frozen=True)
class Thinned:
    """What one call did: rows taken from the minutes and from the quarters, and whether there is more to do at once."""

    minute_rows: int = 0
    quarter_rows: int = 0
    more: bool = False


def thin(connection: sqlite3.Connection, settings: StorageSettings, now_wall: float) -> Thinned:
    """One bounded piece of work. `now_wall` must come from a clock that can be trusted: one far ahead would age
    everything.
    """
    minute_limit = _quarter(now_wall - settings.minute_days * DAY_S)
    quarter_limit = _quarter(now_wall - settings.quarter_days * DAY_S)
    with transaction(connection):
        end = _window_end(connection, "house_minutes", "feeder_minutes", "minute", minute_limit)
        if end is not None:
            _minutes_to_quarters(connection, end)
            return Thinned(minute_rows=_delete(connection, "house_minutes", "feeder_minutes", "minute", end), more=True)
        end = _window_end(connection, "house_quarters", "feeder_quarters", "quarter", quarter_limit)
        if end is not None:
            rows = _delete(connection, "house_quarters", "feeder_quarters", "quarter", end)
            return Thinned(quarter_rows=rows, more=True)
        if telemetry_bytes(connection) > settings.max_mb * 1e6:
            return _delete_oldest(connection, now_wall)
    return Thinned(more=_give_back(connection))


def telemetry_bytes(connection: sqlite3.Connection) -> int:
    """About what telemetry takes of the file: the pages in use, without the trail's share."""
    pages, free, page_size = _pages(connection)
    return max(0, (pages - free) * page_size - trail_bytes(connection))


def _minutes_to_quarters(connection: sqlite3.Connection, end: int) -> None:
    # A bare column beside max() takes its value from the row of the maximum (SQLite, "Bare columns in an aggregate
    # query"): the phase is that of the quarter's last minute.
    connection.execute(
        "INSERT INTO house_quarters (quarter, series, phase, p, q, v_min, v_mean, v_max, readings) "
        "SELECT quarter, series, phase, p, q, v_min, v_mean, v_max, readings FROM ("
        f"SELECT minute / {QUARTER_S} * {QUARTER_S} AS quarter, series, phase, max(minute), "
        "CAST(round(avg(p)) AS INTEGER) AS p, CAST(round(avg(q)) AS INTEGER) AS q, min(v_min) AS v_min, "
        "CAST(round(avg(v_mean)) AS INTEGER) AS v_mean, max(v_max) AS v_max, sum(readings) AS readings "
        "FROM house_minutes WHERE minute < ? GROUP BY quarter, series) WHERE true "
        f"ON CONFLICT DO UPDATE SET {HOUSE_MERGE}",
        (end,),
    )
    means = ", ".join(f"{_feeder_aggregate(column)}({column})" for column in FEEDER_COLUMNS)
    merged = ", ".join(_feeder_merge(column) for column in FEEDER_COLUMNS)
    connection.execute(
        f"INSERT INTO feeder_quarters (quarter, minutes, {', '.join(FEEDER_COLUMNS)}) "
        f"SELECT minute / {QUARTER_S} * {QUARTER_S}, count(*), {means} FROM feeder_minutes WHERE minute < ? GROUP BY 1 "
        f"ON CONFLICT DO UPDATE SET {merged}, minutes = minutes + excluded.minutes",
        (end,),
    )


def _feeder_aggregate(column: str) -> str:
    if column.startswith("v_min"):
        return "min"
    return "max" if column.startswith("v_max") or column == "i_n_max" else "avg"


def _feeder_merge(column: str) -> str:
    function = _feeder_aggregate(column)
    if function == "avg":
        mean = f"({column} * minutes + excluded.{column} * excluded.minutes) / (minutes + excluded.minutes)"
    else:
        mean = f"{function}({column}, excluded.{column})"
    return f"{column} = coalesce({mean}, {column}, excluded.{column})"


def _delete_oldest(connection: sqlite3.Connection, now_wall: float) -> Thinned:
    """The file is over its bound: the oldest goes, quarters before minutes because they are older."""
    everything = _quarter(now_wall) + QUARTER_S
    end = _window_end(connection, "house_quarters", "feeder_quarters", "quarter", everything)
    if end is not None:
        rows = _delete(connection, "house_quarters", "feeder_quarters", "quarter", end)
        return Thinned(quarter_rows=rows, more=True)
    end = _window_end(connection, "house_minutes", "feeder_minutes", "minute", everything)
    if end is not None:
        return Thinned(minute_rows=_delete(connection, "house_minutes", "feeder_minutes", "minute", end), more=True)
    return Thinned()


def _window_end(connection: sqlite3.Connection, houses: str, feeder: str, column: str, limit: int) -> int | None:
    """Up to where the oldest rows are to be taken, on a quarter of an hour: about `_ROWS_PER_CALL` rows; None if there
    are none.
    """
    (oldest,) = connection.execute(
        f"SELECT min(t) FROM (SELECT min({column}) AS t FROM {houses} UNION ALL SELECT min({column}) FROM {feeder})"
    ).fetchone()
    if oldest is None or oldest >= limit:
        return None
    # Of either table: with no house reporting, the feeder's rows alone must not be taken all at once.
    bounds = [
        row[0]
        for table in (houses, feeder)
        for row in connection.execute(f"SELECT {column} FROM {table} ORDER BY {column} LIMIT 1 OFFSET {_ROWS_PER_CALL}")
    ]
    return min([limit, *(max(_quarter(bound), _quarter(oldest) + QUARTER_S) for bound in bounds)])


def _delete(connection: sqlite3.Connection, houses: str, feeder: str, column: str, end: int) -> int:
    rows = connection.execute(f"DELETE FROM {houses} WHERE {column} < ?", (end,)).rowcount
    return rows + connection.execute(f"DELETE FROM {feeder} WHERE {column} < ?", (end,)).rowcount


def _give_back(connection: sqlite3.Connection) -> bool:
    """Hand free pages back to the disk where they are many; whether some are left for the next call."""
    pages, free, _ = _pages(connection)
    surplus = free - int(pages * _FREE_FRACTION)
    if surplus <= 0:
        return False
    # Each step of the pragma frees one page. `execute` takes a single step, since there are no columns to fetch; a
    # script is stepped to its end.
    connection.executescript(f"PRAGMA incremental_vacuum({min(surplus, _VACUUM_PAGES_PER_CALL)})")
    return surplus > _VACUUM_PAGES_PER_CALL


def _pages(connection: sqlite3.Connection) -> tuple[int, int, int]:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return pages, free, size


def _quarter(wall: float) -> int:
    return int(wall // QUARTER_S) * QUARTER_S
