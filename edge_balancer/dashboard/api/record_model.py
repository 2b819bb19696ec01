"""What the API says of decisions, moves and alerts: what is on record. Phases by name, as everywhere on the wire."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_balancer.dashboard.api.model import PhaseName, Triple
from edge_balancer.types.decisions import BlockForecast, Trigger, VetoReason
from edge_balancer.types.events import Alert

MoveState = Literal["planned", "sent", "acknowledged", "verified", "failed", "timed_out", "rejected", "not_sent"]


class MoveAsked(msgspec.Struct, frozen=True):
    """One house from one phase to another."""

    house: str
    origin: PhaseName
    target: PhaseName


class CandidateWeighed(msgspec.Struct, frozen=True):
    """A move that was weighed; it pays where `gain` exceeds `price`, both in A min."""

    move: MoveAsked
    gain: float
    price: float


class VetoGiven(msgspec.Struct, frozen=True):
    """A move that the guard forbade: why, the value it saw, the limit it held against it, and all of it in words."""

    move: MoveAsked
    reason: VetoReason
    value: float | None
    limit: float | None
    text: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of one move of a decision."""

    house: str
    command: str
    state: MoveState
    reason: str
    took_s: float | None
    """From the plan to the end; null while it is under way, and where it never left."""


class DecisionMade(msgspec.Struct, frozen=True):
    """A decision with its whole explanation. Neutral currents in A, gain and price in A min, powers in W."""

    id: str
    t: float
    trigger: Trigger
    trigger_value: float
    trigger_limit: float
    moves: tuple[MoveAsked, ...]
    commanded: bool
    neutral_before_a: float
    neutral_after_a: float
    gain: float
    price: float
    phase_p: Triple
    phase_v_max: tuple[float | None, float | None, float | None]
    coverage: float
    candidates: tuple[CandidateWeighed, ...]
    vetoes: tuple[VetoGiven, ...]
    blocks: tuple[BlockForecast, ...]
    advice: str
    operator: str
    order: str
    """Id of the order that it answers, where it was asked for here."""
    text: str
    asked: float | None
    """What its moves ask together, A min; null where a person asked for it, and in older records."""
    shadow_moves: tuple[MoveAsked, ...] | None
    """What a learned forecast in shadow would have had moved; null where none is."""
    outcomes: tuple[Outcome, ...]


class DecisionPage(msgspec.Struct, frozen=True):
    """Decisions, newest first; `next` goes into `before` for older ones."""

    items: tuple[DecisionMade, ...]
    next: str | None
    unreadable: int = 0
    """Records of these that this version cannot show; the export `trail` has them as they stand."""


class Silence(msgspec.Struct, frozen=True):
    """Alerts whose keys match are not told to contacts until then."""

    keys: str
    until: float
    by: str


class AlertNow(msgspec.Struct, frozen=True):
    """An alert as it stands, or stood."""

    key: str
    severity: Literal["info", "warning", "critical"]
    state: Literal["active", "acknowledged", "resolved"]
    since: float
    text: str
    value: float | None
    limit: float | None
    unit: str
    acknowledgeable: bool
    """Whether somebody may still say that it was seen."""


class Alerts(msgspec.Struct, frozen=True):
    """The alerts that stand, the gravest first, and the silences in force."""

    items: tuple[AlertNow, ...]
    silences: tuple[Silence, ...]


class AlertChange(AlertNow, frozen=True, kw_only=True):
    """One change of an alert on record, at `t`."""

    t: float


class AlertHistory(msgspec.Struct, frozen=True):
    """Changes of alerts, newest first; `next` goes into `before` for older ones."""

    items: tuple[AlertChange, ...]
    next: str | None
    unreadable: int = 0
    """Records of these that this version cannot show; the export `trail` has them as they stand."""


def alert_now(alert: Alert) -> AlertNow:
    return AlertNow(
        alert.key,
        alert.severity.value,
        alert.state.value,
        alert.since,
        alert.text,
        alert.value,
        alert.limit,
        alert.unit,
        alert.state.value == "active",
    )
