"""Measured history in a few hundred steps, decimated by SQLite: means with the least and the greatest value kept.

Minutes are kept for days, quarters of an hour for years; a step takes what there is of both, each by its length.
"""

# ruff: noqa: S608 -- the parts of SQL put together here are constants of this package; values are always bound.

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from edge_balancer.dashboard.api.history_model import FeederHistory, HouseHistory
from edge_balancer.dashboard.past.moves import marks
from edge_balancer.dashboard.past.unreadable import Reading
from edge_balancer.storage.minutes import POWER_SCALE, VOLT_SCALE

_MINUTE_S: Final = 60
_QUARTER_S: Final = 900
STEPS_S: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
"""Lengths that people read well; a step never divides a quarter of an hour that is all there is."""
MOST_MARKS: Final = 500

How = Literal["mean", "min", "max", "last"]


@dataclass(frozen=True, slots=True)
class _Series:
    """One curve: where it comes from, and how many values become one. `last` is for a phase's index alone."""

    name: str
    column: str
    how: How
    scale: int = 1

    def sql(self) -> str:
        match self.how:
            case "mean":
                weight = f"CASE WHEN {self.column} IS NOT NULL THEN weight END"
                return f"sum({self.column} * 1.0 * weight) / sum({weight})"
            case "last":
                # The value beside the greatest `t`: together they make one number, which is taken apart again.
                return f"max(t * 4 + {self.column} + 1) % 4 - 1"
            case _:
                return f"{self.how}({self.column})"


def _banded(name: str) -> tuple[_Series, ...]:
    return (
        _Series(name, name, "mean"),
        _Series(f"{name}_min", name, "min"),
        _Series(f"{name}_max", name, "max"),
    )


FEEDER_SERIES: Final = (
    _Series("i_n", "i_n", "mean"),
    _Series("i_n_min", "i_n", "min"),
    _Series("i_n_max", "i_n_max", "max"),
    *_banded("imbalance"),
    *(series for phase in ("l1", "l2", "l3") for series in _banded(f"p_{phase}")),
    *(_Series(f"v_min_{phase}", f"v_min_{phase}", "min") for phase in ("l1", "l2", "l3")),
    *(_Series(f"v_max_{phase}", f"v_max_{phase}", "max") for phase in ("l1", "l2", "l3")),
    _Series("coverage", "coverage", "mean"),
)
HOUSE_SERIES: Final = (
    _Series("p", "p", "mean", POWER_SCALE),
    _Series("p_min", "p", "min", POWER_SCALE),
    _Series("p_max", "p", "max", POWER_SCALE),
    _Series("q", "q", "mean", POWER_SCALE),
    _Series("v_min", "v_min", "min", VOLT_SCALE),
    _Series("v_mean", "v_mean", "mean", VOLT_SCALE),
    _Series("v_max", "v_max", "max", VOLT_SCALE),
    _Series("phase", "phase", "last"),
)

_FEEDER_ROWS: Final = (
    "SELECT minute AS t, 1 AS weight, {columns} FROM feeder_minutes WHERE minute >= :start AND minute < :end "
    "UNION ALL SELECT quarter, minutes, {columns} FROM feeder_quarters WHERE quarter >= :start AND quarter < :end"
)
# The tables of the houses are clustered by time: of one house alone, each instant is looked up by its key.
_HOUSE_ROWS: Final = (
    "SELECT minute AS t, 1 AS weight, {columns} FROM minutes CROSS JOIN house_minutes USING (minute) "
    "WHERE series = :series UNION ALL "
    "SELECT quarter, 15, {columns} FROM quarters CROSS JOIN house_quarters USING (quarter) WHERE series = :series"
)
_INSTANTS: Final = (
    "WITH RECURSIVE minutes(minute) AS (SELECT :first_minute WHERE :first_minute < :end UNION ALL "
    f"SELECT minute + {_MINUTE_S} FROM minutes WHERE minute + {_MINUTE_S} < :end), "
    "quarters(quarter) AS (SELECT :first_quarter WHERE :first_quarter < :last_quarter UNION ALL "
    f"SELECT quarter + {_QUARTER_S} FROM quarters WHERE quarter + {_QUARTER_S} < :last_quarter) "
)
_GROUPED: Final = "SELECT t / :step AS step, {curves} FROM ({rows}) GROUP BY step ORDER BY step"


