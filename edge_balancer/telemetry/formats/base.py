"""What every meter format offers: the topics it speaks on, and a decoder for each. No device's details stand here."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from edge_balancer.settings.houses import MeterSource
from edge_balancer.telemetry.measurement import AnyMeasurement

Decode = Callable[[bytes], AnyMeasurement | None]
"""Payload in, measurement out; None where the message holds nothing for this source. Raises Refused."""


class Wiring(msgspec.Struct, frozen=True):
    """What a decoder must know of its source: its settings, and whether it measures three phases or one.

    A decoder for a single-phase source never returns three phases.
    """

    source: MeterSource
    three_phase: bool = False

    @property
    def channel(self) -> int:
        """The channel of a single-phase source; the device's first where none is configured."""
        return self.source.channel or 0


class Format(msgspec.Struct, frozen=True):
    """One meter format.

    `filters` gives what to append to the source's topic to subscribe to it (`""` for the topic itself). `bind` gives
    the decoder of one topic, named by what follows the source's topic, or None where that topic holds nothing for this
    source.
    """

    filters: Callable[[Wiring], tuple[str, ...]]
    bind: Callable[[Wiring, str], Decode | None]


def only_topic(_wiring: Wiring) -> tuple[str, ...]:
    """Filters of a format that says everything on one topic."""
    return ("",)
