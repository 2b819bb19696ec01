"""What a bridge says of itself: `B/bridge/<id>`, and the controller's metrics. Plain data; nothing is gathered here."""

from __future__ import annotations

import msgspec

from firmware_bridge.contract import Phase
from firmware_bridge.lines.tally import LineFigures
from firmware_bridge.meters.health import MeterHealth


class LineDiagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """One line. Its figures hold utilisation, faults, and latency for each unit."""

    name: str
    port: str
    up: bool
    since: float
    """Unix seconds since when it is up, or down."""
    reason: str
    """Why it is down; empty while it is up."""
    figures: LineFigures


class SwitchDiagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """One phase switch."""

    house: str
    available: bool
    position: Phase | None
    moving: bool
    locked: str
    """Why it takes no command; empty where it does."""
    operations: int
    refusals: dict[str, int]
    """Commands that were refused, by kind."""
    failures: int
    """Moves that were begun and failed."""


class BridgeDiagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """The whole bridge. Counts are since its start."""

    t: float
    """Unix seconds."""
    lines: tuple[LineDiagnostics, ...]
    meters: tuple[MeterHealth, ...]
    switches: tuple[SwitchDiagnostics, ...]
    readings: int
    """Handed to the broker's connection."""
    unsent: int
    """Readings that found no connection; they are not kept."""
    unread: int
    """Messages on a switch's command topic that were no command: retained, or not to be understood."""
