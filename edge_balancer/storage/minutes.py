"""Minute means in the database. Aggregation over time is in `retention`, reading them out in `export`.

A minute that is written twice (a restart in its middle) is merged: means weighted by the readings behind them, extremes
kept.
"""

# ruff: noqa: S608 -- the parts of SQL put together here are constants of this package; values are always bound.

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from typing import Final

from edge_balancer.types.snapshot import MinuteMean, MinuteOfFeeder

POWER_SCALE: Final = 10
"""Stored power is in 0.1 W or var: finer than any house meter."""
VOLT_SCALE: Final = 100
"""Stored voltage is in 0.01 V."""


def merged_mean(column: str, weight: str) -> str:
    """SQL for an upsert: the weighted mean of the stored and the new value, or the one that there is."""
    return (
        f"{column} = coalesce(CAST(round(({column} * 1.0 * {weight} + excluded.{column} * excluded.{weight}) "
        f"/ ({weight} + excluded.{weight})) AS INTEGER), {column}, excluded.{column})"
    )


def merged_extreme(function: str, column: str) -> str:
    """SQL for an upsert: the lesser or greater of the stored and the new value, or the one that there is."""
    return f"{column} = coalesce({function}({column}, excluded.{column}), {column}, excluded.{column})"


HOUSE_MERGE: Final = ", ".join(
    (
        "phase = excluded.phase",
        merged_mean("p", "readings"),
        merged_mean("q", "readings"),
        merged_extreme("min", "v_min"),
        merged_mean("v_mean", "readings"),
        merged_extreme("max", "v_max"),
        "readings = readings + excluded.readings",
    )
)

_INSERT_HOUSE: Final = (
    "INSERT INTO house_minutes (minute, series, phase, p, q, v_min, v_mean, v_max, readings) "
    f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET {HOUSE_MERGE}"
)

FEEDER_COLUMNS: Final = (
    "i_n",
    "i_n_max",
    "imbalance",
    "p_l1",
    "p_l2",
    "p_l3",
    "v_max_l1",
    "v_max_l2",
    "v_max_l3",
    "v_min_l1",
    "v_min_l2",
    "v_min_l3",
    "coverage",
)

# The feeder's minute does not say how many readings stand behind it: of two halves the later one counts, with the
# higher peak.
_INSERT_FEEDER: Final = (
    f"INSERT INTO feeder_minutes (minute, {', '.join(FEEDER_COLUMNS)}) VALUES (?{', ?' * len(FEEDER_COLUMNS)}) "
    "ON CONFLICT DO UPDATE SET "
    + ", ".join(
        merged_extreme("max", column) if column == "i_n_max" else f"{column} = coalesce(excluded.{column}, {column})"
        for column in FEEDER_COLUMNS
    )
)


class SeriesNames:
    """The short numbers of the measured things' names. What is learned in a transaction counts once that is
    committed.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def numbers(self, connection: sqlite3.Connection, names: set[str]) -> dict[str, int]:
        """A number for each name, adding names that are new. Within the caller's transaction."""
        missing = sorted(names - self._known.keys())
        if not missing:
            return self._known
        connection.executemany(
            "INSERT INTO series (name) VALUES (?) ON CONFLICT DO NOTHING", [(name,) for name in missing]
        )
        return {str(name): int(number) for name, number in connection.execute("SELECT name, series FROM series")}

    def committed(self, numbers: dict[str, int]) -> None:
        self._known = numbers


def insert_minutes(
    connection: sqlite3.Connection, minutes: Sequence[MinuteMean], feeder: Sequence[MinuteOfFeeder], names: SeriesNames
) -> dict[str, int]:
    """Write or merge; returns the names' numbers, to be handed to `names.committed`. Within the caller's
    transaction.
    """
    numbers = names.numbers(connection, {minute.house for minute in minutes})
    connection.executemany(
        _INSERT_HOUSE,
        [
            (
                m.minute,
                numbers[m.house],
                m.phase,
                _fixed(m.p, POWER_SCALE),
                _fixed(m.q, POWER_SCALE),
                _fixed(m.v_min, VOLT_SCALE),
                _fixed(m.v_mean, VOLT_SCALE),
                _fixed(m.v_max, VOLT_SCALE),
                m.readings,
            )
            for m in minutes
        ],
    )
    connection.executemany(
        # SQLite stores NaN as NULL.
        _INSERT_FEEDER,
        [(f.minute, f.i_n, f.i_n_max, f.imbalance, *f.p, *f.v_max, *f.v_min, f.coverage) for f in feeder],
    )
    return numbers


def _fixed(value: float, scale: int) -> int | None:
    return round(value * scale) if math.isfinite(value) else None
