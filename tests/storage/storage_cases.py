"""What the storage tests share: settings, events of a command's life, minutes, and a way round the trail's triggers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from edge_balancer.settings.services import StorageSettings
from edge_balancer.types.decisions import Decision, Move, Trigger
from edge_balancer.types.events import Alert, AlertState, Event, EventKind, Severity
from edge_balancer.types.phases import Phase
from edge_balancer.types.snapshot import MinuteMean, MinuteOfFeeder

NOW: Final = 1_763_829_600.0
"""2025-11-22T16:40:00Z."""
MONO: Final = 5_000.0


def settings(**changes: Any) -> StorageSettings:
    return StorageSettings(**changes)


def event(kind: EventKind, at: float = 0.0, *, house: str = "", command: str = "", **body: Any) -> Event:
    """An event `at` seconds after NOW on both clocks."""
    return Event(kind=kind, mono=MONO + at, wall=NOW + at, synced=True, house=house, command=command, body=body)


def planned(
    command: str,
    house: str,
    seq: int = 1,
    at: float = 0.0,
    *,
    target: str = "L2",
    origin: str = "L1",
    decision: str = "d1",
) -> Event:
    body = {
        "seq": seq,
        "phase": target,
        "from": origin,
        "issued": NOW + at,
        "expires": NOW + at + 10,
        "decision": decision,
    }
    return Event(EventKind.PLANNED, MONO + at, NOW + at, True, house, command, body)


def life(
    command: str, house: str, seq: int = 1, at: float = 0.0, *, target: str = "L2", origin: str = "L1"
) -> list[Event]:
    """A command from its plan to its verification."""
    return [
        planned(command, house, seq, at, target=target, origin=origin),
        event(EventKind.SENT, at + 0.1, house=house, command=command),
        event(EventKind.ACKNOWLEDGED, at + 1, house=house, command=command, phase=target, result="done"),
        event(EventKind.VERIFIED, at + 9, house=house, command=command, phase=target, evidence={"current": True}),
    ]


def decision(decision_id: str = "d1", text: str = "Moving h1 takes 12 A off the neutral.", at: float = 0.0) -> Event:
    value = Decision(
        id=decision_id,
        at=MONO + at,
        wall=NOW + at,
        trigger=Trigger.IMBALANCE,
        trigger_value=14.0,
        trigger_limit=3.6,
        moves=(Move("h1", Phase.L1, Phase.L2),),
        commanded=True,
        neutral_before_a=14.0,
        neutral_after_a=2.0,
        gain=900.0,
        price=120.0,
        phase_p=(4000.0, 1000.0, 1200.0),
        phase_v_max=(236.0, float("nan"), None),
        coverage=1.0,
        candidates=(),
        vetoes=(),
        blocks=(),
        advice="survival",
        text=text,
    )
    return Event(EventKind.DECISION, MONO + at, NOW + at, True, "", "", msgspec.to_builtins(value))


def alert(key: str, state: AlertState = AlertState.ACTIVE, at: float = 0.0) -> Event:
    value = Alert(key, Severity.WARNING, state, NOW, f"{key} is too high", 12.5, 10.0, "A")
    return Event(EventKind.ALERT, MONO + at, NOW + at, True, "", "", msgspec.to_builtins(value))


def minute(at: int, house: str = "h1", p: float = 950.4, readings: int = 6, **changes: Any) -> MinuteMean:
    mean = MinuteMean(at, house, 0, p, 120.0, 229.51, 230.02, 231.44, readings)
    return msgspec.structs.replace(mean, **changes)


def feeder_minute(at: int, i_n: float = 12.0) -> MinuteOfFeeder:
    return MinuteOfFeeder(
        at, i_n, i_n + 5, 20.0, (4000.0, 1000.0, 1200.0), (236.0, 235.0, 234.0), (228.0, 229.0, 230.0), 1.0
    )


def tamper(path: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    """Change the file as someone would who can write to it: triggers dropped, the change made, triggers put back."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        change(connection)
        for _, sql in triggers:
            connection.execute(sql)
    finally:
        connection.close()
