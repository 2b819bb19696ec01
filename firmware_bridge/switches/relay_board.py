"""Three relays of a Modbus board as one phase switch, by coils or by registers, with auxiliary contacts where wired.

Judgement is in `interlock`. Other relays of the board belong to other houses and are never written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from firmware_bridge.contract import Phase
from firmware_bridge.errors import BridgeError, LineDown
from firmware_bridge.lines.line import Line
from firmware_bridge.lines.requests import Function, Reply, Request
from firmware_bridge.switches.template import RelayTemplate, Shown

PHASES: Final = (Phase.L1, Phase.L2, Phase.L3)


class RelayBoard:
    """`relays` and `feedback` are the channels of L1, L2, L3, counted from 1; `feedback` is empty where none is wired.

    Several switches may be on one board, each with an object of its own. Judge the channels with `choice` first.
    """

    def __init__(
        self, line: Line, unit: int, template: RelayTemplate, relays: Sequence[int], feedback: Sequence[int] = ()
    ) -> None:
        self._line = line
        self._unit = unit
        self._template = template
        self._relays = tuple(relays)
        self._feedback = tuple(feedback)

    @property
    def opens(self) -> bool:
        return True

    async def open_all(self) -> None:
        """One frame where the board takes a range and the three lie side by side: they open together. Else one by one,
        and where one fails the others are opened all the same."""
        first, last = min(self._relays), max(self._relays)
        write = self._template.write
        if write.together and last - first == 2:
            values = (write.off,) * 3
            address = write.first + first - 1
            await self._line.ask(Request(self._unit, Function.WRITE_COILS, address, values=values), urgent=True)
            return
        failure: BridgeError | None = None
        for relay in self._relays:
            try:
                await self._write(relay, write.off)
            except LineDown:
                raise
            except BridgeError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    async def close(self, phase: Phase) -> None:
        await self._write(self._relays[PHASES.index(phase)], self._template.write.on)

    async def read(self) -> frozenset[Phase] | None:
        relays = await self._shown(self._template.read, self._template.channels, self._relays)
        if not self._feedback or self._template.feedback is None:
            return _closed(relays)
        contacts = await self._shown(self._template.feedback, self._template.inputs, self._feedback)
        return _agreed(_closed(relays), _closed(contacts))

    async def _write(self, relay: int, value: int) -> None:
        write = self._template.write
        request = Request(self._unit, write.code, write.first + relay - 1, values=(value,))
        await self._line.ask(request, urgent=True)

    async def _shown(self, shown: Shown, channels: int, wanted: Sequence[int]) -> tuple[bool | None, ...]:
        """Which of the channels are on, in the order of `wanted`; None where the value means neither."""
        if shown.code.of_bits:
            # All of them cost no more than a byte or two, and it is the request that every board's manual shows.
            first, count = 1, channels
        else:
            first, count = min(wanted), max(wanted) - min(wanted) + 1
        request = Request(self._unit, shown.code, shown.first + first - 1, count=count)
        reply: Reply = await self._line.ask(request, urgent=True)
        return tuple({shown.on: True, shown.off: False}.get(reply[channel - first]) for channel in wanted)


def _agreed(relays: frozenset[Phase] | None, contacts: frozenset[Phase] | None) -> frozenset[Phase] | None:
    """What two witnesses say together: a phase counts as open where both say so.

    A contact that is closed without its relay is closed (welded, or not open yet), and two that either witness shows
    are never passed over. A relay whose contact is not seen closed proves nothing: that is no position.
    """
    if relays is None or contacts is None:
        return None
    either = relays | contacts
    if len(either) > 1 or relays <= contacts:
        return either
    return None


def _closed(states: Sequence[bool | None]) -> frozenset[Phase] | None:
    if None in states:
        return None
    return frozenset(phase for phase, closed in zip(PHASES, states, strict=True) if closed)
