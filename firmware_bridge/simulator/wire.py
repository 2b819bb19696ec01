"""The device's end of Modbus RTU: bytes to a question, an answer to bytes.

Written apart from the master's framing on purpose: an error in one of the two then shows, and does not cancel out.
No I/O, no clock, and no judgement of what a device holds.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

READ_COILS: Final = 1
READ_INPUTS: Final = 2
READ_HOLDING: Final = 3
READ_REGISTERS: Final = 4
WRITE_COIL: Final = 5
WRITE_REGISTER: Final = 6
WRITE_COILS: Final = 15
WRITE_REGISTERS: Final = 16
REFUSAL: Final = 0x80
"""Added to the function by a device that refuses."""

BROADCAST: Final = 0

_SHORT_REQUESTS: Final = (READ_COILS, READ_INPUTS, READ_HOLDING, READ_REGISTERS, WRITE_COIL, WRITE_REGISTER)
_SHORT_LENGTH: Final = 8
_POLYNOMIAL: Final = 0xA001


class Refused(Exception):  # noqa: N818 - an answer, not a mistake
    """What a device says no with: 1 unknown function, 2 address outside its map, 3 value or count, 4 failure."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Question:
    """One request as a device understands it; `address` and `count` are 0 where the function is unknown.

    `values` is what a write brings: one raw word for the single writes, bits for WRITE_COILS, words for
    WRITE_REGISTERS. Their number can differ from `count` where the master contradicts itself.
    """

    unit: int
    function: int
    address: int
    count: int
    values: tuple[int, ...] = ()


def _remainders() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


_REMAINDERS: Final = _remainders()


def checksum(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first as it goes over the wire."""
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ _REMAINDERS[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def framed(unit: int, body: bytes) -> bytes:
    """A whole frame; `body` begins with the function."""
    frame = bytes((unit,)) + body
    return frame + checksum(frame)


def intact(frame: bytes) -> bool:
    return len(frame) >= 4 and checksum(frame[:-2]) == frame[-2:]


def request_length(data: bytes | bytearray) -> int | None:
    """Bytes of the request that begins here; None where that cannot be told (yet)."""
    if len(data) < 2:
        return None
    if data[1] in _SHORT_REQUESTS:
        return _SHORT_LENGTH
    if data[1] in (WRITE_COILS, WRITE_REGISTERS) and len(data) > 6:
        return 9 + data[6]
    return None


def parse(frame: bytes) -> Question | None:
    """The question in a whole frame; None where it is none: too short, too long, or with a wrong checksum."""
    if not intact(frame):
        return None
    unit, function = frame[0], frame[1]
    body = frame[2:-2]
    length = request_length(frame)
    if length is None:
        return Question(unit, function, 0, 0)
    if length != len(frame):
        return None
    address, second = struct.unpack_from(">HH", body)
    if function in (WRITE_COIL, WRITE_REGISTER):
        return Question(unit, function, address, 1, (second,))
    if function == WRITE_REGISTERS:
        return Question(unit, function, address, second, struct.unpack(f">{len(body[5:]) // 2}H", body[5:]))
    if function == WRITE_COILS:
        room = 8 * len(body[5:])
        bits = tuple(body[5 + bit // 8] >> bit % 8 & 1 for bit in range(min(second, room)))
        return Question(unit, function, address, second, bits)
    return Question(unit, function, address, second)


def registers_body(function: int, words: Sequence[int]) -> bytes:
    return struct.pack(f">BB{len(words)}H", function, 2 * len(words), *words)


def bits_body(function: int, bits: Sequence[int]) -> bytes:
    packed = bytearray((len(bits) + 7) // 8)
    for number, bit in enumerate(bits):
        packed[number // 8] |= (1 if bit else 0) << number % 8
    return bytes((function, len(packed))) + bytes(packed)


def confirmation(question: Question) -> bytes:
    """What a device says to a write that it carried out."""
    second = question.values[0] if question.function in (WRITE_COIL, WRITE_REGISTER) else question.count
    return struct.pack(">BHH", question.function, question.address, second)


def refusal(function: int, code: int) -> bytes:
    return bytes((function | REFUSAL, code))
