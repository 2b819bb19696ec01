"""Simulated relay boards: what they say and do on the line.

Three dialects of boards, as they are sold; contacts, their delays and their breakages are in `contacts`. Not simulated:
timed pulses, toggling, delays and the boards' own settings (address, baud rate): those are refused.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

from firmware_bridge.simulator import wire
from firmware_bridge.simulator.contacts import AUXILIARY_S, OPERATE_S, RELEASE_S, Change, Contacts
from firmware_bridge.simulator.device import MOST_BITS, MOST_REGISTERS, cut
from firmware_bridge.simulator.wire import Question, Refused, bits_body, confirmation, registers_body

_ON: Final = 0xFF00
_OFF: Final = 0x0000
_ALL: Final = 0x00FF
"""The coil that stands for all relays (Waveshare)."""


class Dialect(enum.StrEnum):
    """How a board is told to switch."""

    COILS = "coils"
    """Coils 0, 1, ... written by function 5 or 15 and read by 1; coil 0x00FF is all of them; inputs by 2."""
    CHANNEL_COMMANDS = "channel_commands"
    """Function 6 to register 1, 2, ...: 0x0100 on, 0x0200 off; register 0: 0x0700 all on, 0x0800 all off; function 3
    reads 1 or 0."""
    REGISTERS = "registers"
    """Function 6 to register 0, 1, ...: 1 on, 0 off, read back by function 3; function 4 reads the inputs."""


class VirtualRelayBoard:
    """One board. The input of a channel mirrors its contact a little later, as an auxiliary contact wired to it would.

    `inputs` False for a board that has none. `on_change` hears of every movement of a main contact, from the line's
    thread.
    """

    def __init__(
        self,
        unit: int,
        channels: int = 8,
        *,
        dialect: Dialect = Dialect.COILS,
        inputs: bool = True,
        operate_s: float = OPERATE_S,
        release_s: float = RELEASE_S,
        auxiliary_s: float = AUXILIARY_S,
        on_change: Callable[[Change], None] | None = None,
    ) -> None:
        self._unit = unit
        self._dialect, self._inputs = dialect, inputs
        self._powered = True
        self.contacts = Contacts(
            channels, operate_s=operate_s, release_s=release_s, auxiliary_s=auxiliary_s, on_change=on_change
        )

    @property
    def unit(self) -> int:
        return self._unit

    def settle(self, now: float) -> float | None:
        return self.contacts.settle(now)

    def power(self, on: bool, now: float) -> None:
        """Cut the board's supply, or give it back: without it all relays drop, and afterwards they stay open."""
        self._powered = on
        if not on:
            self._all(False, now)

    def answer(self, question: Question, now: float) -> bytes | None:
        if not self._powered:
            return None
        match self._dialect:
            case Dialect.COILS:
                return self._coils(question, now)
            case Dialect.CHANNEL_COMMANDS:
                return self._channel_commands(question, now)
            case Dialect.REGISTERS:
                return self._registers(question, now)

    def _all(self, on: bool, now: float) -> None:
        for channel in range(1, len(self.contacts) + 1):
            self.contacts.drive(channel, on, now)

    def _coils(self, question: Question, now: float) -> bytes:
        match question.function:
            case wire.READ_COILS:
                return bits_body(wire.READ_COILS, cut(self.contacts.driven(), question, MOST_BITS))
            case wire.READ_INPUTS if self._inputs:
                return bits_body(wire.READ_INPUTS, cut(self.contacts.shown(now), question, MOST_BITS))
            case wire.WRITE_COIL:
                if question.values[0] not in (_ON, _OFF):
                    raise Refused(3)
                on = question.values[0] == _ON
                if question.address == _ALL:
                    self._all(on, now)
                else:
                    self.contacts.drive(question.address + 1, on, now)
                return confirmation(question)
            case wire.WRITE_COILS:
                self._fits(question)
                for offset, bit in enumerate(question.values):
                    self.contacts.drive(question.address + offset + 1, bool(bit), now)
                return confirmation(question)
        raise Refused(1)

    def _fits(self, question: Question) -> None:
        if question.count < 1 or len(question.values) != question.count:
            raise Refused(3)
        if question.address + question.count > len(self.contacts):
            raise Refused(2)

    def _channel_commands(self, question: Question, now: float) -> bytes:
        match question.function:
            case wire.READ_HOLDING:
                return registers_body(wire.READ_HOLDING, cut(self.contacts.driven(), question, MOST_REGISTERS, first=1))
            case wire.WRITE_REGISTER:
                command = question.values[0] >> 8
                if question.address == 0:
                    if command not in (7, 8):
                        raise Refused(3)
                    self._all(command == 7, now)
                elif command in (1, 2):
                    self.contacts.drive(question.address, command == 1, now)
                else:
                    raise Refused(3)
                return confirmation(question)
        raise Refused(1)

    def _registers(self, question: Question, now: float) -> bytes:
        match question.function:
            case wire.READ_HOLDING:
                return registers_body(wire.READ_HOLDING, cut(self.contacts.driven(), question, MOST_REGISTERS))
            case wire.READ_REGISTERS if self._inputs:
                return registers_body(wire.READ_REGISTERS, cut(self.contacts.shown(now), question, MOST_REGISTERS))
            case wire.WRITE_REGISTER:
                if question.values[0] > 1:
                    raise Refused(3)
                self.contacts.drive(question.address + 1, question.values[0] == 1, now)
                return confirmation(question)
        raise Refused(1)
