"""The event bodies that the store itself must understand, as typed values. Bodies that are only kept pass through
untouched.

Pure. Raises ValueError (msgspec's ValidationError is one) for a body that lacks what a restart would need.
"""

from __future__ import annotations

from typing import Any

import msgspec

from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Mode


class PlannedBody(msgspec.Struct, frozen=True):
    """A command before it leaves. `issued` and `expires` are Unix seconds."""

    seq: int
    phase: str
    origin: str = msgspec.field(name="from")
    issued: float
    expires: float
    decision: str = ""


class PositionBody(msgspec.Struct, frozen=True):
    """A phase switch's position; None where it is unknown."""

    phase: str | None


class ReasonBody(msgspec.Struct, frozen=True):
    reason: str = ""


class ModeBody(msgspec.Struct, frozen=True):
    mode: Mode
    by: str = ""


def parse_phase(value: Any) -> Phase | None:
    """A phase as bodies hold it: a name (`"L2"`), an index (a struct's IntEnum turned into JSON), or nothing."""
    if value is None:
        return None
    if isinstance(value, int):
        return Phase(value)
    return Phase.parse(str(value))


def never_sent(body: dict[str, Any]) -> bool:
    """Whether an event says that its command never left the controller, so that no operation can have happened."""
    return body.get("sent") is False
