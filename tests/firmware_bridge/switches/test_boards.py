"""Boards on a line: which frames switch and read them, what counts as closed, and what is never touched."""

from __future__ import annotations

import pytest

from firmware_bridge.contract import Phase
from firmware_bridge.errors import BridgeError, LineDown, TransactionError
from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.settings.devices import LineSwitch, RelaySwitch
from firmware_bridge.switches.board import Board
from firmware_bridge.switches.catalogue import load_switch
from firmware_bridge.switches.choice import clashes, line_board, problems, shared_relays
from tests.firmware_bridge.switches.board_line import MemoryLine

L1, L2, L3 = Phase.L1, Phase.L2, Phase.L3
COIL, COILS, REGISTER = Function.WRITE_COIL, Function.WRITE_COILS, Function.WRITE_REGISTER


def board(line: MemoryLine, model: str, relays: tuple[int, ...] = (1, 2, 3), feedback: tuple[int, ...] = ()) -> Board:
    settings = LineSwitch(house="h1", model=model, unit=line.unit, relays=relays, feedback=feedback)
    return line_board(line, settings, load_switch(model))


@pytest.mark.parametrize(
    ("model", "relays", "writes"),
    [
        ("waveshare_relay_8ch", (1, 2, 3), [(COILS, 0, (0, 0, 0))]),
        ("waveshare_relay_8ch", (6, 4, 5), [(COILS, 3, (0, 0, 0))]),
        ("waveshare_relay_8ch", (1, 2, 4), [(COIL, 0, (0,)), (COIL, 1, (0,)), (COIL, 3, (0,))]),
        ("lc_relay_8ch", (1, 2, 3), [(COIL, 0, (0,)), (COIL, 1, (0,)), (COIL, 2, (0,))]),
        (
            "eletechsup_relay_8ch",
            (6, 7, 8),
            [(REGISTER, 6, (0x200,)), (REGISTER, 7, (0x200,)), (REGISTER, 8, (0x200,))],
        ),
        ("register_relay_8ch", (1, 2, 3), [(REGISTER, 0, (0,)), (REGISTER, 1, (0,)), (REGISTER, 2, (0,))]),
    ],
)
async def test_opening_writes_the_three_relays_and_no_other(
    model: str, relays: tuple[int, ...], writes: list[object]
) -> None:
    line = MemoryLine()
    await board(line, model, relays).open_all()
    assert line.writes == writes
    assert all(line.urgent)


@pytest.mark.parametrize(
    ("model", "relays", "write"),
    [
        ("waveshare_relay_16ch", (14, 15, 16), (COIL, 14, (1,))),
        ("lc_relay_8ch", (1, 2, 3), (COIL, 1, (1,))),
        ("eletechsup_relay_8ch", (1, 2, 3), (REGISTER, 2, (0x100,))),
        ("register_relay_8ch", (3, 2, 1), (REGISTER, 1, (1,))),
    ],
)
async def test_closing_writes_one_relay(model: str, relays: tuple[int, ...], write: object) -> None:
    line = MemoryLine()
    await board(line, model, relays).close(L2)
    assert line.writes == [write]
    assert line.urgent == [True]


@pytest.mark.parametrize(
    ("model", "request_", "cells", "closed"),
    [
        ("waveshare_relay_8ch", Request(1, Function.READ_COILS, 0, 8), {3: 1}, {L1}),
        ("waveshare_relay_8ch", Request(1, Function.READ_COILS, 0, 8), {0: 1, 7: 1}, set()),
        ("waveshare_relay_32ch", Request(1, Function.READ_COILS, 0, 32), {4: 1, 5: 1}, {L2, L3}),
        ("eletechsup_relay_8ch", Request(1, Function.READ_HOLDING, 4, 3), {5: 1}, {L2}),
        ("eletechsup_relay_8ch", Request(1, Function.READ_HOLDING, 4, 3), {5: 7}, None),
        ("register_relay_8ch", Request(1, Function.READ_HOLDING, 3, 3), {3: 1}, {L1}),
    ],
)
async def test_reading_asks_once_and_tells_the_closed_phases(
    model: str, request_: Request, cells: dict[int, int], closed: set[Phase] | None
) -> None:
    line = MemoryLine()
    for address, value in cells.items():
        line.put(request_.function, address, value)
    assert await board(line, model, (4, 5, 6)).read() == closed
    assert line.asked == [request_]


@pytest.mark.parametrize(
    ("coils", "inputs", "closed"),
    [
        ((0, 0, 0), (0, 0, 0), set()),
        ((0, 1, 0), (0, 1, 0), {L2}),
        ((1, 1, 0), (1, 1, 0), {L1, L2}),
        ((0, 0, 0), (0, 1, 0), {L2}),
        ((0, 1, 0), (0, 0, 0), None),
        ((1, 0, 0), (0, 1, 0), {L1, L2}),
    ],
    ids=["open", "closed", "two closed", "welded", "dead coil", "crossed wires"],
)
async def test_relays_and_auxiliary_contacts_must_agree(
    coils: tuple[int, ...], inputs: tuple[int, ...], closed: set[Phase] | None
) -> None:
    line = MemoryLine()
    line.put(Function.READ_COILS, 0, *coils)
    line.put(Function.READ_INPUTS, 4, *inputs)
    assert await board(line, "lc_relay_8ch", (1, 2, 3), (5, 6, 7)).read() == closed


async def test_a_relay_that_does_not_answer_keeps_no_other_from_opening() -> None:
    line = MemoryLine()
    line.put(Function.READ_COILS, 0, 1, 1, 1)
    line.mute = lambda request: request.values != () and request.address == 0
    switch = board(line, "lc_relay_8ch")
    with pytest.raises(TransactionError):
        await switch.open_all()
    assert await switch.read() == frozenset({L1})


