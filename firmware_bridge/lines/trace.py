"""What an onlooker gets to see of a line: every frame sent and received, and every byte dropped, with its time.

Only that: what it means is said by who prints it. Without an onlooker nothing of this is made.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.errors import Fault


class Passage(enum.StrEnum):
    SENT = "sent"
    RECEIVED = "received"
    """A reply, believed or not (see its fault); empty where none came."""
    DROPPED = "dropped"
    """Bytes for which nobody had asked, or that came too late."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One frame, or some dropped bytes."""

    at_s: float
    """Monotonic: when its sending began, or its last byte was there."""
    passage: Passage
    data: bytes
    fault: Fault | None = None
    """Why a received frame is not believed (EXCEPTION where it was good and a refusal)."""
    probe: bool = False
    """Sent by the line itself, to learn that nothing late is under way any more."""


Trace = Callable[[Traced], None]
