"""Recent moves as a person wants to read them: what was moved, how it ended, and why it was decided. Reads only."""

from __future__ import annotations

import sqlite3
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edge_balancer.storage.bodies import never_sent
from edge_balancer.storage.projection import OUTCOMES
from edge_balancer.storage.timespan import iso
from edge_balancer.storage.trail import Recorded, read_events
from edge_balancer.types.events import EventKind

# A decision stands right before its commands in the trail, an operator's request not far: no need to search years for
# it.
_LOOK_BACK_ROWS: Final = 5_000
_WIDTH: Final = 110
_INDENT: Final = " " * 4


@dataclass(frozen=True)
class PastCommand:
    """One command with its outcome and its reason. `took_s` is from plan to outcome on the monotonic clock."""

    wall: float
    house: str
    origin: str
    target: str
    outcome: str
    detail: str
    took_s: float | None
    why: str


def past_commands(connection: sqlite3.Connection, limit: int, house: str | None) -> list[PastCommand]:
    """The last `limit` commands, oldest first; of one house where it is given."""
    planned = list(
        read_events(connection, kinds=frozenset({EventKind.PLANNED}), house=house, newest_first=True, limit=limit)
    )
    return [_past_command(connection, recorded) for recorded in reversed(planned)]


def history_text(commands: Sequence[PastCommand]) -> str:
    """The commands as aligned lines, each with its reason below it."""
    if not commands:
        return "No moves are recorded."
    rows = [("TIME (UTC)", "HOUSE", "MOVE", "OUTCOME", "TOOK"), *(_cells(command) for command in commands)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], *_with_reasons(lines[1:], commands)])


def _with_reasons(lines: Sequence[str], commands: Sequence[PastCommand]) -> Iterator[str]:
    for line, command in zip(lines, commands, strict=True):
        yield line
        for text in (command.detail, command.why):
            if text:
                yield textwrap.fill(text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _cells(command: PastCommand) -> tuple[str, str, str, str, str]:
    took = "" if command.took_s is None else f"{command.took_s:.1f} s"
    when = iso(command.wall).replace("T", " ").split(".")[0].rstrip("Z")
    return (when, command.house, f"{command.origin} -> {command.target}", command.outcome, took)


def _past_command(connection: sqlite3.Connection, planned: Recorded) -> PastCommand:
    event = planned.event
    outcome, detail, took_s = _outcome(connection, planned)
    return PastCommand(
        wall=event.wall,
        house=event.house,
        origin=_word(event.body.get("from"), "?"),
        target=_word(event.body.get("phase"), "?"),
        outcome=outcome,
        detail=detail,
        took_s=took_s,
        why=_why(connection, planned, _word(event.body.get("decision"), "")),
    )


def _word(value: object, otherwise: str) -> str:
    """A record of another version, or one that the disk has spoilt, is told as far as it can be read."""
    return value if isinstance(value, str) else otherwise


def _outcome(connection: sqlite3.Connection, planned: Recorded) -> tuple[str, str, float | None]:
    """The word for how it ended, the reason if it did not end well, and how long it took."""
    outcome, detail, took_s = "open", "", None
    for _, event, _ in read_events(connection, command=planned.event.command, after_seq=planned.seq):
        if never_sent(event.body):
            return "not sent", str(event.body.get("reason", "")), None
        if event.kind in OUTCOMES and took_s is None:
            outcome = str(event.kind).replace("_", " ")
            detail = str(event.body.get("reason", ""))
            # After a restart the monotonic clock began anew.
            took_s = (
                event.mono - planned.event.mono if event.mono >= planned.event.mono else event.wall - planned.event.wall
            )
    return outcome, detail, took_s


def _why(connection: sqlite3.Connection, planned: Recorded, decision: str) -> str:
    near = read_events(
        connection,
        kinds=frozenset({EventKind.DECISION, EventKind.REQUEST}),
        after_seq=planned.seq - _LOOK_BACK_ROWS,
        before_seq=planned.seq,
        newest_first=True,
    )
    for _, event, _ in near:
        if decision and decision in (event.body.get("id"), event.command):
            operator = event.body.get("operator") or ""
            text = str(event.body.get("text") or event.body.get("reason") or "")
            return f"asked for by {operator}: {text}" if operator else text
    return f"decision {decision} is not in the trail" if decision else ""
