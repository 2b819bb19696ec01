"""Contacts of one phase switch whose behaviour a test scripts, and what carries out an interlock's wants on them."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_bridge.contract import Phase
from firmware_bridge.switches.interlock import Interlock
from firmware_bridge.switches.interlock_types import Answer, What


@dataclass
class ScriptedContacts:
    """Obeys at once, except where it is told to misbehave; records each order it gets and when."""

    closed: set[Phase] = field(default_factory=lambda: {Phase.L1})
    welded: set[Phase] = field(default_factory=set)
    dead_coils: set[Phase] = field(default_factory=set)
    crossed: dict[Phase, set[Phase]] = field(default_factory=dict)
    unplugged: bool = False
    contradicts: bool = False
    orders: list[str] = field(default_factory=list)
    log: list[tuple[float, str]] = field(default_factory=list)

    def obey(self, order: str, phase: Phase | None) -> None:
        self.orders.append(order)
        if phase is None:
            self.closed &= self.welded
        elif phase not in self.dead_coils:
            self.closed |= self.crossed.get(phase, {phase})

    def read(self) -> frozenset[Phase] | None:
        return None if self.contradicts else frozenset(self.closed)


def carry_out(lock: Interlock, contacts: ScriptedContacts, now: float) -> Answer | None:
    """Do what the interlock wants, once."""
    want = lock.want
    if contacts.unplugged:
        return lock.failed("unplugged", now)
    if want.what is What.READ:
        return lock.seen(contacts.read(), now)
    order = "open" if want.phase is None else f"close {want.phase}"
    contacts.log.append((now, order))
    contacts.obey(order, want.phase)
    lock.did(now)
    return None


def until(lock: Interlock, contacts: ScriptedContacts, end: float) -> list[Answer]:
    """Carry out wants as they fall due, up to a time. What the switch said, in order."""
    said: list[Answer] = []
    for _ in range(100_000):
        want = lock.want
        if want.at > end:
            return said
        if (answer := carry_out(lock, contacts, want.at)) is not None:
            said.append(answer)
    raise AssertionError("the interlock asks without end")
