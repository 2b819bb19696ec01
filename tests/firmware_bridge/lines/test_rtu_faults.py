"""What becomes a value on a line, and what does not: a master and a misbehaving device on a pseudo terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from firmware_bridge.errors import DeviceRefusal, Fault, TransactionError
from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.lines.trace import Passage, Traced
from tests.firmware_bridge.lines.device_on_pty import (
    GUARD_S,
    answered,
    device,
    line,
    refused,
    registers,
    sealed,
    settings,
)

READ = Request(5, Function.READ_REGISTERS, 10, 2)
GOOD = registers(5, 4, 0x1234, 0xFFFE)
VALUES = (0x1234, 0xFFFE)
HOLDING_PROBE = 3


def once(reply: bytes | None, then: Callable[[bytes], bytes | None]) -> Callable[[bytes], bytes | None]:
    """One reply for the first request, the other way for what follows."""
    first = [True]

    def answer(request: bytes) -> bytes | None:
        if first[0]:
            first[0] = False
            return reply
        return then(request)

    return answer


def well(request: bytes) -> bytes:
    """A device that gives every register its address, and repeats what is written."""
    unit, function = request[0], request[1]
    if function in (3, 4):
        first, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        return registers(unit, function, *range(first, first + count))
    if function in (1, 2):
        count = int.from_bytes(request[4:6], "big")
        return sealed(bytes((unit, function, (count + 7) // 8)) + bytes([0b101] * ((count + 7) // 8)))
    return sealed(request[:6])


async def test_a_read_gives_the_registers_asked_for() -> None:
    async with device(lambda _: GOOD) as far, line(settings(far.port)) as running:
        assert await running.owner.ask(READ) == VALUES
        assert far.heard == [sealed(bytes.fromhex("05 04 00 0A 00 02"))]


async def test_bits_come_one_by_one_from_the_lowest() -> None:
    async with device(lambda _: sealed(bytes.fromhex("05 01 02 CD 01"))) as far, line(settings(far.port)) as running:
        reply = await running.owner.ask(Request(5, Function.READ_COILS, 0, 10))
        assert reply == (1, 0, 1, 1, 0, 0, 1, 1, 1, 0)


@pytest.mark.parametrize(
    "request_",
    [
        Request(5, Function.WRITE_COIL, 2, values=(1,)),
        Request(5, Function.WRITE_COIL, 2, values=(0x5500,)),
        Request(5, Function.WRITE_REGISTER, 2, values=(513,)),
        Request(5, Function.WRITE_COILS, 2, values=(1, 0, 1)),
        Request(5, Function.WRITE_REGISTERS, 2, values=(7, 8)),
    ],
    ids=lambda request: request.function.name,
)
async def test_a_write_is_confirmed_by_its_own_echo_and_no_other(request_: Request) -> None:
    async with device(well) as far, line(settings(far.port)) as running:
        assert await running.owner.ask(request_) == ()
        far.answer = lambda request: sealed(request[:5] + bytes((request[5] ^ 1,)))
        with pytest.raises(TransactionError) as caught:
            await running.owner.ask(request_)
        assert caught.value.fault is Fault.ECHO


BROKEN = {
    "nothing": (None, Fault.TIMEOUT),
    "short": (GOOD[:6], Fault.SHORT),
    "one byte": (GOOD[:1], Fault.SHORT),
    "a wrong bit": (GOOD[:4] + bytes((GOOD[4] ^ 0x10,)) + GOOD[5:], Fault.CHECKSUM),
    "a wrong unit": (registers(6, 4, 1, 2), Fault.FOREIGN_UNIT),
    "a wrong unit, refusing": (refused(6, 4, 2), Fault.FOREIGN_UNIT),
    "a wrong function": (registers(5, 3, 1, 2), Fault.FUNCTION),
    "fewer registers": (registers(5, 4, 1), Fault.LENGTH),
    "more registers": (registers(5, 4, 1, 2, 3), Fault.LENGTH),
    "noise before": (b"\x00" + GOOD, Fault.CHECKSUM),
    "its own beginning as noise before": (GOOD[:3] + GOOD, Fault.CHECKSUM),
    "its unit as noise before": (b"\x05" + GOOD, Fault.CHECKSUM),
    "noise alone": (bytes(range(64, 90)), Fault.CHECKSUM),
    "another's reply and then its own": (registers(6, 4, 1, 2) + GOOD, Fault.FOREIGN_UNIT),
    "a refusal with a wrong checksum": (refused(5, 4, 2)[:-1] + b"\x5a", Fault.CHECKSUM),
}


@pytest.mark.parametrize(("reply", "fault"), BROKEN.values(), ids=BROKEN.keys())
async def test_what_is_not_exactly_the_reply_is_no_value(reply: bytes | None, fault: Fault) -> None:
    async with device(lambda _: reply) as far, line(settings(far.port, reply_timeout_s=0.03)) as running:
        with pytest.raises(TransactionError) as caught:
            await running.owner.ask(READ)
        assert caught.value.fault is fault
        assert "line north, unit 5, READ_REGISTERS at 10" in str(caught.value)
        far.answer = well
        assert await answered(running, READ) == (10, 11)
        assert running.owner.tally.snapshot(0.0).faults[fault] >= 1


async def test_a_refusal_is_told_with_its_code_and_leaves_the_line_free() -> None:
    async with device(lambda _: refused(5, 4, 2)) as far, line(settings(far.port)) as running:
        with pytest.raises(DeviceRefusal) as caught:
            await running.owner.ask(READ)
        assert caught.value.code == 2
        far.answer = well
        assert await running.owner.ask(READ) == (10, 11)
        # Nothing was owed: no probe went between.
        assert len(far.heard) == 2


@pytest.mark.parametrize("behind", [b"\x00", b"\xff\x00\x41", GOOD, GOOD + GOOD, GOOD[:4]])
async def test_what_follows_a_good_reply_is_dropped_and_counted(behind: bytes) -> None:
    async with device(once(GOOD + behind, well)) as far, line(settings(far.port)) as running:
        assert await running.owner.ask(READ) == VALUES
        assert await running.owner.ask(READ) == (10, 11)
        figures = running.owner.tally.snapshot(0.0)
        assert figures.bytes_dropped == len(behind)
        assert figures.faults == {"late": 1}


async def test_a_second_answer_is_followed_by_a_probe() -> None:
    async with device(once(GOOD + GOOD, well)) as far, line(settings(far.port)) as running:
        await running.owner.ask(READ)
        await running.owner.ask(READ)
        assert [heard[1] for heard in far.heard] == [4, HOLDING_PROBE, 4]


async def test_a_reply_may_come_byte_by_byte() -> None:
    async with device(lambda _: None) as far, line(settings(far.port, reply_timeout_s=2)) as running:
        asked = asyncio.create_task(running.owner.ask(READ))
        await far.hears(1)
        for byte in GOOD:
            far.say(bytes((byte,)))
            await asyncio.sleep(0)
        async with asyncio.timeout(GUARD_S):
            assert await asked == VALUES


class Late:
    """Keeps its first reply back, and answers well from then on."""

    def __init__(self) -> None:
        self.kept = b""

    def __call__(self, request: bytes) -> bytes | None:
        if not self.kept:
            self.kept = well(request)
            return None
        return well(request)


OTHER = Request(5, Function.READ_REGISTERS, 700, 2)
"""Same function and count: the late reply looks exactly like this one's."""


