"""`B/diagnostics`: what the controller knows about its own health, for people and for monitoring. Nothing is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from edge_balancer import __version__
from edge_balancer.engine import Engine
from edge_balancer.journal import Journal
from edge_balancer.storage.thread import StorageThread
from edge_balancer.telemetry.budgets import Budgets
from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.mqtt_link import MqttLink

if TYPE_CHECKING:
    from firmware_bridge.service.diagnostics import BridgeDiagnostics


def diagnostics_payload(
    wall: float,
    intake: Intake,
    storage: StorageThread,
    journal: Journal,
    link: MqttLink,
    budgets: Budgets,
    engine: Engine,
    bridge: BridgeDiagnostics | None = None,
    telling: dict[str, Any] | None = None,
    page: dict[str, Any] | None = None,
) -> bytes:
    """Counters since the start, the last refused messages of each kind, what was left unread of whom, meters seen but
    not configured, the trail's head, what the lines of this machine are like where it has some, how contacts were told
    where there are some, and who looks at the page where it is served."""
    ledger = intake.ledger
    roster = engine.roster
    content: dict[str, Any] = {
        "t": wall,
        "version": __version__,
        "messages": {
            "received": ledger.received,
            "accepted": ledger.accepted,
            "refreshed": ledger.refreshed,
            "refused": ledger.refused,
        },
        "refused": {str(reason): count for reason, count in intake.refusals.items()},
        "modes_refused": engine.modes_refused,
        "refused_last": {str(reason): intake.recent_refusals(reason) for reason in intake.refusals},
        "seen_not_configured": intake.unconfigured,
        "unread": {source.topic: count for source, count in budgets.left_unread().items()},
        "connections": link.connections,
        "storage": {
            "fault": journal.fault,
            "late_events": storage.late_events + journal.waiting,
            "lost_events": storage.lost_events + journal.lost,
            "dropped_minutes": storage.dropped_minutes,
            "head": str(storage.head),
        },
        "voltage_week": _voltage_week(engine, wall),
        "forecast": engine.forecast_report(),
        "switches": {
            "halted": roster.halted,
            "locked": {roster.ids[house]: reason for house, reason in sorted(roster.lock_reason.items())},
            "position_unknown": [
                house.id for k, house in enumerate(roster.houses) if house.movable and not roster.known[k]
            ],
            "offline": [house.id for k, house in enumerate(roster.houses) if roster.offline[k]],
        },
    }
    if bridge is not None:
        content["bridge"] = bridge
    if telling:
        content["telling"] = telling
    if page:
        content["dashboard"] = page
    return msgspec.json.encode(content)


def _voltage_week(engine: Engine, wall: float) -> dict[str, Any]:
    """The judgement of EN 50160 so far: how many ten-minute means the best-measured house has, and who is outside."""
    week = engine.watch.week(wall)
    outside = np.flatnonzero((week.judged > 0) & ~week.within)
    return {
        "windows": int(week.judged.max(initial=0)),
        "outside_pct": {engine.roster.ids[k]: round(float(week.outside_pct[k]), 2) for k in outside.tolist()},
    }