async def test_a_line_that_is_down_says_so_at_once() -> None:
    line = MemoryLine()
    line.up = False
    switch = board(line, "lc_relay_8ch")
    for action in (switch.open_all, switch.read):
        with pytest.raises(LineDown):
            await action()
    assert line.asked == []


async def test_two_switches_on_one_board_leave_each_other_alone() -> None:
    line = MemoryLine()
    one, two = board(line, "waveshare_relay_8ch", (1, 2, 3)), board(line, "waveshare_relay_8ch", (4, 5, 6))
    await one.close(L1)
    await two.close(L3)
    await one.open_all()
    assert await two.read() == frozenset({L3})
    assert await one.read() == frozenset()


@pytest.mark.parametrize(("value", "seen"), [(1, {L1}), (2, {L2}), (3, {L3}), (0, set()), (10, None)], ids=str)
async def test_a_device_tells_its_position(value: int, seen: set[Phase] | None) -> None:
    line = MemoryLine()
    line.put(Function.READ_REGISTERS, 0, value)
    assert await board(line, "phase_device", ()).read() == seen


@pytest.mark.parametrize(("value", "text"), [(255, "reports a fault"), (77, "77.*phase_device")])
async def test_a_device_in_trouble_is_an_error_that_says_so(value: int, text: str) -> None:
    line = MemoryLine()
    line.put(Function.READ_REGISTERS, 0, value)
    with pytest.raises(BridgeError, match=text):
        await board(line, "phase_device", ()).read()


async def test_a_device_is_told_the_phase_and_cannot_be_opened() -> None:
    line = MemoryLine()
    device = board(line, "phase_device", ())
    await device.close(L3)
    assert line.writes == [(REGISTER, 0, (3,))]
    assert not device.opens
    with pytest.raises(BridgeError, match="east, unit 1"):
        await device.open_all()


@pytest.mark.parametrize(
    ("model", "keys", "texts"),
    [
        ("waveshare_relay_8ch", {"relays": (1, 2, 3)}, []),
        ("waveshare_relay_8ch", {}, ["relays is missing"]),
        ("waveshare_relay_8ch", {"relays": (7, 8, 9)}, ["no relay 9: give numbers from 1 to 8"]),
        ("waveshare_relay_8ch", {"relays": (1, 2, 3), "feedback": (1, 2, 3)}, ["no inputs to read: remove feedback"]),
        ("lc_relay_8ch", {"relays": (1, 2, 3), "feedback": (7, 8, 9)}, ["no input 9"]),
        ("phase_device", {}, []),
        ("phase_device", {"relays": (1, 2, 3), "feedback": (4, 5, 6)}, ["remove relays", "remove feedback"]),
        ("tasmota", {"relays": (1, 2, 3)}, ["move the switch to [[bridge.relays]]"]),
    ],
)
def test_settings_that_the_model_cannot_do_are_named(
    model: str, keys: dict[str, tuple[int, ...]], texts: list[str]
) -> None:
    settings = LineSwitch(house="h1", model=model, unit=1, **keys)
    found = list(problems(settings, load_switch(model)))
    assert len(found) == len(texts)
    for text, expected in zip(found, texts, strict=True):
        assert expected in text
    if found:
        with pytest.raises(BridgeError, match="phase switch of h1"):
            line_board(MemoryLine(), settings, load_switch(model))


@pytest.mark.parametrize(
    ("model", "relays", "texts"),
    [
        ("tasmota", ("a/1", "a/2", "site/b/1"), []),
        ("shelly1", ("a/0", "a/1", "b/0"), []),
        ("tasmota", ("a/0", "a", "+/1"), ["count from 1", "'a' is no relay", "no '+'"]),
        ("lc_relay_8ch", ("a/1", "a/2", "a/3"), ["it hangs on a line"]),
    ],
)
def test_settings_of_mqtt_relays_are_judged_too(model: str, relays: tuple[str, ...], texts: list[str]) -> None:
    found = list(problems(RelaySwitch(house="h1", model=model, relays=relays), load_switch(model)))
    assert len(found) == len(texts)
    for text, expected in zip(found, texts, strict=True):
        assert expected in text


def test_relays_that_two_houses_would_share_are_named() -> None:
    def on(house: str, unit: int, *relays: int, model: str = "lc_relay_8ch") -> LineSwitch:
        return LineSwitch(house=house, model=model, unit=unit, relays=relays)

    assert list(clashes([on("h1", 1, 1, 2, 3), on("h2", 1, 4, 5, 6), on("h3", 2, 1, 2, 3)])) == []
    assert "[3] of unit 1 belong to both h1 and h2" in " ".join(clashes([on("h1", 1, 1, 2, 3), on("h2", 1, 3, 4, 5)]))
    other = on("h2", 1, 4, 5, 6, model="waveshare_relay_8ch")
    assert "unit 1 is a lc_relay_8ch for h1" in " ".join(clashes([on("h1", 1, 1, 2, 3), other]))
    devices = [on("h1", 1, model="phase_device"), on("h2", 1, model="phase_device")]
    assert "both h1 and h2" in " ".join(clashes(devices))
    mqtt = [
        RelaySwitch(house=house, model="tasmota", relays=("a/1", "a/2", end))
        for house, end in (("h1", "a/3"), ("h2", "a/4"))
    ]
    assert "['a/1', 'a/2'] belong to both h1 and h2" in " ".join(shared_relays(mqtt))