async def test_a_late_reply_in_the_quiet_time_is_dropped() -> None:
    late = Late()
    async with device(late) as far, line(settings(far.port)) as running:
        with pytest.raises(TransactionError):
            await running.owner.ask(READ)
        far.say(late.kept)
        assert await running.owner.ask(OTHER) == (700, 701)
        assert running.owner.tally.snapshot(0.0).bytes_dropped == 9


async def test_a_reply_that_is_late_beyond_the_quiet_time_is_dropped_before_the_probes_answer() -> None:
    late = Late()
    async with device(late) as far, line(settings(far.port, reply_timeout_s=0.3)) as running:
        with pytest.raises(TransactionError):
            await running.owner.ask(READ)
        # The device answers in order: what it owes, and then the probe, all in one go.
        far.answer = once(None, well)
        asked = asyncio.create_task(running.owner.ask(OTHER))
        probe = await far.hears(2)
        assert (probe[0], probe[1]) == (5, HOLDING_PROBE)
        far.say(late.kept + well(probe))
        async with asyncio.timeout(GUARD_S):
            assert await asked == (700, 701)
        assert running.owner.tally.snapshot(0.0).probes == 1


async def test_a_reply_that_comes_while_another_unit_is_asked_spoils_nothing() -> None:
    late = Late()
    async with device(late) as far, line(settings(far.port, reply_timeout_s=0.3)) as running:
        with pytest.raises(TransactionError):
            await running.owner.ask(READ)
        far.answer = lambda request: late.kept + well(request)
        assert await running.owner.ask(Request(6, Function.READ_REGISTERS, 40, 2)) == (40, 41)


async def test_without_an_answer_to_the_probe_the_request_is_not_sent_and_the_next_probe_is_another() -> None:
    async with device(lambda _: None) as far, line(settings(far.port, reply_timeout_s=0.03)) as running:
        faults = []
        for _ in range(7):
            with pytest.raises(TransactionError) as caught:
                await running.owner.ask(READ)
            faults.append(caught.value.fault)
        assert set(faults) == {Fault.TIMEOUT}
        shapes = [(heard[1], int.from_bytes(heard[4:6], "big")) for heard in far.heard]
        assert shapes == [(4, 2), (3, 2), (1, 1), (2, 1), (4, 1), (3, 1), (4, 4)]
        far.answer = well
        assert await answered(running, READ) == (10, 11)


