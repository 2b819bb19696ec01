"""A Modbus TCP gateway as a line: against pymodbus's own server, and against bytes written by hand."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware_bridge.errors import BridgeError, DeviceRefusal, Fault, LineDown, TransactionError
from firmware_bridge.lines.requests import Function, Request
from tests.firmware_bridge.lines.device_on_pty import answered, line, settings


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is down is tried again at once rather than after a second."""
    monkeypatch.setattr("firmware_bridge.lines.owner.FIRST_RETRY_S", 0.05)


READ = Request(5, Function.READ_REGISTERS, 10, 2)
Body = Callable[[bytes], bytes | None]
"""The gateway's whole answer to one whole request, headers included."""


@asynccontextmanager
async def gateway(port: int, answer: Body) -> AsyncIterator[list[asyncio.StreamWriter]]:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while True:
                head = await reader.readexactly(6)
                request = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
                if reply := answer(request):
                    writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield writers
        for writer in writers:
            writer.transport.abort()


def framed(request: bytes, pdu: bytes, *, transaction: int | None = None, unit: int | None = None) -> bytes:
    number = request[:2] if transaction is None else transaction.to_bytes(2, "big")
    body = bytes((request[6] if unit is None else unit,)) + pdu
    return number + b"\0\0" + len(body).to_bytes(2, "big") + body


def good(request: bytes) -> bytes:
    return framed(request, bytes((request[7], 4, 0, 7, 0, 8)))


async def test_reads_and_writes_against_pymodbuss_server(free_port: int) -> None:
    bits = [SimData(0, count=64, values=False, datatype=DataType.BITS)]
    words = [SimData(0, count=100, values=17, datatype=DataType.REGISTERS)]
    device = SimDevice(5, simdata=(bits, bits, words, words))
    server = ModbusTcpServer(device, address=("127.0.0.1", free_port))
    await server.serve_forever(background=True)
    try:
        async with line(settings(f"tcp://127.0.0.1:{free_port}", reply_timeout_s=2)) as running:
            ask: Callable[[Request], Awaitable[tuple[int, ...]]] = running.owner.ask
            assert await ask(READ) == (17, 17)
            assert await ask(Request(5, Function.WRITE_REGISTER, 11, values=(513,))) == ()
            assert await ask(Request(5, Function.WRITE_REGISTERS, 12, values=(3, 4))) == ()
            assert await ask(Request(5, Function.READ_HOLDING, 10, 4)) == (17, 513, 3, 4)
            assert await ask(Request(5, Function.WRITE_COIL, 33, values=(1,))) == ()
            assert await ask(Request(5, Function.WRITE_COILS, 34, values=(0, 1))) == ()
            assert (await ask(Request(5, Function.READ_COILS, 32, 5)))[1:4] == (1, 0, 1)
            with pytest.raises(DeviceRefusal) as caught:
                await ask(Request(5, Function.READ_HOLDING, 5000, 1))
            assert caught.value.code == 2
            figures = running.owner.tally.snapshot(0.0)
            assert (figures.replies, figures.faults) == (7, {"exception": 1})
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


ANSWERS: dict[str, tuple[Body, Fault]] = {
    "nothing": (lambda _: None, Fault.TIMEOUT),
    "another transaction": (lambda r: framed(r, bytes((r[7], 4, 0, 7, 0, 8)), transaction=999), Fault.TIMEOUT),
    "no transaction number": (lambda r: framed(r, bytes((r[7], 4, 0, 7, 0, 8)), transaction=0), Fault.LATE),
    "another unit": (lambda r: framed(r, bytes((r[7], 4, 0, 7, 0, 8)), unit=9), Fault.TIMEOUT),
    "another function": (lambda r: framed(r, bytes((3, 4, 0, 7, 0, 8))), Fault.FUNCTION),
    "fewer registers": (lambda r: framed(r, bytes((r[7], 2, 0, 7))), Fault.LENGTH),
    "no path to the unit": (lambda r: framed(r, bytes((r[7] | 0x80, 10))), Fault.TIMEOUT),
    "the unit is silent": (lambda r: framed(r, bytes((r[7] | 0x80, 11))), Fault.TIMEOUT),
    "refused": (lambda r: framed(r, bytes((r[7] | 0x80, 2))), Fault.EXCEPTION),
}


