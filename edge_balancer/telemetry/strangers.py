"""Houses that speak on the contract's topics and are not configured: listed, so that nobody has to guess why one is
missing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge_balancer.telemetry.refusals import excerpt, shorten

MOST_STRANGERS: Final = 200
_ID_CHARS: Final = 64


class SeenHouse(msgspec.Struct, frozen=True):
    """A house seen but not configured: where, how often, when last (Unix seconds), and the beginning of what it
    said.
    """

    id: str
    topic: str
    count: int
    wall: float
    payload: str


class Strangers:
    """The bounded list. When it is full, the one seen least often (then longest ago) makes room, so that a flood of
    invented names does not drive out a meter that keeps reporting.
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, SeenHouse] = {}

    def note(self, house: str, topic: str, payload: bytes, wall: float) -> None:
        """Count one message of an unknown house."""
        name = shorten(house, _ID_CHARS)
        known = self._seen.get(name)
        if known is None and len(self._seen) >= MOST_STRANGERS:
            del self._seen[min(self._seen.values(), key=lambda seen: (seen.count, seen.wall)).id]
        count = 1 if known is None else known.count + 1
        self._seen[name] = SeenHouse(name, shorten(topic), count, wall, excerpt(payload))

    def listed(self) -> list[SeenHouse]:
        """All that are remembered, the most talkative first."""
        return sorted(self._seen.values(), key=lambda seen: (-seen.count, seen.id))
