"""Decisions and moves out of the audit trail. Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from edge_balancer.dashboard.api.history_model import MoveMark
from edge_balancer.dashboard.api.model import MoveMade
from edge_balancer.dashboard.api.record_model import DecisionMade, Outcome
from edge_balancer.dashboard.decisions import decision_made, outcome_of
from edge_balancer.storage.placing import Placer
from edge_balancer.storage.trail import Recorded, read_events
from edge_balancer.types.events import Event, EventKind

_CLOCK_SLACK_S: Final = 86_400.0
_NEAR_ROWS: Final = 40
"""A decision's commands stand right behind it, in the same append."""


def decisions(connection: sqlite3.Connection, limit: int, before_seq: int | None) -> list[tuple[int, DecisionMade]]:
    """The last `limit` decisions before a row of the trail, newest first, each with its row."""
    found = read_events(
        connection, kinds=frozenset({EventKind.DECISION}), before_seq=before_seq, newest_first=True, limit=limit
    )
    return [(recorded.seq, _made(connection, recorded)) for recorded in list(found)]


def decision(connection: sqlite3.Connection, name: str) -> DecisionMade | None:
    """One decision by its id."""
    # Ids are random: text that holds one holds it nowhere else.
    row = connection.execute(
        "SELECT seq FROM trail WHERE kind = ? AND json_extract(body, '$.id') = ? ORDER BY seq DESC LIMIT 1",
        (str(EventKind.DECISION), name),
    ).fetchone()
    if row is None:
        return None
    seq = int(row[0])
    recorded = next(
        iter(read_events(connection, kinds=frozenset({EventKind.DECISION}), after_seq=seq - 1, before_seq=seq + 1))
    )
    return _made(connection, recorded)


def seeds(connection: sqlite3.Connection, limit: int) -> list[tuple[dict[str, Any], list[list[Event]]]]:
    """The last decisions as their records, oldest first, with the events of each of their commands."""
    found = list(read_events(connection, kinds=frozenset({EventKind.DECISION}), newest_first=True, limit=limit))
    return [(_body(recorded), _commands(connection, recorded)) for recorded in reversed(found)]


def moves_of(connection: sqlite3.Connection, house: str, limit: int) -> list[MoveMade]:
    """The last moves of a house that were planned, newest first."""
    planned = read_events(connection, kinds=frozenset({EventKind.PLANNED}), house=house, newest_first=True, limit=limit)
    return [_move(connection, recorded) for recorded in list(planned)]


def marks(
    connection: sqlite3.Connection, house: str | None, start: float, end: float, limit: int
) -> tuple[MoveMark, ...]:
    """The newest `limit` moves between two times (Unix s), oldest first."""
    planned = read_events(
        connection,
        kinds=frozenset({EventKind.PLANNED}),
        house=house,
        start=start,
        end=end,
        after_seq=rows_before(connection, start - _CLOCK_SLACK_S),
        before_seq=rows_before(connection, end + _CLOCK_SLACK_S) + 1,
        newest_first=True,
        limit=limit,
    )
    made = [_move(connection, recorded) for recorded in list(planned)]
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
        origin=event.body.get("from", "L1"),
        target=event.body.get("phase", "L1"),
        state=outcome.state if outcome else "planned",
        reason=outcome.reason if outcome else "",
        took_s=outcome.took_s if outcome else None,
        command=event.command,
        decision=str(event.body.get("decision", "")),
    )


def _made(connection: sqlite3.Connection, recorded: Recorded) -> DecisionMade:
    outcomes: Iterable[Outcome | None] = (outcome_of(events) for events in _commands(connection, recorded))
    return decision_made(_body(recorded), tuple(outcome for outcome in outcomes if outcome is not None))


def _body(decided: Recorded) -> dict[str, Any]:
    """A decision's record, with the time at which it really was made."""
    return decided.event.body | {"wall": decided.placed(float(decided.event.body.get("wall", decided.said)))}


def _commands(connection: sqlite3.Connection, decided: Recorded) -> list[list[Event]]:
    """The events of each of a decision's commands."""
    planned = list(
        read_events(
            connection,
            kinds=frozenset({EventKind.PLANNED}),
            after_seq=decided.seq,
            before_seq=decided.seq + _NEAR_ROWS,
        )
    )
    name = decided.event.body.get("id")
    return [[one.event, *_after(connection, one)] for one in planned if one.event.body.get("decision") == name]


def _after(connection: sqlite3.Connection, planned: Recorded) -> list[Event]:
    if not planned.event.command:
        return []
    return [one.event for one in read_events(connection, command=planned.event.command, after_seq=planned.seq)]
