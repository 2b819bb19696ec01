"""What answers at a unit of a line: a meter of which model, a relay board, or something that speaks Modbus.

What a model says of itself is in its template (`identities`); a meter that says nothing is known by plausible values at
its addresses, and then every model with that map is as likely. Only reads are sent: nothing is switched or set.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import DeviceRefusal, Fault, TransactionError
from firmware_bridge.lines.line import Line
from firmware_bridge.lines.requests import Function, Reply, Request
from firmware_bridge.meters.decode import decode
from firmware_bridge.meters.plan import plan
from firmware_bridge.meters.points import Quantity
from firmware_bridge.meters.template import Identity, Template


class Certainty(enum.StrEnum):
    """How well it is known what a device is."""

    SURE = "sure"
    LIKELY = "likely"
    UNKNOWN = "unknown"
    """It speaks Modbus, and that is all."""
    GARBLED = "garbled"
    """Something is there, and no frame of it is whole."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is at a unit. `models` are templates' names, several where they cannot be told apart."""

    unit: int
    certainty: Certainty
    models: tuple[str, ...] = ()
    what: str = ""
    """For people, where no model says it."""


_PROBES: Final = (
    (Function.READ_REGISTERS, 0, 2),
    (Function.READ_HOLDING, 0, 1),
    (Function.READ_COILS, 0, 8),
)
"""One of them is answered by every device that is known, with values or with a refusal: meters that are mute to a
function they do not have exist, and so do boards with nothing but coils. Replies of different lengths."""
_BOARDS: Final = (
    (Function.READ_COILS, 0, "a relay board (coils)"),
    (Function.READ_HOLDING, 0, "perhaps a relay board (registers from 0 on)"),
    (Function.READ_HOLDING, 1, "perhaps a relay board (registers from 1 on)"),
)
_BOARD_CHANNELS: Final = 8
_ONE_MORE_READ_S: Final = 0.02
_ONE_MORE_REGISTER_S: Final = 0.002
"""Costs at 9600 baud; only whether two reads become one depends on them."""
_LIVE_V: Final = 50.0
"""A meter that answers holes with zeros would show any model's voltage as a dead phase."""

_GARBLED: Final = (
    "several devices with this unit, or noise: disconnect one and scan again, or check termination and parity"
)


class _Talk:
    """What one unit was asked so far, so that nothing is asked twice."""

    def __init__(self, line: Line, unit: int) -> None:
        self._line, self.unit = line, unit
        self._replies: dict[tuple[Function, int, int], Reply | TransactionError] = {}
        self.garbled = 0

    @property
    def spoke(self) -> bool:
        return any(isinstance(reply, tuple | DeviceRefusal) for reply in self._replies.values())

    async def ask(self, function: Function, address: int, count: int) -> Reply | TransactionError:
        """Words or bits; else why there are none. What a broken or foreign frame spoiled is asked for once more."""
        key = (function, address, count)
        if key not in self._replies:
            reply = await self._once(*key)
            if isinstance(reply, TransactionError) and reply.fault not in (Fault.TIMEOUT, Fault.EXCEPTION):
                reply = await self._once(*key)
            self._replies[key] = reply
        return self._replies[key]

    async def _once(self, function: Function, address: int, count: int) -> Reply | TransactionError:
        try:
            return await self._line.ask(Request(self.unit, function, address, count))
        except TransactionError as error:
            self.garbled += _broken(error)
            return error


def _broken(error: TransactionError) -> bool:
    """Bytes came, and not from another unit: that would be the late answer of one asked before."""
    return error.fault not in (Fault.TIMEOUT, Fault.EXCEPTION, Fault.FOREIGN_UNIT)


async def recognise(line: Line, unit: int, templates: Sequence[Template]) -> Found | None:
    """What is at this unit; None where nothing answers. Raises LineDown."""
    talk = _Talk(line, unit)
    for probe in _PROBES:
        await talk.ask(*probe)
        if talk.spoke:
            break
    else:
        # After one broken reply a line may well refuse to believe any other of this unit: one is enough to tell.
        return Found(unit, Certainty.GARBLED, what=_GARBLED) if talk.garbled else None
    return (
        await _by_identity(talk, templates)
        or await _by_values(talk, templates)
        or await _as_board(talk)
        or Found(unit, Certainty.UNKNOWN, what="a Modbus device answers, model unknown")
    )


async def _by_identity(talk: _Talk, templates: Sequence[Template]) -> Found | None:
    """Models whose own word it is. Where the word is a family's, the values tell the family's members apart."""
    named: dict[str, list[Template]] = {"sure": [], "likely": []}
    for template in templates:
        matching = [identity for identity in template.identities if await _says(talk, identity)]
        for proves in {identity.proves for identity in matching}:
            named[proves].append(template)
    if named["sure"]:
        return Found(talk.unit, Certainty.SURE, _names(named["sure"]))
    if not named["likely"]:
        return None
    return await _by_values(talk, named["likely"]) or Found(talk.unit, Certainty.LIKELY, _names(named["likely"]))


async def _says(talk: _Talk, identity: Identity) -> bool:
    reply = await talk.ask(identity.function, identity.address, identity.count)
    return not isinstance(reply, TransactionError) and identity.matches(reply)


async def _denies(talk: _Talk, template: Template) -> bool:
    """Whether the device says that it is another model. A refusal says nothing: older firmware has no such register."""
    denied = False
    for identity in template.identities:
        reply = await talk.ask(identity.function, identity.address, identity.count)
        if isinstance(reply, TransactionError):
            continue
        if identity.matches(reply):
            return False
        denied = denied or any(reply)
    return denied


async def _by_values(talk: _Talk, templates: Sequence[Template]) -> Found | None:
    """Models at whose addresses the values of a living meter stand: of those, the ones that explain the most phases."""
    fits: list[tuple[tuple[int, bool], Template]] = []
    for template in templates:
        if await _denies(talk, template):
            continue
        live = await _live_phases(talk, template)
        if live:
            fits.append(((live, live == template.phases), template))
    if not fits:
        return None
    best = max(fit for fit, _ in fits)
    return Found(talk.unit, Certainty.LIKELY, _names([template for fit, template in fits if fit == best]))


async def _live_phases(talk: _Talk, template: Template) -> int:
    """Phases with a voltage, read as this model; 0 where it cannot be this one."""
    wanted = set(template.fingerprint)
    if not wanted:
        return 0
    wanted.update(point for point in template.fast_points if point.quantity in (Quantity.V, Quantity.P))
    live = 0
    for block in plan(template, wanted, _ONE_MORE_READ_S, _ONE_MORE_REGISTER_S):
        reply = await talk.ask(block.function, block.address, block.count)
        if isinstance(reply, TransactionError):
            return 0
        decoded = decode(block, reply)
        if decoded.implausible or decoded.missing:
            return 0
        live += sum(point.quantity is Quantity.V and value >= _LIVE_V for point, value in decoded.values.items())
    return live


async def _as_board(talk: _Talk) -> Found | None:
    """Relays by the coils or registers that show them: eight that are on or off."""
    for function, address, what in _BOARDS:
        reply = await talk.ask(function, address, _BOARD_CHANNELS)
        if not isinstance(reply, TransactionError) and set(reply) <= {0, 1}:
            return Found(talk.unit, Certainty.LIKELY, what=what)
    return None


def _names(templates: Sequence[Template]) -> tuple[str, ...]:
    return tuple(sorted(template.name for template in templates))
