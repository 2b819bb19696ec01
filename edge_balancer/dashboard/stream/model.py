"""What the stream carries. One struct per event."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge_balancer.dashboard.api.model import House, ModeNow, Phases, Status
from edge_balancer.dashboard.api.record_model import AlertNow, DecisionMade, MoveState, Silence


class Snapshot(msgspec.Struct, frozen=True):
    """Everything, to begin with."""

    status: Status
    phases: Phases
    houses: tuple[House, ...]
    alerts: tuple[AlertNow, ...]
    silences: tuple[Silence, ...]
    decisions: tuple[DecisionMade, ...]
    """The last ones, newest first."""


class FeederEvent(msgspec.Struct, frozen=True):
    """The controller and the feeder as they stand."""

    status: Status
    phases: Phases


class HousesEvent(msgspec.Struct, frozen=True):
    """What changed in the houses: `[id, {field: value}]` each."""

    t: float
    rows: list[tuple[str, dict[str, Any]]]


class SilencesEvent(msgspec.Struct, frozen=True):
    """All silences in force, whenever one begins or ends."""

    silences: tuple[Silence, ...]


class CommandEvent(msgspec.Struct, frozen=True):
    """A step in the life of a command."""

    house: str
    id: str
    state: MoveState
    reason: str
    t: float


STREAM_EVENTS: Final[dict[str, type[msgspec.Struct]]] = {
    "snapshot": Snapshot,
    "feeder": FeederEvent,
    "houses": HousesEvent,
    "decision": DecisionMade,
    "command": CommandEvent,
    "alert": AlertNow,
    "silences": SilencesEvent,
    "mode": ModeNow,
}
"""Every event by its name."""