@pytest.mark.parametrize(("answer", "fault"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_what_is_not_exactly_the_answer_is_no_value(answer: Body, fault: Fault, free_port: int) -> None:
    answers = [good, answer]

    def first(request: bytes) -> bytes | None:
        return (answers.pop() if answers else good)(request)

    async with (
        gateway(free_port, first),
        line(settings(f"tcp://127.0.0.1:{free_port}", reply_timeout_s=0.2)) as running,
    ):
        with pytest.raises(TransactionError) as caught:
            await running.owner.ask(READ)
        assert caught.value.fault is fault
        assert isinstance(caught.value, DeviceRefusal) == (fault is Fault.EXCEPTION)
        assert await running.owner.ask(READ) == (7, 8)


async def test_another_echo_does_not_confirm_a_write(free_port: int) -> None:
    async with (
        gateway(free_port, lambda r: framed(r, bytes((r[7], 0, 2, 0, 9)))),
        line(settings(f"tcp://127.0.0.1:{free_port}")) as running,
    ):
        with pytest.raises(TransactionError) as caught:
            await running.owner.ask(Request(5, Function.WRITE_REGISTER, 2, values=(8,)))
        assert caught.value.fault is Fault.ECHO
        assert await running.owner.ask(Request(5, Function.WRITE_REGISTER, 2, values=(9,))) == ()


async def test_a_late_answer_belongs_to_nobody(free_port: int) -> None:
    kept: list[bytes] = []

    def answer(request: bytes) -> bytes | None:
        reply = framed(request, bytes((request[7], 4, 0, len(kept), 0, 0)))
        kept.append(reply)
        return None if len(kept) == 1 else kept[0] + reply

    async with gateway(free_port, answer), line(settings(f"tcp://127.0.0.1:{free_port}")) as running:
        with pytest.raises(TransactionError):
            await running.owner.ask(READ)
        assert await running.owner.ask(READ) == (1, 0)


async def test_many_unanswered_requests_do_not_make_it_hang_up(free_port: int) -> None:
    async with (
        gateway(free_port, lambda request: None if request[6] == 5 else good(request)) as writers,
        line(settings(f"tcp://127.0.0.1:{free_port}", reply_timeout_s=0.02)) as running,
    ):
        for _ in range(8):
            with pytest.raises(TransactionError):
                await running.owner.ask(READ)
        assert await answered(running, Request(6, READ.function, 10, 2)) == (7, 8)
        assert len(writers) == 1


async def test_a_gateway_that_hangs_up_is_reached_again(free_port: int) -> None:
    async with gateway(free_port, good) as writers, line(settings(f"tcp://127.0.0.1:{free_port}")) as running:
        await running.owner.ask(READ)
        writers[0].transport.abort()
        assert "hung up" in await running.becomes(up=False)
        with pytest.raises(LineDown):
            await running.owner.ask(READ)
        await running.becomes(up=True)
        assert await running.owner.ask(READ) == (7, 8)


async def test_a_word_for_a_coil_is_refused_with_a_way_out(free_port: int) -> None:
    async with gateway(free_port, good), line(settings(f"tcp://127.0.0.1:{free_port}")) as running:
        with pytest.raises(BridgeError, match=r"rtu\+tcp://"):
            await running.owner.ask(Request(5, Function.WRITE_COIL, 2, values=(0x5500,)))


async def test_without_pymodbus_the_extra_is_named(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymodbus.client", None)
    async with line(settings(f"tcp://127.0.0.1:{free_port}"), wait=False) as running:
        assert "edge-balancer[gateway]" in await running.becomes(up=False)
