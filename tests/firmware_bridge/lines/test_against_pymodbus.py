"""Our RTU frames against somebody else's: pymodbus's server with RTU framing, behind a socket."""

from __future__ import annotations

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware_bridge.errors import DeviceRefusal
from firmware_bridge.lines.requests import Function, Request
from tests.firmware_bridge.lines.device_on_pty import line, settings


async def test_reads_and_writes_of_every_function(free_port: int) -> None:
    bits = [SimData(0, count=64, values=False, datatype=DataType.BITS)]
    words = [SimData(0, count=100, values=17, datatype=DataType.REGISTERS)]
    device = SimDevice(5, simdata=(bits, bits, words, words))
    server = ModbusTcpServer(device, framer=FramerType.RTU, address=("127.0.0.1", free_port))
    await server.serve_forever(background=True)
    try:
        async with line(settings(f"rtu+tcp://127.0.0.1:{free_port}", reply_timeout_s=2)) as running:
            ask = running.owner.ask
            assert await ask(Request(5, Function.READ_REGISTERS, 10, 2)) == (17, 17)
            assert await ask(Request(5, Function.WRITE_REGISTER, 11, values=(513,))) == ()
            assert await ask(Request(5, Function.WRITE_REGISTERS, 12, values=(3, 4))) == ()
            assert await ask(Request(5, Function.READ_HOLDING, 10, 4)) == (17, 513, 3, 4)
            assert await ask(Request(5, Function.WRITE_COIL, 33, values=(1,))) == ()
            assert await ask(Request(5, Function.WRITE_COILS, 34, values=(0, 1))) == ()
            assert await ask(Request(5, Function.READ_COILS, 32, 5)) == (0, 1, 0, 1, 0)
            assert await ask(Request(5, Function.READ_INPUTS, 32, 3)) == (0, 0, 0)
            with pytest.raises(DeviceRefusal) as caught:
                await ask(Request(5, Function.READ_HOLDING, 5000, 1))
            assert caught.value.code == 2
            assert running.owner.tally.snapshot(0.0).faults == {"exception": 1}
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]
