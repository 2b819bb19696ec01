"""What the trail means for a restart, kept in small tables so that start-up need not read years of rows.

Written in the transaction that appends the rows, so that it can never disagree with them. Not a second truth: all of it
follows from the trail alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from edge_balancer.storage.bodies import ModeBody, PlannedBody, PositionBody, ReasonBody, never_sent, parse_phase
from edge_balancer.storage.chain import canonical_json
from edge_balancer.types.events import Alert, AlertState, Event, EventKind
from edge_balancer.types.phases import Phase

MODE_KEY: Final = "mode"
HALT_KEY: Final = "halted"
COMMAND_SEQ_KEY: Final = "command_seq"
RESERVED_KEYS: Final = frozenset({MODE_KEY, HALT_KEY, COMMAND_SEQ_KEY})
"""State that follows from the trail and is written by nothing else."""

OUTCOMES: Final = frozenset({EventKind.VERIFIED, EventKind.FAILED, EventKind.TIMED_OUT, EventKind.LOCKED})
"""Kinds after which a command's outcome is no longer open."""


def check(event: Event) -> None:
    """Raise ValueError if the body lacks what a restart will need: better refused now than missed then."""
    try:
        match event.kind:
            case EventKind.PLANNED:
                body = msgspec.convert(event.body, PlannedBody)
                parse_phase(body.phase), parse_phase(body.origin)
                _require(bool(event.command), "it needs the command's id")
            case EventKind.VERIFIED:
                _require(_position(event) is not None, "a verified phase cannot be null")
            case EventKind.POSITION:
                _position(event)
            case EventKind.LOCKED | EventKind.HALTED:
                msgspec.convert(event.body, ReasonBody)
            case EventKind.MODE:
                msgspec.convert(event.body, ModeBody)
            case EventKind.ALERT:
                msgspec.convert(event.body, Alert)
    except ValueError as error:
        raise ValueError(f"{event.kind} event of house {event.house!r}: {error}") from error


def project(connection: sqlite3.Connection, events: Sequence[Event], first_seq: int) -> None:
    """Carry checked events into the tables; `first_seq` is the trail's row of the first. Within the caller's
    transaction.
    """
    for row, event in enumerate(events, start=first_seq):
        match event.kind:
            case EventKind.PLANNED:
                _planned(connection, event, row)
            case EventKind.VERIFIED | EventKind.POSITION:
                _moved(connection, event)
            case EventKind.LOCKED:
                _locked(connection, event)
            case EventKind.CLEARED:
                connection.execute(
                    "UPDATE houses SET locked = NULL, locked_since = NULL WHERE house = ?", (event.house,)
                )
            case EventKind.MODE:
                _put_state(connection, MODE_KEY, msgspec.convert(event.body, ModeBody).mode)
            case EventKind.HALTED:
                _put_state(connection, HALT_KEY, msgspec.convert(event.body, ReasonBody).reason)
            case EventKind.RESUMED:
                _put_state(connection, HALT_KEY, "")
            case EventKind.ALERT:
                _alert(connection, event)
        if event.command and (event.kind in OUTCOMES or never_sent(event.body)):
            connection.execute("DELETE FROM open_commands WHERE command = ?", (event.command,))


def _planned(connection: sqlite3.Connection, event: Event, row: int) -> None:
    connection.execute(
        "INSERT INTO open_commands (command, house, planned) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET planned = excluded.planned",
        (event.command, event.house, row),
    )
    connection.execute(
        "INSERT INTO state (key, value) VALUES (?, ?) "
        "ON CONFLICT DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))",
        (COMMAND_SEQ_KEY, str(msgspec.convert(event.body, PlannedBody).seq)),
    )


def _moved(connection: sqlite3.Connection, event: Event) -> None:
    phase = _position(event)
    connection.execute(
        "INSERT INTO houses (house, phase, since) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET phase = excluded.phase, since = excluded.since WHERE phase IS NOT excluded.phase",
        (event.house, None if phase is None else str(phase), event.wall),
    )


def _locked(connection: sqlite3.Connection, event: Event) -> None:
    connection.execute(
        "INSERT INTO houses (house, locked, locked_since) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET locked = excluded.locked, locked_since = excluded.locked_since",
        (event.house, msgspec.convert(event.body, ReasonBody).reason, event.wall),
    )
    # A lock-out without a command (an operator's, or a position that contradicts) ends what was under way there.
    connection.execute("DELETE FROM open_commands WHERE house = ?", (event.house,))


def _alert(connection: sqlite3.Connection, event: Event) -> None:
    alert = msgspec.convert(event.body, Alert)
    if alert.state is AlertState.RESOLVED:
        connection.execute("DELETE FROM active_alerts WHERE key = ?", (alert.key,))
    else:
        connection.execute(
            "INSERT INTO active_alerts (key, alert) VALUES (?, ?) ON CONFLICT DO UPDATE SET alert = excluded.alert",
            (alert.key, canonical_json(alert)),
        )


def _put_state(connection: sqlite3.Connection, key: str, value: object) -> None:
    connection.execute(
        "INSERT INTO state (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (key, canonical_json(value)),
    )


def _position(event: Event) -> Phase | None:
    return parse_phase(msgspec.convert(event.body, PositionBody).phase)


def _require(condition: bool, why: str) -> None:
    if not condition:
        raise ValueError(why)
