"""What the interlock is made of: contacts, limits, steps, refusals, answers. Behaviour is in `interlock`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from firmware_bridge.contract import Phase, Result


class Contacts(Protocol):
    """The contacts of one phase switch. `read` must come from auxiliary contacts, not from what was last commanded."""

    def open_all(self) -> None: ...

    def close(self, phase: Phase) -> None: ...

    def read(self) -> frozenset[Phase]:
        """The phases whose contacts are closed."""
        ...


class Refusal(enum.StrEnum):
    """Why a command is refused, in the order of judgement."""

    REPLAYED = "replayed"
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


class Step(enum.Enum):
    """Where the switch is in a move."""

    REST = enum.auto()
    OPENING = enum.auto()
    PAUSE = enum.auto()
    CLOSING = enum.auto()


@dataclass(frozen=True, slots=True)
class InterlockSettings:
    """The lock's own limits. They protect the contacts and the house, whatever the controller thinks."""

    dwell_s: float = 60.0
    """Least time between two operations. A start counts as an operation, unless the memory says better."""
    operations_per_hour: int = 12
    dead_time_s: float = 0.1
    """All contacts stay open this long: 10-20 ms do for static switches, contactors need at least 50-100 ms."""
    settle_s: float = 0.5
    """Time within which the contacts must read back what was asked of them."""
    read_every_s: float = 0.02
    future_s: float = 2.0
    """How far ahead of this clock a command may have been issued."""
    validity_s: float = 300.0
    """Longest believable time between issue and expiry."""

    def __post_init__(self) -> None:
        if self.dead_time_s < 0.01:
            raise ValueError(f"dead_time_s = {self.dead_time_s:g} is below 0.01 s, the least of any switch: raise it")
        if self.read_every_s <= 0.0:
            raise ValueError(f"read_every_s = {self.read_every_s:g} must be greater than zero")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the switch says: to a command, or (with an empty `id`) by itself. `phase` is None where unknown."""

    phase: Phase | None
    id: str = ""
    result: Result | None = None
    reason: str = ""
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What should outlive a restart: the last sequence number, operations so far, and the ages of the last hour's."""

    seq: int
    operations: int
    ages_s: tuple[float, ...]
