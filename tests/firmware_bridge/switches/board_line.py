"""A line in memory with one Modbus unit behind it: coils, inputs, registers; for tests of what boards ask and do."""

from __future__ import annotations

from collections.abc import Callable

from firmware_bridge.errors import Fault, LineDown, TransactionError
from firmware_bridge.lines.requests import Function, Reply, Request

WRITES = {
    Function.WRITE_COIL: Function.READ_COILS,
    Function.WRITE_COILS: Function.READ_COILS,
    Function.WRITE_REGISTER: Function.READ_HOLDING,
}


class MemoryLine:
    """Cells by (function that reads them, address); what was never written reads 0."""

    def __init__(self, unit: int = 1) -> None:
        self.unit = unit
        self.cells: dict[tuple[Function, int], int] = {}
        self.asked: list[Request] = []
        self.urgent: list[bool] = []
        self.up = True
        self.mute: Callable[[Request], bool] = lambda _: False

    @property
    def name(self) -> str:
        return "east"

    async def ask(self, request: Request, *, urgent: bool = False) -> Reply:
        if not self.up:
            raise LineDown("east: no port")
        self.asked.append(request)
        self.urgent.append(urgent)
        if request.unit != self.unit or self.mute(request):
            raise TransactionError(Fault.TIMEOUT, f"unit {request.unit} does not answer")
        if request.function.reads:
            return tuple(
                self.cells.get((request.function, request.address + index), 0) for index in range(request.count)
            )
        for index, value in enumerate(request.values):
            self.cells[WRITES[request.function], request.address + index] = value
        return ()

    def put(self, function: Function, first: int, *values: int) -> None:
        for index, value in enumerate(values):
            self.cells[function, first + index] = value

    @property
    def writes(self) -> list[tuple[Function, int, tuple[int, ...]]]:
        return [(request.function, request.address, request.values) for request in self.asked if request.values]
