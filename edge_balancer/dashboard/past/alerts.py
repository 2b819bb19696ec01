"""Alerts out of the audit trail. Reads only."""

from __future__ import annotations

import msgspec

from edge_balancer.dashboard.api.record_model import AlertChange, AlertHistory, alert_now
from edge_balancer.dashboard.past.unreadable import Reading
from edge_balancer.storage.trail import Recorded
from edge_balancer.types.events import Alert, EventKind


def changes(reading: Reading, limit: int, before_seq: int | None) -> AlertHistory:
    """The last `limit` changes of alerts before a row of the trail, newest first."""
    found = reading.rows(EventKind.ALERT, limit, before_seq=before_seq)
    items = tuple(reading.made(found, _change))
    return AlertHistory(items, str(found[-1].seq) if len(found) == limit else None, reading.lost)


def _change(recorded: Recorded) -> AlertChange:
    event = recorded.event
    alert = alert_now(msgspec.convert(event.body, Alert))
    alert = msgspec.structs.replace(alert, since=recorded.placed(alert.since))
    # What is past cannot be acknowledged any more.
    return AlertChange(**{**msgspec.structs.asdict(alert), "acknowledgeable": False}, t=event.wall)
