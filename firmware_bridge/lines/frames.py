"""Modbus RTU frames: a request as bytes, and whether received bytes are its reply. Pure; knows no time and no line.

Source: Modbus over serial line, specification and implementation guide 1.02; Modbus application protocol 1.1b3.
A reply is believed where it begins with the first byte received and unit, function, byte count (reads) or address and
value (writes) and checksum are right. No frame is looked for inside garbage: 16 bits of checksum are little when every
offset gets a chance.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import Fault
from firmware_bridge.lines.requests import Function, Reply, Request

COIL_ON: Final = 0xFF00
REFUSED: Final = 0x80
"""Added to the function code where the device refuses."""
SHORTEST: Final = 5
"""An exception reply; nothing that is a frame is shorter."""
ECHO_LENGTH: Final = 8
"""The reply to any write."""


def _table() -> tuple[int, ...]:
    values = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        values.append(crc)
    return tuple(values)


_CRC: Final = _table()


def crc16(data: bytes) -> int:
    """CRC-16/Modbus (polynomial 0x8005 reflected, start 0xFFFF). Over a frame with its checksum it gives 0."""
    crc = 0xFFFF
    table = _CRC
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc


def encode(request: Request) -> bytes:
    """The request as it goes over the line."""
    body = struct.pack(">BBH", request.unit, request.function, request.address) + _tail(request)
    return body + crc16(body).to_bytes(2, "little")


def _tail(request: Request) -> bytes:
    values = request.values
    match request.function:
        case Function.WRITE_COIL:
            return struct.pack(">H", values[0] if values[0] > 1 else COIL_ON * values[0])
        case Function.WRITE_REGISTER:
            return struct.pack(">H", values[0])
        case Function.WRITE_COILS:
            packed = sum(1 << position for position, value in enumerate(values) if value)
            size = bit_bytes(len(values))
            return struct.pack(">HB", len(values), size) + packed.to_bytes(size, "little")
        case Function.WRITE_REGISTERS:
            return struct.pack(f">HB{len(values)}H", len(values), 2 * len(values), *values)
        case _:
            return struct.pack(">H", request.count)


def bit_bytes(bits: int) -> int:
    return (bits + 7) // 8


def byte_count(request: Request) -> int:
    """What a read's reply gives as its byte count; 0 for a write."""
    if not request.function.reads:
        return 0
    return bit_bytes(request.count) if request.function.of_bits else 2 * request.count


def request_length(request: Request) -> int:
    """Bytes of the request."""
    values = len(request.values)
    match request.function:
        case Function.WRITE_COILS:
            return 9 + bit_bytes(values)
        case Function.WRITE_REGISTERS:
            return 9 + 2 * values
        case _:
            return 8


def reply_length(request: Request) -> int:
    """Bytes of the reply where the device does as it is told; a refusal has SHORTEST."""
    return 5 + byte_count(request) if request.function.reads else ECHO_LENGTH


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the first `used` bytes received are. Without a fault `reply` holds; with EXCEPTION `code` does."""

    used: int
    reply: Reply = ()
    fault: Fault | None = None
    code: int = 0


class Judge:
    """Looks at what has been received since one request, and says as soon as it can what it is."""

    __slots__ = ("_head", "_refusal", "frame", "length", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.frame: Final = encode(request)
        """The request's bytes."""
        self.length: Final = reply_length(request)
        counted = bytes((byte_count(request),)) if request.function.reads else b""
        self._head = self.frame[:2] + counted
        self._refusal = bytes((request.unit, request.function | REFUSED))

    def look(self, received: bytes | bytearray) -> Judgement | None:
        """The reply, or a fault that more bytes cannot heal. None: incomplete, or it began wrongly (see `stray`).

        Bytes behind the reply are the caller's to drop. They do not speak against it: it began where a reply begins,
        it is whole, and it answers this request and no other.
        """
        if len(received) < SHORTEST:
            return None
        if received.startswith(self._refusal):
            whole = bytes(received[:SHORTEST])
            if crc16(whole):
                return Judgement(SHORTEST, fault=Fault.CHECKSUM)
            return Judgement(SHORTEST, fault=Fault.EXCEPTION, code=whole[2])
        if not received.startswith(self._head) or len(received) < self.length:
            return None
        whole = bytes(received[: self.length])
        if crc16(whole):
            return Judgement(self.length, fault=Fault.CHECKSUM)
        if self.request.function.reads:
            return Judgement(self.length, self._values(whole))
        # Single writes repeat address and value, multiple ones address and count: always bytes 2 to 5 of the request.
        if whole[2:6] != self.frame[2:6]:
            return Judgement(self.length, fault=Fault.ECHO)
        return Judgement(self.length)

    def stray(self, received: bytes | bytearray) -> bool:
        """Whether what was received does not begin as a reply to this request, however it goes on."""
        return not (_agrees(received, self._head) or _agrees(received, self._refusal))

    def blame(self, received: bytes | bytearray) -> Fault:
        """Why what was received until the time was up is no reply. For the counters: nothing of it is believed."""
        if not received:
            return Fault.TIMEOUT
        if not self.stray(received):
            return Fault.SHORT
        size = frame_size(received)
        if size is None or len(received) < size or crc16(bytes(received[:size])):
            return Fault.CHECKSUM
        if received[0] != self.request.unit:
            return Fault.FOREIGN_UNIT
        return Fault.LENGTH if received[1] == self.request.function else Fault.FUNCTION

    def _values(self, whole: bytes) -> Reply:
        count = self.request.count
        if self.request.function.of_bits:
            return tuple(whole[3 + position // 8] >> position % 8 & 1 for position in range(count))
        return struct.unpack_from(f">{count}H", whole, 3)


def frame_size(received: bytes | bytearray) -> int | None:
    """The length of the reply that these bytes begin with, by their own function and count.

    None where that cannot be told, or not yet.
    """
    if len(received) < 3:
        return None
    function = received[1]
    if function & REFUSED:
        return SHORTEST
    if Function.READ_COILS <= function <= Function.READ_REGISTERS:
        return 5 + received[2]
    return ECHO_LENGTH if function in _WRITES else None


_WRITES: Final = tuple(int(function) for function in Function if not function.reads)


def _agrees(received: bytes | bytearray, head: bytes) -> bool:
    """Whether the received bytes are the head, or the beginning of it."""
    return received.startswith(head) or head.startswith(bytes(received[: len(head)]))
