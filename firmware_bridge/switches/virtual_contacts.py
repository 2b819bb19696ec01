"""Simulated contacts of one phase switch, with the faults that real ones have. Pure; no time, no chance of its own."""

from __future__ import annotations

import enum
from collections.abc import Callable

from firmware_bridge.contract import Phase


class Fault(enum.Enum):
    """What goes wrong in the next move."""

    NONE = enum.auto()
    REFUSES = enum.auto()
    """The drive has no voltage: the switch says `failed` and nothing has moved."""
    STUCK = enum.auto()
    """The closed contact is welded: it does not open."""
    LYING = enum.auto()
    """The auxiliary contacts follow the command and the main contacts do not: only the meter can tell."""


class VirtualContacts:
    """Contacts that follow at once, unless `fault` says otherwise. `main` is the truth, `read` what is reported."""

    def __init__(self, phase: Phase, on_change: Callable[[Phase | None], None]) -> None:
        self.fault = Fault.NONE
        self.main: Phase | None = phase
        self._auxiliary: Phase | None = phase
        self._on_change = on_change

    def open_all(self) -> None:
        if self.fault is Fault.STUCK:
            return
        self._auxiliary = None
        if self.fault is not Fault.LYING:
            self._set(None)

    def close(self, phase: Phase) -> None:
        self._auxiliary = phase
        if self.fault is not Fault.LYING:
            self._set(phase)

    def read(self) -> frozenset[Phase]:
        return frozenset() if self._auxiliary is None else frozenset((self._auxiliary,))

    def _set(self, phase: Phase | None) -> None:
        if phase is not self.main:
            self.main = phase
            self._on_change(phase)
