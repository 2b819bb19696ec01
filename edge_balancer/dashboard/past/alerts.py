"""Alerts out of the audit trail. Reads only."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from edge_balancer.dashboard.api.record_model import AlertChange, AlertHistory, alert_now
from edge_balancer.storage.trail import read_events
from edge_balancer.types.events import Alert, EventKind

_ALERTS: Final = frozenset({EventKind.ALERT})


def changes(connection: sqlite3.Connection, limit: int, before_seq: int | None) -> AlertHistory:
    """The last `limit` changes of alerts before a row of the trail, newest first."""
    found = list(read_events(connection, kinds=_ALERTS, before_seq=before_seq, newest_first=True, limit=limit))
    items = []
    for recorded in found:
        event = recorded.event
        alert = alert_now(msgspec.convert(event.body, Alert))
        alert = msgspec.structs.replace(alert, since=recorded.placed(alert.since))
        # What is past cannot be acknowledged any more.
        items.append(AlertChange(**{**msgspec.structs.asdict(alert), "acknowledgeable": False}, t=event.wall))
    return AlertHistory(tuple(items), str(found[-1].seq) if len(found) == limit else None)
