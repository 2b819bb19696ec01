"""What is kept for ever (the audit trail) and what people are told (alerts)."""

from __future__ import annotations

import enum
from typing import Any

import msgspec


class EventKind(enum.StrEnum):
    """Kinds of rows in the audit trail."""

    STARTED = "started"
    STOPPED = "stopped"
    CLOCK = "clock"
    """The wall clock has become right: earlier rows of this boot are placed by it."""
    MODE = "mode"
    DECISION = "decision"
    REQUEST = "request"
    PLANNED = "planned"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    VERIFIED = "verified"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    LOCKED = "locked"
    CLEARED = "cleared"
    HALTED = "halted"
    """Automatic switching stopped: several switches failed one after another."""
    RESUMED = "resumed"
    """A person has looked after a halt."""
    POSITION = "position"
    """A switch reported a position that no command of ours explains."""
    ALERT = "alert"
    ALERT_ACK = "alert_ack"
    """A person has acknowledged an alert, or tried to."""
    SILENCE = "silence"
    """A person has silenced alerts."""


SWITCH_EVENTS: frozenset[EventKind] = frozenset(
    {
        EventKind.PLANNED,
        EventKind.SENT,
        EventKind.ACKNOWLEDGED,
        EventKind.VERIFIED,
        EventKind.FAILED,
        EventKind.TIMED_OUT,
        EventKind.LOCKED,
        EventKind.CLEARED,
        EventKind.POSITION,
    }
)


class Event(msgspec.Struct, frozen=True):
    """One row of the audit trail before it is chained. Both clocks stand in it; `synced` says whether `wall` could
    be trusted when it was written."""

    kind: EventKind
    mono: float
    wall: float
    synced: bool
    house: str = ""
    command: str = ""
    """Id of the command it belongs to, where it belongs to one."""
    body: dict[str, Any] = {}
    """The details; JSON types only."""


class Severity(enum.StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(enum.StrEnum):
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Alert(msgspec.Struct, frozen=True):
    """One episode of one condition, as it stands. `key` names the condition (`neutral_overload`,
    `switch_failed/h12`)."""

    key: str
    severity: Severity
    state: AlertState
    since: float
    """Unix seconds at which the episode began."""
    text: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""
