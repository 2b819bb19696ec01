"""A phase-switching device with registers: it is told the phase, changes over by itself, and says where it is."""

from __future__ import annotations

from firmware_bridge.contract import Phase
from firmware_bridge.errors import BridgeError
from firmware_bridge.lines.line import Line
from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.switches.template import DeviceTemplate


class PhaseDevice:
    """Break before make is the device's own duty: it cannot be held open."""

    def __init__(self, line: Line, unit: int, template: DeviceTemplate) -> None:
        self._line = line
        self._unit = unit
        self._template = template

    @property
    def opens(self) -> bool:
        return False

    async def open_all(self) -> None:
        raise BridgeError(f"{self._where} cannot be opened: it changes over by itself and is told a phase only")

    async def close(self, phase: Phase) -> None:
        want = self._template.want
        request = Request(self._unit, Function.WRITE_REGISTER, want.address, values=(want.value(phase),))
        await self._line.ask(request, urgent=True)

    async def read(self) -> frozenset[Phase] | None:
        """Raises BridgeError where the device reports a fault, or a value that the template does not know."""
        position = self._template.position
        (value,) = await self._line.ask(Request(self._unit, position.code, position.address), urgent=True)
        if (phase := position.phases.get(value)) is not None:
            return frozenset((phase,))
        if value in position.open:
            return frozenset()
        if value in position.moving:
            return None
        for meaning, code in position.fault.items():
            if value == code:
                raise BridgeError(f"{self._where}: {meaning} (it shows {value}): look at the device")
        raise BridgeError(
            f"{self._where} shows {value}, which the template {self._template.name} does not know: "
            "add it to [position] if the device's manual names it"
        )

    @property
    def _where(self) -> str:
        return f"the phase switch on {self._line.name}, unit {self._unit},"
