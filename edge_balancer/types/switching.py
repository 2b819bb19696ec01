"""What is said to and by phase switches and operators. The life of a command is in `edge_balancer.switching`."""

from __future__ import annotations

import enum

import msgspec

from edge_balancer.types.phases import Phase


class Mode(enum.StrEnum):
    """What the controller may do by itself."""

    AUTO = "auto"
    """Decide and command."""
    ADVISE = "advise"
    """Decide and publish, command nothing."""
    HOLD = "hold"
    """Decide nothing, command nothing."""


class SwitchResult(enum.StrEnum):
    """How a phase switch says a command went (`B/switch/<house>/state`)."""

    DONE = "done"
    MOVING = "moving"
    REJECTED = "rejected"
    FAILED = "failed"


class Command(msgspec.Struct, frozen=True):
    """An order to one phase switch. `issued` and `expires` are wall-clock Unix seconds: the switch has no other
    clock."""

    id: str
    seq: int
    house: str
    phase: Phase
    origin: Phase
    issued: float
    expires: float
    decision: str
    """Id of the decision (or operator's request) that it carries out."""


class SwitchReport(msgspec.Struct, frozen=True):
    """A phase switch's own account of itself. `phase` is None where it does not know its position."""

    house: str
    phase: Phase | None
    at: float
    """Arrival on the monotonic clock, s."""
    id: str = ""
    """The command it answers; empty where it reports by itself."""
    result: SwitchResult | None = None
    reason: str = ""
    operations: int | None = None
    retained: bool = False
    t: float | None = None
    """Its own time stamp, Unix s, where it gave one."""


class Availability(msgspec.Struct, frozen=True):
    """A phase switch's last will or birth."""

    house: str
    online: bool


class ModeRequest(msgspec.Struct, frozen=True):
    """An operator's wish for another mode."""

    mode: Mode
    by: str
    reason: str = ""
    order: str = ""
    """Id under which it was taken, where it came by the API: the trail has it too."""


class SwitchRequest(msgspec.Struct, frozen=True):
    """An operator's wish to move one house; the guard judges it as any other move."""

    house: str
    phase: Phase
    operator: str
    reason: str
    order: str = ""
    """Id under which it was taken, where it came by the API: the trail has it too."""


class ClearRequest(msgspec.Struct, frozen=True):
    """A person has looked at a locked-out switch and releases it."""

    house: str
    operator: str
    reason: str
    order: str = ""
    """Id under which it was taken, where it came by the API: the trail has it too."""


class AlertAck(msgspec.Struct, frozen=True):
    """A person has seen an alert."""

    key: str
    operator: str
    order: str = ""
    """Id under which it was taken, where it came by the API: the trail has it too."""


class SilenceRequest(msgspec.Struct, frozen=True):
    """A maintenance window: alerts whose keys match are not told to contacts for so long; 0 minutes end it."""

    pattern: str
    minutes: float
    operator: str
    order: str = ""
    """Id under which it was taken, where it came by the API: the trail has it too."""
