"""A Modbus TCP gateway as a line, by pymodbus: connection, one request at a time, and what its answers mean.

Frames are pymodbus's business. What is checked here on top of it (3.16): an answer must carry the request's own
transaction number (pymodbus lets 0 pass), be of its type and have its count or echo; nothing is repeated, no dead
unit makes it hang up on the others, and no call takes longer than the line's timeout. A gateway that pairs a slow
device's late answer with the next request cannot be seen through, therefore `quiet_s` is kept here too.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from firmware_bridge.errors import BridgeError, Fault, LineDown, TransactionError
from firmware_bridge.lines.complaints import complaint, place, refusal
from firmware_bridge.lines.frames import SHORTEST, bit_bytes, encode, reply_length
from firmware_bridge.lines.requests import BROADCAST, Function, Reply, Request
from firmware_bridge.lines.socket_port import CONNECT_S, address, notice_death, unreachable
from firmware_bridge.lines.tally import LineTally, Transaction
from firmware_bridge.lines.timing import TURNAROUND_S
from firmware_bridge.lines.trace import Passage, Trace, Traced
from firmware_bridge.settings.devices import LineSettings

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient
    from pymodbus.pdu import ModbusPDU

_GATEWAY_CODES: Final = (10, 11)
"""0x0A no path to the target, 0x0B target failed to respond: the gateway speaks, its device does not."""
_GRACE_S: Final = 0.25
"""Over pymodbus's own timeout, before it is cut short."""
_NEVER: Final = 2**31
"""Unanswered requests after which pymodbus may hang up."""


