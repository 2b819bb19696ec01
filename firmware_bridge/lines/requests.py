"""What can be asked of a Modbus device, whatever carries it. Plain data; framing is in `frames`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

MOST_REGISTERS: Final = 125
"""In one read (Modbus application protocol 1.1b3, 6.3)."""
MOST_BITS: Final = 2000
MOST_REGISTERS_WRITTEN: Final = 123
MOST_BITS_WRITTEN: Final = 1968
BROADCAST: Final = 0


class Function(enum.IntEnum):
    """The function codes in use."""

    READ_COILS = 1
    READ_INPUTS = 2
    READ_HOLDING = 3
    READ_REGISTERS = 4
    """Input registers."""
    WRITE_COIL = 5
    WRITE_REGISTER = 6
    WRITE_COILS = 15
    WRITE_REGISTERS = 16

    @property
    def reads(self) -> bool:
        return self <= Function.READ_REGISTERS

    @property
    def of_bits(self) -> bool:
        return self in (Function.READ_COILS, Function.READ_INPUTS, Function.WRITE_COIL, Function.WRITE_COILS)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `address` is the wire's, counted from zero.

    `count` is the number of registers or bits of a read; `values` what a write writes (registers 0..65535, coils 0 or
    1; one value for WRITE_COIL and WRITE_REGISTER, where WRITE_COIL also takes a raw word above 1, for boards with
    special commands). Raises ValueError where it cannot be put on the wire.
    """

    unit: int
    function: Function
    address: int
    count: int = 1
    values: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.unit <= 255:
            raise ValueError(f"unit = {self.unit}: give 1 to 247 (0 is the broadcast, above 247 is reserved)")
        most = MOST_BITS if self.function.of_bits else MOST_REGISTERS
        if self.function.reads and not (1 <= self.count <= most and not self.values):
            raise ValueError(f"count = {self.count}: one {self.function.name} reads 1 to {most}")
        if not self.function.reads and not 1 <= len(self.values) <= self._most_written:
            raise ValueError(f"{len(self.values)} values: one {self.function.name} writes 1 to {self._most_written}")
        if self.unit == BROADCAST and self.function.reads:
            raise ValueError(f"unit = {BROADCAST}: a read needs one device to answer, 1 to 247")
        last = self.address + (self.count if self.function.reads else len(self.values)) - 1
        if not (self.address >= 0 and last <= 0xFFFF):
            raise ValueError(f"address = {self.address}: addresses run from 0 to 65535")
        highest = 1 if self.function is Function.WRITE_COILS else 0xFFFF
        if any(not 0 <= value <= highest for value in self.values):
            raise ValueError(f"values = {self.values}: {self.function.name} takes 0 to {highest}")

    @property
    def _most_written(self) -> int:
        match self.function:
            case Function.WRITE_COILS:
                return MOST_BITS_WRITTEN
            case Function.WRITE_REGISTERS:
                return MOST_REGISTERS_WRITTEN
            case _:
                return 1


Reply = tuple[int, ...]
"""Registers (0..65535) or bits (0, 1) of a read, exactly `count` of them; empty for a write that was confirmed."""
