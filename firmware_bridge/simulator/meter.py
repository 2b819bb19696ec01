"""A simulated meter: any template's registers, filled with what it is told to measure.

The way back from SI units to register words is written here apart from the decoder, so that a test with both says
something. Where the values come from is the caller's business (`house`, or the demo's feeder).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.meters.template import Identity, Kind, Register, Template
from firmware_bridge.simulator.device import MOST_REGISTERS
from firmware_bridge.simulator.wire import READ_HOLDING, READ_REGISTERS, Question, Refused, registers_body

Values = Callable[[], Mapping[Point, float]]
"""What the meter measures at this moment, SI units. A point that is left out, or NaN, is "no value"."""

_INTEGERS: Final = {
    Kind.U16: ">H",
    Kind.S16: ">h",
    Kind.U32: ">I",
    Kind.S32: ">i",
    Kind.U64: ">Q",
    Kind.S64: ">q",
}
_FLOATS: Final = {Kind.FLOAT32: ">f", Kind.FLOAT64: ">d"}


def encode(register: Register, value: float | None) -> tuple[int, ...]:
    """The words of one register. What the type cannot hold ends at its limit; a type without sign loses the sign.

    None and NaN become the register's pattern for "no value", else a NaN or 0.
    """
    if value is None or not math.isfinite(value):
        raw = _nothing(register)
    elif layout := _FLOATS.get(register.kind):
        raw = struct.pack(layout, value / register.scale)
    else:
        raw = _integer(register.kind, value / register.scale)
    words = struct.unpack(f">{len(raw) // 2}H", raw)
    return words[::-1] if register.low_word_first else words


def _nothing(register: Register) -> bytes:
    size = 2 * register.words
    if register.missing:
        return register.missing[0].pattern.to_bytes(size, "big")
    layout = _FLOATS.get(register.kind)
    return struct.pack(layout, math.nan) if layout else bytes(size)


def _integer(kind: Kind, value: float) -> bytes:
    size = struct.calcsize(_INTEGERS[kind])
    if kind.signed:
        low, high = -(1 << 8 * size - 1), (1 << 8 * size - 1) - 1
    else:
        value, low, high = abs(value), 0, (1 << 8 * size) - 1
    return struct.pack(_INTEGERS[kind], min(max(round(value), low), high))


def _identity_words(identity: Identity) -> tuple[int, ...]:
    size = 2 * identity.count
    if identity.codes:
        raw = identity.codes[0].to_bytes(size, "big")
    else:
        raw = identity.texts[0].encode("ascii")[:size].ljust(size, b"\0")
    return struct.unpack(f">{identity.count}H", raw)


class VirtualMeter:
    """One meter. It refuses what the real one refuses: 1 for a function that it does not know, 2 outside its map, 3 for
    more registers than it gives at once. Holes inside its map read as zeros where the real one fills them."""

    def __init__(self, template: Template, unit: int, values: Values, *, identified: bool = True) -> None:
        """`identified` False leaves out what the meter says of itself: an older firmware, a copy."""
        self._unit = unit
        self._template = template
        self._values = values
        self._registers: dict[int, dict[int, Register]] = {}
        """By function, then by first address."""
        for register in template.registers:
            self._registers.setdefault(int(register.function), {})[register.address] = register
        self._owned = {
            (function, address + offset)
            for function, registers in self._registers.items()
            for address, register in registers.items()
            for offset in range(register.words)
        }
        self._spans = {
            function: (min(registers), max(register.end for register in registers.values()))
            for function, registers in self._registers.items()
        }
        self._fixed: dict[tuple[int, int], int] = dict(self._identity_cells()) if identified else {}

    @property
    def unit(self) -> int:
        return self._unit

    def settle(self, now: float) -> float | None:  # noqa: ARG002 - nothing in a meter falls due
        return None

    def _identity_cells(self) -> Iterator[tuple[tuple[int, int], int]]:
        taken: set[tuple[int, int]] = set()
        for identity in self._template.identities:
            cells = [(int(identity.function), identity.address + offset) for offset in range(identity.count)]
            if not (taken | self._owned).intersection(cells):
                taken.update(cells)
                yield from zip(cells, _identity_words(identity), strict=True)

    def answer(self, question: Question, now: float) -> bytes | None:  # noqa: ARG002 - values know their own time
        function = question.function
        known = function in self._registers or any(cell[0] == function for cell in self._fixed)
        if function not in (READ_HOLDING, READ_REGISTERS) or not known:
            raise Refused(1)
        if not 1 <= question.count <= min(MOST_REGISTERS, self._template.max_registers):
            raise Refused(3)
        addresses = range(question.address, question.address + question.count)
        if not all(self._has(function, address) for address in addresses):
            raise Refused(2)
        return registers_body(function, self._words(function, addresses))

    def _has(self, function: int, address: int) -> bool:
        if (function, address) in self._owned or (function, address) in self._fixed:
            return True
        low, high = self._spans.get(function, (0, 0))
        return self._template.fills_holes and low <= address < high

    def _words(self, function: int, addresses: range) -> list[int]:
        words = [self._fixed.get((function, address), 0) for address in addresses]
        values = self._values()
        for start, register in self._registers.get(function, {}).items():
            if start >= addresses.stop or register.end <= addresses.start:
                continue
            value = values.get(register.point)
            if value is not None and register.point.quantity is Quantity.P and not self._template.signed_power:
                value = abs(value)
            for offset, word in enumerate(encode(register, value), start - addresses.start):
                if 0 <= offset < len(words):
                    words[offset] = word
        return words
