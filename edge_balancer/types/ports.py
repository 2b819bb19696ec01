"""The two sides of `engine.step`: all that goes in, and all that comes out. The daemon, the demo, `replay` and the
tests speak it alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from edge_balancer.types.decisions import Decision
from edge_balancer.types.events import Alert, Event
from edge_balancer.types.floods import Flood
from edge_balancer.types.phases import Phase
from edge_balancer.types.readings import Reading, ThreePhaseReading
from edge_balancer.types.snapshot import FeederState, MinuteMean, MinuteOfFeeder
from edge_balancer.types.switching import (
    AlertAck,
    Availability,
    ClearRequest,
    Command,
    Mode,
    ModeRequest,
    SilenceRequest,
    SwitchReport,
    SwitchRequest,
)


class Inputs(msgspec.Struct, frozen=True):
    """What happened since the last step. `wall` is Unix seconds and serves records and the time of day only."""

    wall: float
    synced: bool = True
    readings: Sequence[Reading] = ()
    three_phase: Sequence[ThreePhaseReading] = ()
    """Three-phase houses and the transformer."""
    reports: Sequence[SwitchReport] = ()
    availability: Sequence[Availability] = ()
    modes: Sequence[ModeRequest] = ()
    requests: Sequence[SwitchRequest] = ()
    clears: Sequence[ClearRequest] = ()
    acks: Sequence[AlertAck] = ()
    silences: Sequence[SilenceRequest] = ()
    """For the record alone: whom they keep quiet is no matter of the engine."""
    sent: Sequence[str] = ()
    """Ids of commands whose intent is on disk and which have been handed to the broker."""
    unsent: Sequence[str] = ()
    """Ids of commands that could not leave (broker gone, journal refused): they never will."""
    connected: bool = True
    """Whether the broker is connected now: without it no switch can be heard."""
    storage_fault: str = ""
    """Why the store cannot save at present; empty when it can."""
    refused_orders: int = 0
    """Requests, releases, acknowledgements and modes refused since the start."""
    floods: Sequence[Flood] = ()
    """Who says more at present than is read."""


class Outputs(msgspec.Struct, frozen=True):
    """What must be done now, in this order: `events` to disk, then `commands` to the wire, then the rest."""

    events: tuple[Event, ...] = ()
    commands: tuple[Command, ...] = ()
    decisions: tuple[Decision, ...] = ()
    alerts: tuple[Alert, ...] = ()
    """Alerts that changed."""
    feeder: FeederState | None = None
    """On each tick, the feeder as it stands."""
    mode: ModeRequest | None = None
    """The mode in force, when it changed, and who set it."""
    minutes: tuple[MinuteMean, ...] = ()
    feeder_minutes: tuple[MinuteOfFeeder, ...] = ()
    due: float | None = None
    """Monotonic time at which a step is wanted even if nothing arrives."""


class PastMove(msgspec.Struct, frozen=True):
    """An operation from the trail: when it was commanded, by the wall clock."""

    house: str
    wall: float


class Restored(msgspec.Struct, frozen=True):
    """What the engine must know from before a restart. Everything comes from the store."""

    wall: float
    mode: Mode | None = None
    seq: int = 0
    """The last sequence number that was journalled."""
    phases: dict[str, Phase] = {}
    locked: dict[str, str] = {}
    """House -> why it is locked out."""
    halted: str = ""
    """Why automatic switching is halted; empty where it is not."""
    moves: Sequence[PastMove] = ()
    """Operations of the last day, oldest first."""
    open_commands: Sequence[Command] = ()
    """Journalled, and neither verified nor failed: their outcome is unknown until their switch speaks."""
    alerts: Sequence[Alert] = ()
    after_outage: bool = False
    """The machine came up after a loss of supply: the feeder's cool-down applies."""
    unannounced_starts: int = 0
    """Starts within the last hour, this one included, that followed an end without a goodbye."""
    learned: dict[str, Any] = {}
    """The forecast's and the price's learned state, as `Engine.learned()` gave it."""