class _BrokenAnswers(logging.Filter):
    """asyncio tells of a broken answer with a traceback: pymodbus lets its error out of the protocol, and the
    connection ends. That it ended is told by the line; the rest is no news."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not type(error).__module__.startswith("pymodbus")


class TcpGateway:
    """One connection to a gateway, opened and closed as often as needed."""

    def __init__(self, settings: LineSettings, tally: LineTally, *, trace: Trace | None = None) -> None:
        self._settings = settings
        self._host, self._port = address(settings)
        self._tally = tally
        self._trace = trace
        self._client: AsyncModbusTcpClient | None = None
        self._on_lost: Callable[[str], None] | None = None
        self._free_s = 0.0

    async def open(self, on_lost: Callable[[str], None]) -> None:
        """Raises LineDown; `on_lost` is called once when the gateway hangs up."""
        client = self._new_client()
        asyncio_log = logging.getLogger("asyncio")
        if not any(isinstance(known, _BrokenAnswers) for known in asyncio_log.filters):
            asyncio_log.addFilter(_BrokenAnswers())
        try:
            # pymodbus takes its reply timeout for connecting too, which may be short.
            client.ctx.comm_params.timeout_connect = CONNECT_S
            try:
                async with asyncio.timeout(CONNECT_S + _GRACE_S):
                    connected = await client.connect()
            except TimeoutError:
                connected = False
            if not connected:
                raise LineDown(unreachable(self._host, self._port, "no connection"))
            client.ctx.comm_params.timeout_connect = self._settings.reply_timeout_s
        except BaseException:
            client.close()
            raise
        connection = client.ctx.transport.get_extra_info("socket")
        if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
            notice_death(connection)
        self._client = client
        self._on_lost = on_lost

    def close(self) -> None:
        client, self._client, self._on_lost = self._client, None, None
        if client is not None:
            client.close()

    async def transact(self, request: Request) -> Reply:
        """Send it and give the reply. Raises TransactionError, DeviceRefusal, LineDown."""
        began_s = time.monotonic()
        if (wait_s := self._free_s - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        client = self._client
        if client is None or not client.connected:
            raise self._down("it is not connected")
        sent_s = time.monotonic()
        if self._trace is not None:
            self._trace(Traced(sent_s, Passage.SENT, encode(request)[:-2]))
        fault: Fault | None = Fault.TIMEOUT
        try:
            reply = await self._ask(client, request)
            fault = None
        except TransactionError as error:
            fault = error.fault
            raise
        finally:
            now = time.monotonic()
            if fault not in (None, Fault.EXCEPTION):
                self._free_s = now + self._settings.quiet_s
            self._book(request, fault, began_s, sent_s, now)
        return reply

    async def _ask(self, client: AsyncModbusTcpClient, request: Request) -> Reply:
        from pymodbus.exceptions import ConnectionException, ModbusException

        call = _call(client, request)
        if request.unit == BROADCAST:
            await call(no_response_expected=True)
            await asyncio.sleep(TURNAROUND_S)
            return ()
        try:
            async with asyncio.timeout(self._settings.reply_timeout_s + _GRACE_S):
                answer: ModbusPDU = await call()
        except ConnectionException as error:
            raise self._down(str(error)) from error
        except (ModbusException, TimeoutError) as error:
            if not client.connected:
                raise self._down("the gateway hung up") from error
            raise self._complaint(request, Fault.TIMEOUT) from error
        if answer.transaction_id != client.ctx.request_transaction_id or answer.dev_id != request.unit:
            raise self._complaint(request, Fault.LATE)
        if answer.isError():
            code = int(getattr(answer, "exception_code", 0))
            if code in _GATEWAY_CODES:
                raise self._complaint(request, Fault.TIMEOUT)
            raise refusal(self._settings.name, request, code)
        return self._values(request, answer)

    def _values(self, request: Request, answer: ModbusPDU) -> Reply:
        if answer.function_code != request.function:
            raise self._complaint(request, Fault.FUNCTION)
        if request.function.reads:
            held: Sequence[int] = answer.bits if request.function.of_bits else answer.registers
            # Bits come in whole bytes.
            expected = 8 * bit_bytes(request.count) if request.function.of_bits else request.count
            if len(held) != expected:
                raise self._complaint(request, Fault.LENGTH)
            return tuple(int(value) for value in held[: request.count])
        match request.function:
            case Function.WRITE_COIL:
                echoed = (answer.address, [int(bit) for bit in answer.bits]) == (request.address, [*request.values])
            case Function.WRITE_REGISTER:
                echoed = (answer.address, answer.registers) == (request.address, [*request.values])
            case _:
                echoed = (answer.address, answer.count) == (request.address, len(request.values))
        if not echoed:
            raise self._complaint(request, Fault.ECHO)
        return ()

    def _new_client(self) -> AsyncModbusTcpClient:
        try:
            from pymodbus.client import AsyncModbusTcpClient
        except ImportError as error:
            raise LineDown(
                "a Modbus TCP gateway needs pymodbus, which is not installed: pip install 'edge-balancer[gateway]'"
            ) from error
        # It logs every unanswered request as an error; what is worth telling is told by the line's owner.
        talker = logging.getLogger("pymodbus.logging")
        if talker.level == logging.NOTSET:
            talker.setLevel(logging.CRITICAL)
        client = AsyncModbusTcpClient(
            self._host,
            port=self._port,
            name=self._settings.name,
            timeout=self._settings.reply_timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=self._connection_changed,
        )
        client.set_max_no_responses(_NEVER)
        return client

    def _connection_changed(self, connected: bool) -> None:
        # Also called while the connection is closed by ourselves; then nobody listens any more.
        if not connected and self._on_lost is not None:
            self._on_lost(f"the gateway {self._host}:{self._port} hung up")

    def _complaint(self, request: Request, fault: Fault) -> TransactionError:
        return complaint(self._settings.name, request, fault, self._settings.reply_timeout_s)

    def _down(self, reason: str) -> LineDown:
        return LineDown(f"line {self._settings.name} is down: {reason}")

    def _book(self, request: Request, fault: Fault | None, began_s: float, sent_s: float, now: float) -> None:
        """Bytes as the PDUs with their unit have them. Nothing is known of the wire behind the gateway."""
        received = 0
        if request.unit != BROADCAST and fault in (None, Fault.EXCEPTION):
            received = (reply_length(request) if fault is None else SHORTEST) - 2
        sent = len(encode(request)) - 2
        done = Transaction(request.unit, fault, sent, received, now - sent_s, 0.0, now - began_s)
        self._tally.add(done, now)


def _call(client: AsyncModbusTcpClient, request: Request) -> Callable[..., Any]:
    """The client's method with the request's arguments."""
    unit, address_, values = request.unit, request.address, request.values
    reads = {
        Function.READ_COILS: client.read_coils,
        Function.READ_INPUTS: client.read_discrete_inputs,
        Function.READ_HOLDING: client.read_holding_registers,
        Function.READ_REGISTERS: client.read_input_registers,
    }
    if request.function in reads:
        read = reads[request.function]
        return lambda **more: read(address_, count=request.count, device_id=unit, **more)
    match request.function:
        case Function.WRITE_COIL:
            if values[0] > 1:
                raise BridgeError(
                    f"{place('', request)}: pymodbus writes no coil with the word {values[0]:#06x}: reach this board "
                    "by a serial port or rtu+tcp://"
                )
            return lambda **more: client.write_coil(address_, bool(values[0]), device_id=unit, **more)
        case Function.WRITE_REGISTER:
            return lambda **more: client.write_register(address_, values[0], device_id=unit, **more)
        case Function.WRITE_COILS:
            bits = [bool(value) for value in values]
            return lambda **more: client.write_coils(address_, bits, device_id=unit, **more)
        case _:
            return lambda **more: client.write_registers(address_, list(values), device_id=unit, **more)
