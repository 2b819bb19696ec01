"""Decisions as the API shows them, out of their records, with what became of each move. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from edge_balancer.dashboard.api.record_model import DecisionMade, MoveState, Outcome
from edge_balancer.decision.explain import veto_text
from edge_balancer.types.decisions import Decision, Veto
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.tojson import to_json

_STATES: Final[dict[EventKind, MoveState]] = {
    EventKind.PLANNED: "planned",
    EventKind.SENT: "sent",
    EventKind.ACKNOWLEDGED: "acknowledged",
    EventKind.VERIFIED: "verified",
    EventKind.FAILED: "failed",
    EventKind.TIMED_OUT: "timed_out",
    EventKind.LOCKED: "failed",
}
OF_COMMANDS: Final = frozenset(_STATES)
"""Kinds of events that say something of a command."""
ENDS: Final = frozenset({"verified", "failed", "timed_out", "rejected", "not_sent"})


def state_of(event: Event) -> MoveState | None:
    """What an event says of its command; None where it says nothing."""
    if not event.command or event.kind not in _STATES:
        return None
    if event.kind is EventKind.FAILED and event.body.get("sent") is False:
        return "not_sent"
    if event.kind is EventKind.FAILED and event.body.get("result") == "rejected":
        return "rejected"
    return _STATES[event.kind]


def outcome_of(events: Iterable[Event]) -> Outcome | None:
    """What became of one command, from its events in their order; None without any. The first end counts."""
    planned: Event | None = None
    found: Outcome | None = None
    for event in events:
        state = state_of(event)
        if state is None or (found is not None and found.state in ENDS):
            continue
        planned = planned or event
        found = Outcome(
            house=event.house,
            command=event.command,
            state=state,
            reason=str(event.body.get("reason") or ""),
            took_s=_took_s(planned, event) if state in ENDS and state != "not_sent" else None,
        )
    return found


def _took_s(planned: Event, end: Event) -> float:
    # After a restart the monotonic clock began anew.
    took_s = end.mono - planned.mono if end.mono >= planned.mono else end.wall - planned.wall
    return round(max(0.0, took_s), 3)


def decision_made(record: dict[str, Any], outcomes: tuple[Outcome, ...]) -> DecisionMade:
    """A decision out of its record, which is what `to_json` gives. Raises ValueError for what is no such record."""
    plain = {**record, "t": record.get("wall"), "outcomes": [msgspec.to_builtins(outcome) for outcome in outcomes]}
    plain.setdefault("order", "")
    plain.setdefault("asked", None)
    plain.setdefault("shadow_moves", None)
    plain["vetoes"] = [{**veto, "text": _veto_words(veto)} for veto in record.get("vetoes", ())]
    return msgspec.convert(plain, DecisionMade)


def _veto_words(veto: dict[str, Any]) -> str:
    try:
        return veto_text(msgspec.convert(_with_phases(veto), Veto))
    except (ValueError, TypeError, KeyError):
        return str(veto.get("reason", ""))


def _with_phases(veto: dict[str, Any]) -> dict[str, Any]:
    """Phases as the numbers that msgspec expects of them."""
    move = veto["move"]
    numbers = {name: ("L1", "L2", "L3").index(move[name]) for name in ("origin", "target")}
    return {**veto, "move": {**move, **numbers}}


def record_of(decision: Decision) -> dict[str, Any]:
    """The record that the audit trail has of it."""
    return to_json(decision)
