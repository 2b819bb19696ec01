"""What the words of a read mean: numbers in SI units, and which of them are none. Pure, no I/O.

Whether the words answer the request at all is the line's business; here a good frame is judged by what it says.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.contract import Phase
from firmware_bridge.meters.plan import Block
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.meters.template import Register

_UNSIGNED: Final = (Quantity.I, Quantity.I_N)
"""Currents carry no sign here; some meters give them that of the power."""

POWER_FACTOR: Final = 1.3
SLACK_W: Final = 1500.0
"""The bound |P| <= 1.3 V I + 1500 W of a phase.

By physics |P| <= V I. A register of another value, or a scale that is wrong by ten or a thousand, breaks that by far;
true readings break it by little, and the bound must never refuse those: the classes of V, I and P add up to some per
cent; currents come in steps of up to 0.1 A (23 W), and below the starting current as 0; and a meter may renew P a
moment before I, so that a load that was just switched on, or a kettle more, is in one and not in the other.
A load of more than 1.5 kW caught in that moment costs one reading of one cycle, no more.
"""


@dataclass(frozen=True, slots=True)
class Implausible:
    """A value that cannot be true, and why."""

    point: Point
    value: float
    why: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one read brought. Every wanted point is in exactly one of the three."""

    values: dict[Point, float]
    missing: tuple[Point, ...]
    """The meter says that it has no value."""
    implausible: tuple[Implausible, ...]


def decode(block: Block, words: Sequence[int]) -> Decoded:
    """Raises ValueError where `words` are not as many as the block has: then they answer another read."""
    if len(words) != block.count:
        raise ValueError(f"{len(words)} registers, where the read was for {block.count}")
    values: dict[Point, float] = {}
    missing: list[Point] = []
    implausible: list[Implausible] = []
    for register in block.registers:
        start = register.address - block.address
        value = number(register, words[start : start + register.words])
        if value is None:
            missing.append(register.point)
        elif register.low <= value <= register.high:
            values[register.point] = value
        else:
            why = f"outside {register.low:g} to {register.high:g}"
            implausible.append(Implausible(register.point, value, why))
    for refusal in _more_than_volt_amperes(values):
        del values[refusal.point]
        implausible.append(refusal)
    return Decoded(values, tuple(missing), tuple(implausible))


def number(register: Register, words: Sequence[int]) -> float | None:
    """One register's value in SI units; None for a pattern that means "no value", NaN and infinity among them."""
    raw = 0
    for word in reversed(words) if register.low_word_first else words:
        raw = raw << 16 | word
    if any(sentinel.matches(raw) for sentinel in register.missing):
        return None
    kind = register.kind
    value: float
    if kind.floating:
        value = struct.unpack(">f" if kind.bits == 32 else ">d", raw.to_bytes(kind.bits // 8, "big"))[0]
        if not math.isfinite(value):
            return None
    else:
        value = raw - (1 << kind.bits) if kind.signed and raw >> (kind.bits - 1) else raw
    value = _scaled(value, register.scale)
    return abs(value) if register.point.quantity in _UNSIGNED else value


def _scaled(value: float, scale: float) -> float:
    """Divides where the scale is a fraction as 0.1: 2301 is then 230.1, not 230.10000000000002."""
    divisor = round(1 / scale)
    if divisor > 1 and divisor * scale == 1.0:
        return value / divisor
    return value * scale


def _more_than_volt_amperes(values: Mapping[Point, float]) -> list[Implausible]:
    """Active powers that the voltage and current of the same read do not allow (see SLACK_W).

    Which of the three is wrong cannot be told; the power is refused, because the most depends on it.
    """
    refused = []
    for phase in (None, *Phase):
        power = values.get(Point(Quantity.P, phase))
        volts = values.get(Point(Quantity.V, phase))
        amperes = values.get(Point(Quantity.I, phase))
        if power is None or volts is None or amperes is None:
            continue
        bound = POWER_FACTOR * volts * amperes + SLACK_W
        if abs(power) > bound:
            why = f"more than {volts:g} V and {amperes:g} A can be"
            refused.append(Implausible(Point(Quantity.P, phase), power, why))
    return refused