def step_for(seconds: float, points: int) -> int:
    """The shortest of our steps that needs no more than `points` of them."""
    return next((step for step in STEPS_S if seconds / step <= points), math.ceil(seconds / points / 604800) * 604800)


def feeder_history(reading: Reading, start: float, end: float, points: int) -> FeederHistory:
    """The feeder from `start` until `end` (Unix s)."""
    connection = reading.connection
    step = _step(connection, "feeder_quarters", "feeder_minutes", start, end, points)
    columns = ", ".join(dict.fromkeys(series.column for series in FEEDER_SERIES))
    sql = _GROUPED.format(curves=_curves(FEEDER_SERIES), rows=_FEEDER_ROWS.format(columns=columns))
    t, series = _read(connection, sql, {"start": start, "end": end}, FEEDER_SERIES, start, end, step)
    return FeederHistory(t, step, series, marks(reading, None, start, end, MOST_MARKS))


def house_history(reading: Reading, house: str, start: float, end: float, points: int) -> HouseHistory:
    """One house; all gaps where nothing was ever heard of it."""
    connection = reading.connection
    step = _step(connection, "house_quarters", "house_minutes", start, end, points)
    row = connection.execute("SELECT series FROM series WHERE name = ?", (house,)).fetchone()
    columns = ", ".join(dict.fromkeys(series.column for series in HOUSE_SERIES))
    sql = _INSTANTS + _GROUPED.format(curves=_curves(HOUSE_SERIES), rows=_HOUSE_ROWS.format(columns=columns))
    minutes = _span(connection, "house_minutes", "minute", start, end, _MINUTE_S)
    quarters = _span(connection, "house_quarters", "quarter", start, end, _QUARTER_S)
    bound = {
        "series": -1 if row is None else int(row[0]),
        "first_minute": minutes[0],
        "end": minutes[1],
        "first_quarter": quarters[0],
        "last_quarter": quarters[1],
    }
    t, series = _read(connection, sql, bound, HOUSE_SERIES, start, end, step)
    return HouseHistory(t, step, series, marks(reading, house, start, end, MOST_MARKS))


def _curves(wanted: tuple[_Series, ...]) -> str:
    return ", ".join(series.sql() for series in wanted)


def _step(connection: sqlite3.Connection, quarters: str, minutes: str, start: float, end: float, points: int) -> int:
    """Not shorter than what is kept of the beginning: a quarter in the first of fifteen steps would be a comb."""
    step = step_for(end - start, points)
    if step >= _QUARTER_S:
        return step
    (first,) = connection.execute(f"SELECT min(minute) FROM {minutes}").fetchone()
    (last,) = connection.execute(f"SELECT max(quarter) FROM {quarters}").fetchone()
    thinned = last is not None and last >= start and (first is None or first > start)
    return _QUARTER_S if thinned else step


def _span(
    connection: sqlite3.Connection, table: str, column: str, start: float, end: float, unit_s: int
) -> tuple[int, int]:
    """First instant and end of what lies in the table between `start` and `end`: nothing outside is looked up."""
    low, high = connection.execute(f"SELECT min({column}), max({column}) FROM {table}").fetchone()
    if low is None:
        return 0, 0
    first = max(math.ceil(start / unit_s) * unit_s, low)
    return first, min(math.ceil(end / unit_s) * unit_s, high + unit_s)


def _read(
    connection: sqlite3.Connection,
    sql: str,
    bound: Mapping[str, float],
    wanted: tuple[_Series, ...],
    start: float,
    end: float,
    step: int,
) -> tuple[list[int], dict[str, list[float | None]]]:
    """The steps' beginnings, all of them, and each curve with null in the gaps."""
    first, last = math.floor(start / step), math.ceil(end / step)
    curves: dict[str, list[float | None]] = {series.name: [None] * (last - first) for series in wanted}
    for number, *values in connection.execute(sql, {**bound, "step": step}):
        place = number - first
        if not 0 <= place < last - first:
            continue
        for series, value in zip(wanted, values, strict=True):
            if value is not None:
                curves[series.name][place] = round(value / series.scale, 3)
    return [number * step for number in range(first, last)], curves