async def test_a_probe_that_is_refused_proves_as_well() -> None:
    answer = once(None, lambda request: refused(5, 3, 1) if request[1] == HOLDING_PROBE else well(request))
    async with device(answer) as far, line(settings(far.port, reply_timeout_s=0.03)) as running:
        with pytest.raises(TransactionError):
            await running.owner.ask(READ)
        assert await answered(running, READ) == (10, 11)


async def test_a_late_refusal_is_not_taken_for_the_next_requests() -> None:
    async with device(lambda _: None) as far, line(settings(far.port, reply_timeout_s=0.2)) as running:
        with pytest.raises(TransactionError):
            await running.owner.ask(READ)
        far.answer = lambda request: (refused(5, 4, 2) if request[1] == HOLDING_PROBE else b"") + well(request)
        assert await running.owner.ask(Request(5, Function.READ_REGISTERS, 700, 9)) == tuple(range(700, 709))


async def test_an_echo_of_an_earlier_write_does_not_confirm_a_later_one() -> None:
    write = Request(5, Function.WRITE_COIL, 2, values=(1,))
    late = Late()
    async with device(late) as far, line(settings(far.port)) as running:
        with pytest.raises(TransactionError):
            await running.owner.ask(write)
        # The late echo comes, the write itself is not answered.
        far.answer = lambda request: late.kept if request[1] == 5 else late.kept + well(request)
        before = len(far.heard)
        assert await running.owner.ask(write) == ()
        assert [heard[1] for heard in far.heard[before:]] == [HOLDING_PROBE, 5]


async def test_a_cancelled_request_leaves_the_line_usable() -> None:
    late = Late()
    async with device(late) as far, line(settings(far.port, reply_timeout_s=0.2)) as running:
        asked = asyncio.create_task(running.owner.ask(READ))
        await far.hears(1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await running.owner.ask(OTHER) == (700, 701)


async def test_a_reply_in_the_kernels_buffer_counts_though_the_event_loop_was_held_up() -> None:
    async with device(lambda _: None) as far, line(settings(far.port, reply_timeout_s=0.3)) as running:
        asked = asyncio.create_task(running.owner.ask(READ))
        await far.hears(1)
        far.say(GOOD)
        blocked_until = asyncio.get_running_loop().time() + 0.6
        while asyncio.get_running_loop().time() < blocked_until:
            pass
        assert await asked == VALUES


async def test_a_broadcast_expects_no_answer_and_owes_none() -> None:
    async with device(lambda r: None if r[0] == 0 else well(r)) as far, line(settings(far.port)) as running:
        assert await running.owner.ask(Request(0, Function.WRITE_COIL, 2, values=(0,))) == ()
        assert await running.owner.ask(Request(5, Function.WRITE_COIL, 2, values=(0,))) == ()
        assert len(far.heard) == 2


class Echoing:
    """An adapter that hears itself."""

    def __init__(self, damage: Callable[[bytes], bytes] = lambda data: data) -> None:
        self.damage = damage

    def __call__(self, request: bytes) -> bytes:
        return self.damage(request) + (well(request) if request[0] else b"")


async def test_an_adapters_own_echo_is_dropped() -> None:
    async with device(Echoing()) as far, line(settings(far.port, echo=True)) as running:
        assert await running.owner.ask(READ) == (10, 11)
        assert await running.owner.ask(Request(5, Function.WRITE_COIL, 2, values=(1,))) == ()
        assert await running.owner.ask(Request(0, Function.WRITE_COIL, 2, values=(1,))) == ()
        assert running.owner.tally.snapshot(0.0).faults == {}


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda data: bytes((data[0] ^ 1,)) + data[1:], Fault.CHECKSUM),
        (lambda data: data[:0], Fault.CHECKSUM),
        (lambda data: data[1:], Fault.CHECKSUM),
    ],
    ids=["garbled", "missing", "cut"],
)
async def test_another_echo_than_what_was_sent_is_a_fault(damage: Callable[[bytes], bytes], fault: Fault) -> None:
    async with device(Echoing(damage)) as far, line(settings(far.port, echo=True)) as running:
        with pytest.raises(TransactionError) as caught:
            await running.owner.ask(READ)
        assert caught.value.fault is fault


async def test_a_write_with_the_echo_alone_is_not_confirmed() -> None:
    async with device(lambda request: request) as far, line(settings(far.port, echo=True)) as running:
        with pytest.raises(TransactionError) as caught:
            await running.owner.ask(Request(5, Function.WRITE_COIL, 2, values=(1,)))
        assert caught.value.fault is Fault.TIMEOUT


async def test_an_onlooker_sees_every_frame_and_every_dropped_byte() -> None:
    seen: list[Traced] = []
    async with device(once(GOOD + b"\xff", well)) as far, line(settings(far.port), trace=seen.append) as running:
        await running.owner.ask(READ)
    assert [(one.passage, one.data) for one in seen] == [
        (Passage.SENT, far.heard[0]),
        (Passage.RECEIVED, GOOD),
        (Passage.DROPPED, b"\xff"),
    ]
    assert [one.at_s for one in seen] == sorted(one.at_s for one in seen)
