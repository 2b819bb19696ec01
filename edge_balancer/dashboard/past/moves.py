"""Decisions and moves out of the audit trail. Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from edge_balancer.dashboard.api.history_model import MoveMark
from edge_balancer.dashboard.api.model import MoveMade, PhaseName
from edge_balancer.dashboard.api.record_model import DecisionMade, DecisionPage, Outcome
from edge_balancer.dashboard.decisions import OF_COMMANDS, decision_made, outcome_of
from edge_balancer.dashboard.past.unreadable import Reading
from edge_balancer.storage.placing import Placer
from edge_balancer.storage.trail import Recorded, read_events
from edge_balancer.types.events import Event, EventKind

_CLOCK_SLACK_S: Final = 86_400.0
_NEAR_ROWS: Final = 40
"""A decision's commands stand right behind it, in the same append."""


def decisions(reading: Reading, limit: int, before_seq: int | None) -> DecisionPage:
    """The last `limit` decisions before a row of the trail, newest first."""
    found = reading.rows(EventKind.DECISION, limit, before_seq=before_seq)
    items = tuple(reading.made(found, lambda recorded: _made(reading, recorded)))
    return DecisionPage(items, str(found[-1].seq) if len(found) == limit else None, reading.lost)


def decision(reading: Reading, name: str) -> DecisionMade | None:
    """One decision by its id; None where there is none, or none that can be shown."""
    connection = reading.connection
    # Ids are random: text that holds one holds it nowhere else.
    row = connection.execute(
        "SELECT seq FROM trail WHERE kind = ? AND CASE WHEN json_valid(body) THEN json_extract(body, '$.id') END = ? "
        "ORDER BY seq DESC LIMIT 1",
        (str(EventKind.DECISION), name),
    ).fetchone()
    if row is None:
        return None
    seq = int(row[0])
    found = reading.rows(EventKind.DECISION, 1, after_seq=seq - 1, before_seq=seq + 1)
    return next(reading.made(found, lambda recorded: _made(reading, recorded)), None)


def seeds(reading: Reading, limit: int) -> list[tuple[dict[str, Any], list[list[Event]]]]:
    """The last decisions as their records, oldest first, with the events of each of their commands."""
    found = reading.rows(EventKind.DECISION, limit)
    shown = reading.made(reversed(found), lambda recorded: _seed(reading, recorded))
    return list(shown)


def moves_of(reading: Reading, house: str, limit: int) -> list[MoveMade]:
    """The last moves of a house that were planned, newest first."""
    planned = reading.rows(EventKind.PLANNED, limit, house=house)
    return list(reading.made(planned, lambda recorded: _move(reading.connection, recorded)))


def marks(reading: Reading, house: str | None, start: float, end: float, limit: int) -> tuple[MoveMark, ...]:
    """The newest `limit` moves between two times (Unix s), oldest first."""
    connection = reading.connection
    planned = reading.rows(
        EventKind.PLANNED,
        limit,
        house=house,
        start=start,
        end=end,
        after_seq=rows_before(connection, start - _CLOCK_SLACK_S),
        before_seq=rows_before(connection, end + _CLOCK_SLACK_S) + 1,
    )
    made = list(reading.made(planned, lambda recorded: _move(connection, recorded)))
    return tuple(MoveMark(move.t, move.house, move.origin, move.target, move.state) for move in reversed(made))


def ever_moved(connection: sqlite3.Connection) -> list[str]:
    """Houses of which a move was ever verified."""
    rows = connection.execute("SELECT DISTINCT house FROM trail WHERE kind = ?", (str(EventKind.VERIFIED),))
    return [str(house) for (house,) in rows]


def rows_before(connection: sqlite3.Connection, wall: float) -> int:
    """About how many rows of the trail were written before a time: spares reading years of them. A clock that was
    set back makes it less exact, which the caller's slack allows for."""
    (high,) = connection.execute("SELECT coalesce(max(seq), 0) FROM trail").fetchone()
    placer = Placer(connection)
    low = 0
    while low < high:
        middle = (low + high + 1) // 2
        said, mono, synced = connection.execute(
            "SELECT wall, mono, synced FROM trail WHERE seq = ?", (middle,)
        ).fetchone()
        at = placer.wall(middle, said, mono, bool(synced))
        low, high = (middle, high) if at < wall else (low, middle - 1)
    return int(low)


def _move(connection: sqlite3.Connection, planned: Recorded) -> MoveMade:
    event = planned.event
    outcome = outcome_of([event, *_after(connection, planned)])
    return MoveMade(
        t=event.wall,
        house=event.house,
        origin=msgspec.convert(event.body["from"], PhaseName),
        target=msgspec.convert(event.body["phase"], PhaseName),
        state=outcome.state if outcome else "planned",
        reason=outcome.reason if outcome else "",
        took_s=outcome.took_s if outcome else None,
        command=event.command,
        decision=str(event.body.get("decision", "")),
    )


def _seed(reading: Reading, recorded: Recorded) -> tuple[dict[str, Any], list[list[Event]]]:
    body = _body(recorded)
    decision_made(body, ())
    return body, _commands(reading, recorded)


def _made(reading: Reading, recorded: Recorded) -> DecisionMade:
    outcomes: Iterable[Outcome | None] = (outcome_of(events) for events in _commands(reading, recorded))
    return decision_made(_body(recorded), tuple(outcome for outcome in outcomes if outcome is not None))


def _body(decided: Recorded) -> dict[str, Any]:
    """A decision's record, with the time at which it really was made."""
    return decided.event.body | {"wall": decided.placed(float(decided.event.body.get("wall", decided.said)))}


def _commands(reading: Reading, decided: Recorded) -> list[list[Event]]:
    """The events of each of a decision's commands."""
    planned = reading.rows(EventKind.PLANNED, _NEAR_ROWS, after_seq=decided.seq, before_seq=decided.seq + _NEAR_ROWS)
    name = decided.event.body.get("id")
    mine = [one for one in reversed(planned) if one.event.body.get("decision") == name]
    return [[one.event, *_after(reading.connection, one)] for one in mine]


def _after(connection: sqlite3.Connection, planned: Recorded) -> list[Event]:
    if not planned.event.command:
        return []
    found = read_events(connection, kinds=OF_COMMANDS, command=planned.event.command, after_seq=planned.seq)
    return [one.event for one in found]
