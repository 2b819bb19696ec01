"""However late replies come: a value is always the one of the request that was asked.

A virtual device owes replies and pays them in order whenever it likes; time is handed to the master by a virtual
event loop, so that minutes of a bad line pass in an instant.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.errors import DeviceRefusal, Fault, TransactionError
from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.lines.rtu import RtuMaster
from firmware_bridge.lines.stream import Stream
from firmware_bridge.lines.tally import LineTally
from tests.firmware_bridge.lines.device_on_pty import refused, registers, sealed
from tests.firmware_bridge.lines.device_on_pty import settings as line_settings


class VirtualTime(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__(_Jumping(self))
        self.now_s = 1000.0

    def time(self) -> float:
        return self.now_s


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self._loop.now_s += timeout
        return super().select(0)


class Wire:
    """Stands where a stream stands, and has devices on it that are each slow in their own way."""

    paced = False

    def __init__(self, chance: random.Random, serial: dict[tuple[int, int], int]) -> None:
        self.sent_s: list[float] = []
        self._chance = chance
        self._serial = serial
        self._free_s: dict[int, float] = {}
        self.on_bytes: Callable[[bytes], None] = lambda _: None

    def listen(self, on_bytes: Callable[[bytes], None], on_lost: Callable[[str], None]) -> None:
        self.on_bytes = on_bytes

    def poll(self) -> None:
        pass

    def close(self) -> None:
        pass

    def write(self, frame: bytes) -> None:
        loop = asyncio.get_running_loop()
        unit = frame[0]
        reply = self._reply(frame)
        kind = self._chance.random()
        delay_s = 0.001
        if kind < 0.25:
            delay_s = self._chance.choice([0.06, 0.09, 0.11, 0.13, 0.2, 0.5, 1.5])
        elif kind < 0.32:
            return
        elif kind < 0.38:
            reply = reply[: self._chance.randrange(len(reply))]
        elif kind < 0.44:
            reply = reply + reply
        elif kind < 0.48:
            reply = self._chance.randbytes(3) + reply
        # In order: a device that is still busy answers the next request after that.
        due_s = max(loop.time() + delay_s, self._free_s.get(unit, 0.0))
        self._free_s[unit] = due_s + 0.0001
        loop.call_at(due_s, self.on_bytes, reply)

    def _reply(self, frame: bytes) -> bytes:
        """Every register tells the address it was asked at, and which request of the unit this was."""
        unit, function = frame[0], frame[1]
        address, count = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
        if function not in (3, 4):
            return (
                refused(unit, function, 1)
                if unit % 2
                else sealed(bytes((unit, function, (count + 7) // 8, *b"\0" * ((count + 7) // 8))))
            )
        if address == 666:
            return refused(unit, function, 2)
        key = (unit, function)
        self._serial[key] = self._serial.get(key, 0) + 1
        return registers(unit, function, *([address, self._serial[key]] * count)[:count])


async def _season(seed: int, rounds: int) -> tuple[int, int]:
    """Values and failures of so many requests on a bad line."""
    chance = random.Random(seed)
    serial: dict[tuple[int, int], int] = {}
    wire = Wire(chance, serial)

    async def opener(_: Any) -> Stream:
        return cast("Stream", wire)

    master = RtuMaster(line_settings("virtual", reply_timeout_s=0.05, quiet_s=0.05), opener, LineTally())
    await master.open(lambda _: None)
    values = failures = 0
    for _ in range(rounds):
        function = Function.READ_REGISTERS if chance.random() < 0.8 else Function.READ_HOLDING
        request = Request(
            chance.choice([1, 2, 3]), function, chance.choice([10, 20, 30, 666]), chance.choice([2, 2, 4])
        )
        try:
            reply = await master.transact(request)
        except DeviceRefusal:
            assert request.address == 666
        except TransactionError:
            failures += 1
        else:
            values += 1
            expected = (request.address, serial[request.unit, request.function])
            assert reply == (expected * request.count)[: request.count]
    master.close()
    return values, failures


def in_virtual_time(coroutine: Any) -> Any:
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        return runner.run(coroutine)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_every_value_is_that_of_the_request_asked(seed: int) -> None:
    values, failures = in_virtual_time(_season(seed, 60))
    assert values + failures <= 60


def test_a_bad_line_still_gives_values_and_the_test_sees_failures() -> None:
    values, failures = in_virtual_time(_season(1, 1500))
    assert values > 200
    assert failures > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_every_value_is_that_of_the_request_asked_over_a_long_time(seed: int) -> None:
    values, _ = in_virtual_time(_season(seed, 5000))
    assert values > 500


def test_without_the_probe_the_same_line_would_give_wrong_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The virtual devices are wicked enough: silence alone does not do."""
    monkeypatch.setattr("firmware_bridge.lines.debts.Debts.suspects", lambda *_: False)
    monkeypatch.setattr("firmware_bridge.lines.debts.Debts.proves", lambda *_: True)
    with pytest.raises(AssertionError):
        in_virtual_time(_season(1, 1500))


class Prompt(Wire):
    """One good device that answers at once, in less time than the request takes on a wire."""

    paced = True

    def write(self, frame: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.sent_s.append(loop.time())
        if frame[0]:
            loop.call_soon(self.on_bytes, self._reply(frame))


async def _opened(wire: Wire, **changes: Any) -> RtuMaster:
    async def opener(_: Any) -> Stream:
        return cast("Stream", wire)

    master = RtuMaster(line_settings("virtual", **changes), opener, LineTally())
    await master.open(lambda _: None)
    return master


def test_a_reply_before_the_request_has_left_is_none() -> None:
    async def ask() -> None:
        wire = Prompt(random.Random(1), {})
        master = await _opened(wire, baud=9600)
        with pytest.raises(TransactionError) as caught:
            await master.transact(Request(1, Function.READ_REGISTERS, 10, 2))
        assert caught.value.fault is Fault.LATE

    in_virtual_time(ask())


def test_a_line_that_is_never_silent_fails_the_request_instead_of_holding_it_for_ever() -> None:
    async def ask() -> None:
        wire = Prompt(random.Random(1), {})
        wire.paced = False
        master = await _opened(wire)
        silent_at = asyncio.get_running_loop().time() + 10.0

        def babble() -> None:
            wire.on_bytes(b"U")
            if asyncio.get_running_loop().time() < silent_at:
                asyncio.get_running_loop().call_later(0.001, babble)

        babble()
        request = Request(1, Function.READ_REGISTERS, 10, 2)
        with pytest.raises(TransactionError) as caught:
            await master.transact(request)
        assert caught.value.fault is Fault.LATE
        assert wire.sent_s == []
        await asyncio.sleep(10.0)
        assert await master.transact(request) == (10, 1)

    in_virtual_time(ask())


@pytest.mark.parametrize(("baud", "gap_s"), [(9600, 0.0036), (115_200, 0.00175)])
def test_every_request_is_preceded_by_the_gap_also_after_a_broadcast(baud: int, gap_s: float) -> None:
    async def ask() -> None:
        wire = Prompt(random.Random(1), {})
        wire.paced = False
        master = await _opened(wire, baud=baud)
        for _ in range(3):
            await master.transact(Request(1, Function.READ_REGISTERS, 10, 2))
        await master.transact(Request(0, Function.WRITE_COIL, 10, values=(1,)))
        await master.transact(Request(1, Function.READ_REGISTERS, 10, 2))
        pauses = [after - before for before, after in pairwise(wire.sent_s)]
        assert min(pauses) >= gap_s
        assert pauses[-1] >= 0.1

    in_virtual_time(ask())
