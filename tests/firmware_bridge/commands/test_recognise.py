"""Recognising a device: every shipped model by itself, old firmware by its values, and what is no meter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware_bridge.errors import DeviceRefusal, Fault, TransactionError
from firmware_bridge.lines.requests import Function, Reply, Request
from firmware_bridge.meters.catalogue import load_meter, meter_names
from firmware_bridge.meters.recognise import Certainty, Found, recognise
from firmware_bridge.simulator.boards import Dialect, VirtualRelayBoard
from firmware_bridge.simulator.device import Device
from firmware_bridge.simulator.wire import Question, Refused
from tests.firmware_bridge.commands.running import virtual

TEMPLATES = tuple(load_meter(name) for name in meter_names())


class DirectLine:
    """A line without bytes: it hands requests to one device. `mute` functions get no answer."""

    name, up = "line", True

    def __init__(self, device: Device | None, mute: frozenset[Function] = frozenset()) -> None:
        self.device, self.mute = device, mute
        self.asked: list[Request] = []
        self.spoil: Callable[[int], Fault | None] = lambda _: None

    async def ask(self, request: Request, *, urgent: bool = False) -> Reply:
        assert request.function.reads, "recognising switches nothing"
        self.asked.append(request)
        if (fault := self.spoil(len(self.asked))) is not None:
            raise TransactionError(fault, "spoiled")
        if self.device is None or request.unit != self.device.unit or request.function in self.mute:
            raise TransactionError(Fault.TIMEOUT, "no answer")
        try:
            body = self.device.answer(Question(request.unit, request.function, request.address, request.count), 0.0)
        except Refused as refused:
            raise DeviceRefusal(refused.code, "refused") from refused
        assert body is not None
        if request.function.of_bits:
            return tuple(body[2 + bit // 8] >> bit % 8 & 1 for bit in range(request.count))
        return tuple(int.from_bytes(body[at : at + 2], "big") for at in range(2, len(body), 2))


class Refuser:
    """Speaks Modbus, and has nothing that anyone asks for."""

    unit = 4

    def answer(self, question: Question, now: float) -> bytes | None:
        raise Refused(1)

    def settle(self, now: float) -> float | None:
        return None


async def found(device: Device | None, unit: int = 4, mute: frozenset[Function] = frozenset()) -> Found | None:
    return await recognise(DirectLine(device, mute), unit, TEMPLATES)


@pytest.mark.parametrize("name", meter_names())
async def test_every_shipped_model_is_among_what_it_is_taken_for(name: str) -> None:
    seen = await found(virtual(name, 4))
    assert seen is not None
    template = load_meter(name)
    if template.totals_only:
        assert seen.certainty is Certainty.UNKNOWN
        return
    assert name in seen.models
    # Models that are called by one name have one map where it counts.
    assert len({frozenset(load_meter(model).fast_points) for model in seen.models}) == 1
    if seen.certainty is Certainty.SURE:
        assert seen.models == (name,)


@pytest.mark.parametrize("name", [t.name for t in TEMPLATES if t.identities and not t.totals_only])
async def test_a_model_whose_firmware_does_not_name_itself_is_known_by_its_values(name: str) -> None:
    seen = await found(virtual(name, 4, identified=False))
    assert seen is not None
    assert (seen.certainty, name in seen.models) == (Certainty.LIKELY, True)


@pytest.mark.parametrize(
    ("name", "mute"),
    [("eastron_sdm120", Function.READ_HOLDING), ("chint_ddsu666", Function.READ_REGISTERS)],
)
async def test_a_meter_that_is_mute_to_functions_it_lacks_is_found(name: str, mute: Function) -> None:
    seen = await found(virtual(name, 4), mute=frozenset({mute, Function.READ_COILS}))
    assert seen is not None
    assert name in seen.models


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        (Dialect.COILS, "a relay board (coils)"),
        (Dialect.CHANNEL_COMMANDS, "perhaps a relay board (registers from 1 on)"),
        (Dialect.REGISTERS, "perhaps a relay board (registers from 0 on)"),
    ],
)
async def test_relay_boards_are_likely(dialect: Dialect, said: str) -> None:
    assert await found(VirtualRelayBoard(4, dialect=dialect)) == Found(4, Certainty.LIKELY, what=said)


async def test_a_board_that_is_mute_to_registers_is_found_by_its_coils() -> None:
    mute = frozenset({Function.READ_HOLDING, Function.READ_REGISTERS})
    seen = await found(VirtualRelayBoard(4), mute=mute)
    assert seen is not None
    assert seen.what == "a relay board (coils)"


async def test_a_refusal_proves_that_a_device_is_there() -> None:
    seen = await found(Refuser())
    assert seen is not None
    assert (seen.certainty, seen.models) == (Certainty.UNKNOWN, ())
    assert "model unknown" in seen.what


async def test_where_nobody_is_three_questions_are_enough() -> None:
    line = DirectLine(None)
    assert await recognise(line, 9, TEMPLATES) is None
    assert len(line.asked) == 3
    assert len({(request.function, request.count) for request in line.asked}) == 3


@pytest.mark.parametrize("fault", [Fault.CHECKSUM, Fault.SHORT, Fault.LENGTH])
async def test_one_broken_reply_is_asked_for_again(fault: Fault) -> None:
    line = DirectLine(virtual("eastron_sdm120", 4))
    line.spoil = lambda number: fault if number == 1 else None
    seen = await recognise(line, 4, TEMPLATES)
    assert seen is not None
    assert seen.models == ("eastron_sdm120",)


async def test_a_late_frame_of_another_unit_is_no_device_here() -> None:
    line = DirectLine(None)
    line.spoil = lambda number: Fault.FOREIGN_UNIT if number <= 2 else None
    assert await recognise(line, 5, TEMPLATES) is None


async def test_broken_replies_alone_are_several_devices_or_noise() -> None:
    line = DirectLine(None)
    line.spoil = lambda number: Fault.CHECKSUM if number == 1 else Fault.TIMEOUT
    seen = await recognise(line, 5, TEMPLATES)
    assert seen is not None
    assert (seen.certainty, seen.models) == (Certainty.GARBLED, ())
