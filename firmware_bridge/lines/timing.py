"""How long things take on a serial line: characters, gaps, requests, replies. For planning, utilisation and bounds.

Computed from the line's settings; measures nothing and reads no clock. Source: Modbus over serial line 1.02, 2.5.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_bridge.lines.frames import SHORTEST, reply_length, request_length
from firmware_bridge.lines.requests import BROADCAST, Request
from firmware_bridge.settings.devices import LineSettings

GAP_CHARACTERS: Final = 3.5
"""Silence that ends a frame, in characters."""
FAST_BAUD: Final = 19_200
"""Above it the gap is fixed, so that it stays long against a computer's reaction."""
FAST_GAP_S: Final = 0.00175
TURNAROUND_S: Final = 0.1
"""After a broadcast, for the devices to do what they were told; the specification says 0.1 to 0.2 s."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A line's durations."""

    character_s: float
    gap_s: float

    @classmethod
    def of(cls, settings: LineSettings) -> Timing:
        """A character has a start bit, eight of data, and what the settings add: 10 bits for 8N1, 11 for 8E1 or
        8N2."""
        bits = 1 + 8 + (settings.parity != "none") + settings.stop_bits
        character_s = bits / settings.baud
        return cls(character_s, FAST_GAP_S if settings.baud > FAST_BAUD else GAP_CHARACTERS * character_s)

    def bytes_s(self, count: int) -> float:
        """So many bytes without a pause between them."""
        return count * self.character_s

    def request_s(self, request: Request) -> float:
        return self.bytes_s(request_length(request))

    def reply_s(self, request: Request) -> float:
        """The reply of a device that does as it is told; none to a broadcast."""
        return 0.0 if request.unit == BROADCAST else self.bytes_s(reply_length(request))

    def refusal_s(self) -> float:
        return self.bytes_s(SHORTEST)

    def transaction_s(self, request: Request) -> float:
        """The least time from the beginning of this request to the beginning of the next one: the request, the gap
        that ends it, the reply of a device that does not think, and the gap that ends that."""
        if request.unit == BROADCAST:
            return self.request_s(request) + TURNAROUND_S
        return self.request_s(request) + self.gap_s + self.reply_s(request) + self.gap_s
