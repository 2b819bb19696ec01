"""Frames in what is heard on a line whose master is somebody else: cut by silence, told as request or reply. Pure.

For people who look for a fault. Nothing that is found here becomes a value, so a frame may also be looked for where
silence did not show its end: adapters hand bytes over in lumps, and a reply can sit in one lump with its request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_bridge.lines.frames import ECHO_LENGTH, REFUSED, SHORTEST, crc16
from firmware_bridge.lines.requests import Function

PATIENCE_S: Final = 0.03
"""How long a frame that is not whole yet is waited for: adapters hold bytes back for up to 16 ms."""
_WRITES: Final = tuple(int(function) for function in Function if not function.reads)
_EXCEPTIONS: Final = {
    1: "function",
    2: "address",
    3: "value",
    4: "failure",
    5: "acknowledge",
    6: "busy",
    11: "no target",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes between silences, or one of the whole frames among them."""

    at_s: float
    """When its first byte was there."""
    gap_s: float | None
    """Silence before it; None at the first one, 0 where it came in one lump with the frame before."""
    data: bytes
    good: bool
    """Whether its checksum is right."""


class Overheard:
    """Collects bytes; the time is handed in, s."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._bytes = bytearray()
        self._began_s = 0.0
        self._last_s: float | None = None
        """When the last byte was there."""
        self._before_s: float | None = None
        """The silence before what is being collected."""

    def hear(self, data: bytes, now_s: float) -> list[Frame]:
        """The frames that were over before these bytes came."""
        over = self.over(now_s)
        if not self._bytes:
            self._began_s = now_s
            self._before_s = None if self._last_s is None else now_s - self._last_s
        self._bytes += data
        self._last_s = now_s
        return over

    def over(self, now_s: float) -> list[Frame]:
        """The frames that are over by now."""
        due_s = self.due_s
        if due_s is None or now_s < due_s:
            return []
        frames, rest = split(bytes(self._bytes))
        self._bytes.clear()
        found = [(data, True) for data in frames] + ([(rest, False)] if rest else [])
        return [
            Frame(self._began_s, self._before_s if number == 0 else 0.0, data, good)
            for number, (data, good) in enumerate(found)
        ]

    @property
    def due_s(self) -> float | None:
        """When to look again if nothing comes; None while nothing is collected."""
        if not self._bytes or self._last_s is None:
            return None
        return self._last_s + (max(PATIENCE_S, self._gap_s) if split(bytes(self._bytes))[1] else self._gap_s)


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole frames that it begins with, and what is left behind them."""
    frames = []
    while data:
        length = next((n for n in _lengths(data) if n <= len(data) and crc16(data[:n]) == 0), None)
        if length is None:
            break
        frames.append(data[:length])
        data = data[length:]
    return frames, data


def _lengths(data: bytes) -> list[int]:
    """How long a frame that begins so can be: as a reply, as a request."""
    if len(data) < 3:
        return []
    function = data[1]
    if function & REFUSED:
        return [SHORTEST]
    if Function.READ_COILS <= function <= Function.READ_REGISTERS:
        return [ECHO_LENGTH, SHORTEST + data[2]]
    lengths = [ECHO_LENGTH] if function in _WRITES else []
    if function in (Function.WRITE_COILS, Function.WRITE_REGISTERS) and len(data) > 6:
        lengths.append(9 + data[6])
    # Functions of the makers' own: whatever there is, if its checksum is right.
    return lengths or [len(data)]


def describe(frame: Frame, before: Frame | None) -> str:
    """What the frame says, for people; `before` tells a reply from a request where both look alike."""
    data = frame.data
    if not frame.good:
        return "no whole frame"
    unit, code = data[0], data[1]
    where = "broadcast" if unit == 0 else f"unit {unit}"
    if code & REFUSED:
        reason = _EXCEPTIONS.get(data[2], "see the manual")
        return f"refusal  {where}, FC{code & ~REFUSED:02d}, exception {data[2]} ({reason})"
    if code not in tuple(Function):
        return f"frame    {where}, function {code}"
    function = Function(code)
    return f"{_kind(data, function, before)}  {where}, FC{code:02d}, {_body(data, function, before)}"


def _is_reply(data: bytes, function: Function, before: Frame | None) -> bool:
    asked = before is not None and before.good and before.data[:2] == data[:2]
    if not function.reads:
        # A single write is repeated as it was; of a multiple one the reply is the shorter frame.
        if function in (Function.WRITE_COIL, Function.WRITE_REGISTER):
            return asked and before is not None and before.data == data
        return len(data) == ECHO_LENGTH
    if len(data) != SHORTEST + data[2]:
        return False
    # A reply of 3 bytes of coils is as long as a request: then it is one if it follows its request.
    if len(data) != ECHO_LENGTH:
        return True
    return asked and before is not None and len(before.data) == ECHO_LENGTH and before.data != data


def _kind(data: bytes, function: Function, before: Frame | None) -> str:
    return "reply  " if _is_reply(data, function, before) else "request"


def _body(data: bytes, function: Function, before: Frame | None) -> str:
    things = "coils" if function.of_bits else "registers"
    if function is Function.READ_INPUTS:
        things = "inputs"
    first, second = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big")
    if function.reads:
        if _is_reply(data, function, before):
            return f"{data[2]} bytes"
        return f"{things} {first} to {first + second - 1}"
    if function in (Function.WRITE_COIL, Function.WRITE_REGISTER):
        return f"{things[:-1]} {first} = 0x{second:04x}"
    return f"{things} {first} to {first + second - 1} written"
