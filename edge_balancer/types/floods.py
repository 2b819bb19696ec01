"""Who says more than is read, as the engine is told."""

from __future__ import annotations

import msgspec


class Flood(msgspec.Struct, frozen=True):
    """One source of messages above its budget at present."""

    house: str
    """Whose meter or switch it is; empty where it is nobody's in particular."""
    topic: str
    """Where it speaks, as people know it; a device with several topics stands under what they have in common."""
    per_s: float
    """Messages in a second of late, read or not."""
    most_per_s: int
    """How many of them are read."""
    unread: int
    """Left unread since the start."""
