"""A line with pymodbus' own simulator at its end: neither framing nor registers there are ours."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

_UNUSED = [SimData(60_000, values=[0], datatype=DataType.REGISTERS)]
_NO_BITS = [SimData(60_000, values=[False] * 8, datatype=DataType.BITS)]


def device(
    unit: int,
    *,
    holding: Sequence[SimData] = (),
    inputs: Sequence[SimData] = (),
    coils: Sequence[bool] = (),
) -> SimDevice:
    """A device of pymodbus with the given registers alone; every other address is refused."""
    bits = [SimData(0, values=list(coils), datatype=DataType.BITS)] if coils else _NO_BITS
    return SimDevice(unit, simdata=(bits, _NO_BITS, list(holding) or _UNUSED, list(inputs) or _UNUSED))


def floats(cells: Mapping[int, float], first: int, last: int) -> SimData:
    """Float registers from `first` to before `last`, zero where nothing is given."""
    return SimData(first, values=[cells.get(at, 0.0) for at in range(first, last, 2)], datatype=DataType.FLOAT32)


def words(cells: Mapping[int, int], first: int, last: int) -> SimData:
    return SimData(first, values=[cells.get(at, 0) for at in range(first, last)], datatype=DataType.REGISTERS)


@asynccontextmanager
async def pymodbus_serial(devices: list[SimDevice]) -> AsyncIterator[str]:
    """The path of a serial line on which pymodbus' serial server answers for these devices."""
    ours, server_end = os.openpty()
    theirs, master_end = os.openpty()
    loop = asyncio.get_running_loop()
    for end in (server_end, master_end):
        tty.setraw(end)
    loop.add_reader(ours, lambda: os.write(theirs, os.read(ours, 4096)))
    loop.add_reader(theirs, lambda: os.write(ours, os.read(theirs, 4096)))
    server = ModbusSerialServer(devices, port=os.ttyname(server_end), baudrate=9600)
    await server.serve_forever(background=True)
    try:
        yield os.ttyname(master_end)
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]
        for end in (ours, theirs):
            loop.remove_reader(end)
        for end in (ours, theirs, server_end, master_end):
            os.close(end)


@asynccontextmanager
async def pymodbus_gateway(devices: list[SimDevice], port: int) -> AsyncIterator[str]:
    """The address of a Modbus TCP gateway with these devices behind it."""
    server = ModbusTcpServer(devices, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]
