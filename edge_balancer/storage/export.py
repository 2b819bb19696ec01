"""What `edge-balancer export` gives out: telemetry, switch events, alerts, as plain tables read from the database.

Reads only, in pieces, so that a slow reader at the other end neither fills memory nor holds up the daemon's
checkpoints.
"""

# ruff: noqa: S608 -- the parts of SQL put together here are constants of this package; values are always bound.

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from edge_balancer.storage.bodies import parse_phase
from edge_balancer.storage.chain import canonical_json
from edge_balancer.storage.minutes import POWER_SCALE, VOLT_SCALE
from edge_balancer.storage.retention import QUARTER_S
from edge_balancer.storage.sinks import Column, Kind, Value
from edge_balancer.storage.timespan import Timespan, iso
from edge_balancer.storage.trail import Recorded, read_events
from edge_balancer.types.events import SWITCH_EVENTS, EventKind

ExportName = Literal["telemetry", "switches", "alerts", "trail"]

# One query's share: 60,000 rows where 1000 houses report.
_CHUNK_S: Final = 3600
_MINUTE_S: Final = 60
_EVENTS_PER_QUERY: Final = 1000


@dataclass(frozen=True)
class Export:
    """A table that can be exported."""

    columns: tuple[Column, ...]
    rows: Callable[[sqlite3.Connection, Timespan], Iterator[Sequence[Value]]]


