"""What the interlock is made of: limits, steps, wants, refusals, answers, memory. Behaviour is in `interlock`."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from firmware_bridge.contract import Phase, Result
from firmware_bridge.settings.bridge import InterlockLimits

__all__ = ["Answer", "InterlockLimits", "Memory", "Refusal", "Step", "UnderWay", "Want", "What"]


class Refusal(enum.StrEnum):
    """Why a command is refused, in the order of judgement."""

    UNSIGNED = "not_signed"
    REPLAYED = "replayed"
    LOCKED = "locked_out"
    MALFORMED_TIME = "malformed_time"
    FUTURE = "issued_in_the_future"
    EXPIRED = "expired"
    VALIDITY = "valid_too_long"
    SEQUENCE = "old_sequence"
    UNKNOWN_PHASE = "unknown_phase"
    MOVING = "already_moving"
    POSITION_UNKNOWN = "position_unknown"
    ORIGIN = "not_on_that_phase"
    ALREADY_THERE = "already_there"
    DWELL = "dwell"
    RATE = "rate_limit"
    MEMORY = "memory"
    """What must be remembered could not be written down."""


class Step(enum.Enum):
    """Where the switch is in a move."""

    FIND = enum.auto()
    """At the start, or after the contacts could not be read for a while: the position is not known."""
    REST = enum.auto()
    CHECK = enum.auto()
    """A command was accepted, and the contacts are looked at once more before anything moves."""
    OPENING = enum.auto()
    PAUSE = enum.auto()
    CLOSING = enum.auto()
    CLEARING = enum.auto()
    """Contacts are closed that must not be: all are opened, and the switch stays locked out."""


class What(enum.Enum):
    """What the interlock can ask of the contacts."""

    READ = enum.auto()
    OPEN = enum.auto()
    """Open all contacts of this switch."""
    CLOSE = enum.auto()
    """Close one. For a phase-switching device: go to that phase."""


@dataclass(frozen=True, slots=True)
class Want:
    """What the interlock wants done next. `at` is on the monotonic clock; `phase` stands with CLOSE alone."""

    what: What
    at: float
    phase: Phase | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the switch says: to a command, or (with an empty `id`) by itself. `phase` is None where unknown."""

    phase: Phase | None
    id: str = ""
    result: Result | None = None
    reason: str = ""
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A move that has begun. `origin` is None where a person's order found the house dark."""

    id: str
    origin: Phase | None
    target: Phase


@dataclass(frozen=True, slots=True)
class Memory:
    """What must outlive a restart, and a power cut in mid-move."""

    seq: int = -1
    """Greatest sequence number that was acted on."""
    operations: int = 0
    """Operations in the life of this switch."""
    ages_s: tuple[float, ...] = ()
    """Ages of the last day's operations, oldest first."""
    position: Phase | None = None
    """Last position that was read back."""
    move: UnderWay | None = None
    """The move that was under way."""
    locked: str = ""
    """Why it is locked out; empty where it is not."""
    held: bool = False
    """Whether a person locked it out."""
