"""The contacts of a simulated relay board as a small piece of physics: they take time, and they can break.

A coil that is driven moves its contact some milliseconds later, and the auxiliary contact follows that. Every change of
a main contact is reported with its instant, so that a recording can prove that no two were closed together. What a
board says on the line is in `boards`.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.simulator.wire import Refused

OPERATE_S: Final = 0.008
"""From coil on to contact closed, by the data sheets of the relays on common boards (10 ms at most)."""
RELEASE_S: Final = 0.005
"""From coil off to contact open (5 ms at most, without a diode across the coil)."""
AUXILIARY_S: Final = 0.003
"""What an auxiliary contact lags behind its main contact."""


class Breakage(enum.StrEnum):
    """How a contact can be broken."""

    WELDED = "welded"
    """Once closed it stays closed, whatever the coil does."""
    DEAD_COIL = "dead_coil"
    """It never closes."""
    SLOW = "slow"
    """It takes `extra_s` longer, both ways."""
    FEEDBACK_STUCK = "feedback_stuck"
    """The auxiliary contact stays as it is."""
    FEEDBACK_INVERTED = "feedback_inverted"
    """The auxiliary contact shows the opposite (wired to the wrong terminal)."""


@dataclass(frozen=True, slots=True)
class Change:
    """A main contact moved. `at` is monotonic, s; `channel` counts from 1 as on the board."""

    at: float
    channel: int
    closed: bool


@dataclass(slots=True)
class _Contact:
    driven: bool = False
    closed: bool = False
    shown: bool = False
    moves_at: float | None = None
    shows: list[tuple[float, bool]] = field(default_factory=list)
    broken: Breakage | None = None
    extra_s: float = 0.0


class Contacts:
    """So many relays, with their main and auxiliary contacts; channels count from 1. For several threads."""

    def __init__(
        self,
        channels: int,
        *,
        operate_s: float = OPERATE_S,
        release_s: float = RELEASE_S,
        auxiliary_s: float = AUXILIARY_S,
        on_change: Callable[[Change], None] | None = None,
    ) -> None:
        self._contacts = [_Contact() for _ in range(channels)]
        self._operate_s, self._release_s, self._auxiliary_s = operate_s, release_s, auxiliary_s
        self._on_change = on_change
        # Reentrant: who is told of a change may look at the others.
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._contacts)

    def _of(self, channel: int) -> _Contact:
        if not 1 <= channel <= len(self._contacts):
            raise Refused(2)
        return self._contacts[channel - 1]

    def drive(self, channel: int, on: bool, now: float) -> None:
        """Energise a coil, or let it go. Raises Refused where the board has no such relay."""
        contact = self._of(channel)
        with self._lock:
            self.settle(now)
            contact.driven = on
            self._urge(contact, now)

    def _urge(self, contact: _Contact, now: float) -> None:
        stays = contact.driven == contact.closed
        welded = contact.broken is Breakage.WELDED and contact.closed
        dead = contact.broken is Breakage.DEAD_COIL and not contact.closed
        if stays or welded or dead:
            contact.moves_at = None
        elif contact.moves_at is None:
            contact.moves_at = now + (self._operate_s if contact.driven else self._release_s)
            contact.moves_at += contact.extra_s if contact.broken is Breakage.SLOW else 0.0

    def break_contact(self, channel: int, how: Breakage | None, now: float, *, extra_s: float = 0.5) -> None:
        """Break a contact, or mend it with None: it then follows its coil again."""
        contact = self._of(channel)
        with self._lock:
            self.settle(now)
            contact.broken, contact.extra_s, contact.moves_at = how, extra_s, None
            self._urge(contact, now)
            if how is not Breakage.FEEDBACK_STUCK and contact.shown != contact.closed:
                contact.shows = [(now + self._auxiliary_s, contact.closed)]

    def settle(self, now: float) -> float | None:
        """Let move what is due, in the order of time; the instant of the next movement."""
        with self._lock:
            return self._settle(now)

    def _settle(self, now: float) -> float | None:
        due = sorted(
            (contact.moves_at, number, contact)
            for number, contact in enumerate(self._contacts, 1)
            if contact.moves_at is not None and contact.moves_at <= now
        )
        for moved, number, contact in due:
            contact.closed, contact.moves_at = contact.driven, None
            contact.shows.append((moved + self._auxiliary_s, contact.closed))
            if self._on_change is not None:
                self._on_change(Change(moved, number, contact.closed))
        for contact in self._contacts:
            while contact.shows and contact.shows[0][0] <= now:
                _, state = contact.shows.pop(0)
                if contact.broken is not Breakage.FEEDBACK_STUCK:
                    contact.shown = state
        return min((at for contact in self._contacts if (at := contact.moves_at) is not None), default=None)

    def driven(self) -> tuple[int, ...]:
        """What the coils are told, 1 for on: what a board reads back of its own relays."""
        return tuple(int(contact.driven) for contact in self._contacts)

    def closed(self, now: float) -> frozenset[int]:
        """The channels whose main contacts are closed: the truth."""
        self.settle(now)
        return frozenset(number for number, contact in enumerate(self._contacts, 1) if contact.closed)

    def shown(self, now: float) -> tuple[int, ...]:
        """What the auxiliary contacts show, 1 for closed."""
        self.settle(now)
        return tuple(int(contact.shown != (contact.broken is Breakage.FEEDBACK_INVERTED)) for contact in self._contacts)