def _telemetry(connection: sqlite3.Connection, span: Timespan) -> Iterator[Sequence[Value]]:
    """Minutes and quarters of an hour together, by time, then house."""
    at = float("-inf") if span.start is None else span.start
    end = float("inf") if span.end is None else span.end
    while (first := _first_at(connection, at)) is not None and first < end:
        # On a quarter of an hour, so that thinning between two pieces cannot take minutes away unread.
        at = min(first // QUARTER_S * QUARTER_S + _CHUNK_S, end)
        # Fetched whole: an open cursor would keep the write-ahead log from being carried over.
        piece = _telemetry_between(connection, first, at)
        for t, house, phase, p, q, v_min, v_mean, v_max, readings, resolution_s in piece:
            yield (
                iso(t),
                t,
                house,
                None if phase < 0 else str(parse_phase(phase)),
                _unit(p, POWER_SCALE),
                _unit(q, POWER_SCALE),
                _unit(v_min, VOLT_SCALE),
                _unit(v_mean, VOLT_SCALE),
                _unit(v_max, VOLT_SCALE),
                readings,
                resolution_s,
            )


def _telemetry_between(connection: sqlite3.Connection, start: float, end: float) -> list[Any]:
    values = "phase, p, q, v_min, v_mean, v_max, readings"
    return connection.execute(
        f"SELECT minute AS t, name, {values}, {_MINUTE_S} AS resolution_s "
        "FROM house_minutes JOIN series USING (series) "
        f"WHERE minute >= ? AND minute < ? UNION ALL "
        f"SELECT quarter, name, {values}, {QUARTER_S} FROM house_quarters JOIN series USING (series) "
        "WHERE quarter >= ? AND quarter < ? ORDER BY t, name, resolution_s",
        (start, end, start, end),
    ).fetchall()


def _first_at(connection: sqlite3.Connection, start: float) -> int | None:
    """The first time at or after `start` for which there is a row."""
    (first,) = connection.execute(
        "SELECT min(t) FROM (SELECT min(minute) AS t FROM house_minutes WHERE minute >= ? "
        "UNION ALL SELECT min(quarter) FROM house_quarters WHERE quarter >= ?)",
        (start, start),
    ).fetchone()
    return None if first is None else int(first)


def _switches(connection: sqlite3.Connection, span: Timespan) -> Iterator[Sequence[Value]]:
    """Every event in the life of a command or a switch, in the order of the trail."""
    for seq, event, said in _events(connection, span, SWITCH_EVENTS):
        body = event.body
        yield (
            iso(event.wall),
            event.wall,
            event.synced,
            seq,
            str(event.kind),
            event.house,
            event.command or None,
            _phase(body.get("phase")),
            _phase(body.get("from")),
            _text(body.get("result")),
            _text(body.get("reason")),
            _text(body.get("operator")),
            _int(body.get("seq")),
            _text(body.get("decision")),
            _float(body.get("issued")),
            _float(body.get("expires")),
            body.get("late") is True,
            event.mono,
            canonical_json(body),
            said,
        )


def _alerts(connection: sqlite3.Connection, span: Timespan) -> Iterator[Sequence[Value]]:
    """Every change of an alert, in the order of the trail."""
    for recorded in _events(connection, span, frozenset({EventKind.ALERT})):
        seq, event, said = recorded
        body = event.body
        since = _float(body.get("since"))
        yield (
            iso(event.wall),
            event.wall,
            event.synced,
            seq,
            _text(body.get("key")),
            _text(body.get("severity")),
            _text(body.get("state")),
            None if since is None else iso(recorded.placed(since)),
            _text(body.get("text")),
            _float(body.get("value")),
            _float(body.get("limit")),
            _text(body.get("unit")),
            body.get("late") is True,
            said,
        )


def _trail(connection: sqlite3.Connection, span: Timespan) -> Iterator[Sequence[Value]]:
    """Every row of the trail as it stands there: what was decided and done, by whom, and in which words."""
    for seq, event, said in _events(connection, span, frozenset(EventKind)):
        yield (
            iso(event.wall),
            event.wall,
            event.synced,
            seq,
            str(event.kind),
            event.house or None,
            event.command or None,
            _text(event.body.get("operator")) or _text(event.body.get("by")),
            event.mono,
            canonical_json(event.body),
            said,
        )


def _events(connection: sqlite3.Connection, span: Timespan, kinds: frozenset[EventKind]) -> Iterator[Recorded]:
    """The events of a timespan, oldest row first, a bounded number at a time."""
    after = 0
    while chunk := list(
        read_events(connection, kinds=kinds, start=span.start, end=span.end, after_seq=after, limit=_EVENTS_PER_QUERY)
    ):
        yield from chunk
        after = chunk[-1].seq


def _unit(value: int | None, scale: int) -> float | None:
    return None if value is None else value / scale


# A body is what was recorded, whatever wrote it: a value of another type is left out here and stands in `body`.
def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _phase(value: Any) -> str | None:
    try:
        phase = parse_phase(value)
    except ValueError:
        return None
    return None if phase is None else str(phase)


def _columns(kind: Kind, names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name in names.split())


_TIME: Final = _columns(Kind.TEXT, "time")
_ROW: Final = _TIME + _columns(Kind.FLOAT, "t") + _columns(Kind.BOOL, "synced") + _columns(Kind.INT, "seq")
"""What every row of the trail begins with: when it was, as well as that can be told."""
_SAID: Final = _columns(Kind.FLOAT, "t_said")
"""And ends with: what the wall clock said then. Where `synced` is false, `t` may be another time."""

EXPORTS: Final[dict[ExportName, Export]] = {
    "telemetry": Export(
        _TIME
        + _columns(Kind.INT, "t")
        + _columns(Kind.TEXT, "house phase")
        + _columns(Kind.FLOAT, "p_w q_var v_min v_mean v_max")
        + _columns(Kind.INT, "readings resolution_s"),
        _telemetry,
    ),
    "switches": Export(
        _ROW
        + _columns(Kind.TEXT, "kind house command phase from_phase result reason operator")
        + _columns(Kind.INT, "command_seq")
        + _columns(Kind.TEXT, "decision")
        + _columns(Kind.FLOAT, "issued expires")
        + _columns(Kind.BOOL, "late")
        + _columns(Kind.FLOAT, "mono")
        + _columns(Kind.TEXT, "body")
        + _SAID,
        _switches,
    ),
    "alerts": Export(
        _ROW
        + _columns(Kind.TEXT, "key severity state since text")
        + _columns(Kind.FLOAT, "value limit")
        + _columns(Kind.TEXT, "unit")
        + _columns(Kind.BOOL, "late")
        + _SAID,
        _alerts,
    ),
    "trail": Export(
        _ROW
        + _columns(Kind.TEXT, "kind house command operator")
        + _columns(Kind.FLOAT, "mono")
        + _columns(Kind.TEXT, "body")
        + _SAID,
        _trail,
    ),
}
