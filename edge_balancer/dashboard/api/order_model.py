"""What people ask the controller to do over the API, and the answer to it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge_balancer.dashboard.api.model import PhaseName
from edge_balancer.telemetry.orders import MOST_SILENCE_MIN
from edge_balancer.types.switching import Mode

Reason = Annotated[str, msgspec.Meta(max_length=200)]


class ModeOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another mode."""

    mode: Mode
    reason: Reason = ""


class MoveOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One house to another phase; the guard judges it as any other move."""

    phase: PhaseName
    reason: Reason = ""


class ClearOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person has looked at a locked-out switch and releases it."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class SilenceOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contacts are not told of alerts whose keys match (`*` and `?` are wildcards) for so long; 0 minutes end it."""

    keys: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    minutes: Annotated[float, msgspec.Meta(ge=0, le=MOST_SILENCE_MIN)]


class Accepted(msgspec.Struct, frozen=True):
    """The order waits for the next turn of control, milliseconds away. What becomes of it comes in the stream, stands
    in `/decisions` and `/alerts`, and in the audit trail under this id."""

    accepted: bool
    order: str
