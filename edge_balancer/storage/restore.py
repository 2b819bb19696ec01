"""What the engine must know from before a restart, read from the store. Decides nothing about it.

The wall clock may have been wrong while a move was recorded (a Pi has no battery-backed clock), and a move placed too
far in the past would free its house from dwell and cap. So a move's age is estimated from below: see `LatestTimes`, and
`restore` for a clock that may be wrong now.
"""

# ruff: noqa: S608 -- the parts of SQL put together here are constants of this package; values are always bound.

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

import msgspec

from edge_balancer.storage.bodies import PlannedBody, never_sent, parse_phase
from edge_balancer.storage.chain import Head
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.projection import COMMAND_SEQ_KEY, HALT_KEY, MODE_KEY
from edge_balancer.storage.trail import read_head
from edge_balancer.types.events import SWITCH_EVENTS, Alert, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import PastMove, Restored
from edge_balancer.types.switching import Command, Mode

LEARNED_KEY: Final = "learned"
"""The state that holds what `Engine.learned()` gave."""

DAY_S: Final = 86_400.0
HOUR_S: Final = 3600.0
# More rows than an hour can have; years of them need not be read.
_LOOK_BACK_ROWS: Final = 20_000


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """When a row says that it was written."""

    wall: float
    mono: float
    synced: bool


class LatestTimes:
    """The latest time that each stamp can stand for, in Unix seconds, for stamps asked newest first.

    Going back from now, the time between two neighbours is at least what the monotonic clock shows between them (over a
    reboot too: it began anew after the older one), and at least nothing. A synchronised wall clock is believed; one
    that was not is only ever behind, so what it says is not.
    """

    def __init__(self, now_wall: float) -> None:
        self._latest = now_wall
        self._mono_after: float | None = None

    def of(self, stamp: Stamp) -> float:
        if self._mono_after is not None:
            self._latest -= max(0.0, self._mono_after - stamp.mono)
        if stamp.synced:
            self._latest = min(self._latest, stamp.wall)
        self._mono_after = stamp.mono
        return self._latest


def restore(connection: sqlite3.Connection, now_wall: float, *, synced: bool = True) -> Restored:
    """All that a restart needs, but `after_outage`: whether the supply was lost is for the machine to say.

    A wall clock that is not `synced` is not believed: a clock ahead would make every move look old. It is then taken to
    be as early as it can be, the time of the last row that was written by a synchronised clock, and that is `wall`.
    """
    if not synced:
        now_wall = _last_synced(connection, now_wall)
    return Restored(
        wall=now_wall,
        mode=_mode(load_state(connection, MODE_KEY)),
        seq=int(load_state(connection, COMMAND_SEQ_KEY) or 0),
        phases={
            house: Phase.parse(phase)
            for house, phase in connection.execute(
                "SELECT house, phase FROM houses WHERE phase IS NOT NULL ORDER BY house"
            )
        },
        locked=dict(
            connection.execute("SELECT house, locked FROM houses WHERE locked IS NOT NULL ORDER BY house").fetchall()
        ),
        halted=load_state(connection, HALT_KEY) or "",
        moves=_moves(connection, now_wall),
        open_commands=_open_commands(connection),
        alerts=standing_alerts(connection),
        unannounced_starts=_unannounced_starts(connection, now_wall),
        learned=load_state(connection, LEARNED_KEY) or {},
    )


def standing_alerts(connection: sqlite3.Connection) -> list[Alert]:
    """The alerts that stand, by key."""
    found = connection.execute("SELECT alert FROM active_alerts ORDER BY key")
    return [msgspec.json.decode(alert, type=Alert) for (alert,) in found]


def load_state(connection: sqlite3.Connection, key: str) -> Any:
    """A saved value, or None."""
    row = connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0])


def _last_synced(connection: sqlite3.Connection, otherwise: float) -> float:
    row = connection.execute("SELECT wall FROM trail WHERE synced ORDER BY seq DESC LIMIT 1").fetchone()
    # Without any such row the moves' ages come from the monotonic clock alone, and any instant will do as now.
    return otherwise if row is None else float(row[0])


def _unannounced_starts(connection: sqlite3.Connection, now_wall: float) -> int:
    """Starts within the last hour that followed an end without a goodbye; the one that is under way counts too."""
    rows = connection.execute(
        "SELECT kind, wall FROM trail WHERE seq > (SELECT coalesce(max(seq), 0) FROM trail) - ? AND kind IN (?, ?) "
        "ORDER BY seq DESC",
        (_LOOK_BACK_ROWS, str(EventKind.STARTED), str(EventKind.STOPPED)),
    )
    starts = 0
    later: float | None = now_wall
    for kind, wall in rows:
        if kind == EventKind.STOPPED:
            if not starts:
                return 0
            later = None
            continue
        if later is not None and later > now_wall - HOUR_S:
            starts += 1
        later = wall
    return starts


def _mode(value: Any) -> Mode | None:
    return None if value is None else Mode(value)


def _moves(connection: sqlite3.Connection, now_wall: float) -> list[PastMove]:
    """Operations of the last day, oldest first. A command counts from its plan on, unless a later row says it never
    left.
    """
    bodies_of = ", ".join(f"'{kind}'" for kind in sorted(SWITCH_EVENTS))
    rows = connection.execute(
        f"SELECT wall, mono, synced, kind, house, command, CASE WHEN kind IN ({bodies_of}) THEN body END "
        "FROM trail ORDER BY seq DESC"
    )
    times = LatestTimes(now_wall)
    unsent: set[str] = set()
    moves: list[PastMove] = []
    for wall, mono, synced, kind, house, command, body in rows:
        latest = times.of(Stamp(wall, mono, bool(synced)))
        if latest < now_wall - DAY_S:
            break
        if body is not None and never_sent(msgspec.json.decode(body)):
            unsent.add(command)
        if kind == EventKind.PLANNED and command not in unsent:
            moves.append(PastMove(house, latest))
    moves.reverse()
    return moves


def _open_commands(connection: sqlite3.Connection) -> list[Command]:
    found = connection.execute(
        "SELECT o.command, o.house, t.body FROM open_commands o JOIN trail t ON t.seq = o.planned ORDER BY o.planned"
    )
    return [_command(command, house, msgspec.json.decode(body, type=PlannedBody)) for command, house, body in found]


def _command(command: str, house: str, body: PlannedBody) -> Command:
    target, origin = parse_phase(body.phase), parse_phase(body.origin)
    if target is None or origin is None:
        raise ValueError(f"command {command}: a planned move needs both phases")
    return Command(
        id=command,
        seq=body.seq,
        house=house,
        phase=target,
        origin=origin,
        issued=body.issued,
        expires=body.expires,
        decision=body.decision,
    )


def restore_from_file(path: Path, now_wall: float, *, synced: bool = True) -> tuple[Restored, Head]:
    """The same from a database that can only be read, and where its trail ends. Raises StorageError."""
    with open_reader(path) as connection:
        return restore(connection, now_wall, synced=synced), read_head(connection)
