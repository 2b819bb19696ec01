"""Boards and the phase device: what they answer, and how their contacts move and break."""

from __future__ import annotations

import pytest

from firmware_bridge.contract import Phase
from firmware_bridge.simulator.boards import Dialect, VirtualRelayBoard
from firmware_bridge.simulator.contacts import Breakage, Change
from firmware_bridge.simulator.device import Device, reply_of
from firmware_bridge.simulator.phase_device import PhaseDevice
from firmware_bridge.simulator.wire import framed, parse


def ask(device: Device, body: str, now: float = 0.0, unit: int | None = None) -> str | None:
    """The body of the reply to a request's body, in hex."""
    question = parse(framed(device.unit if unit is None else unit, bytes.fromhex(body)))
    assert question is not None
    reply = reply_of(device, question, now)
    return None if reply is None else reply[1:-2].hex(" ")


@pytest.mark.parametrize(
    ("dialect", "asked", "answered"),
    [
        (Dialect.COILS, "05 00 01 FF 00", "05 00 01 ff 00"),
        (Dialect.COILS, "05 00 08 FF 00", "85 02"),
        (Dialect.COILS, "05 00 01 12 34", "85 03"),
        (Dialect.COILS, "0F 00 00 00 03 01 02", "0f 00 00 00 03"),
        (Dialect.COILS, "0F 00 06 00 03 01 02", "8f 02"),
        (Dialect.COILS, "0F 00 00 00 00 00", "8f 03"),
        (Dialect.COILS, "01 00 00 00 08", "01 01 00"),
        (Dialect.COILS, "01 00 00 00 09", "81 02"),
        (Dialect.COILS, "02 00 00 00 00", "82 03"),
        (Dialect.COILS, "03 00 00 00 01", "83 01"),
        (Dialect.COILS, "2B 0E 01 00", "ab 01"),
        (Dialect.CHANNEL_COMMANDS, "06 00 03 01 00", "06 00 03 01 00"),
        (Dialect.CHANNEL_COMMANDS, "06 00 03 09 00", "86 03"),
        (Dialect.CHANNEL_COMMANDS, "06 00 00 01 00", "86 03"),
        (Dialect.CHANNEL_COMMANDS, "06 00 09 01 00", "86 02"),
        (Dialect.CHANNEL_COMMANDS, "03 00 01 00 02", "03 04 00 00 00 00"),
        (Dialect.CHANNEL_COMMANDS, "03 00 00 00 01", "83 02"),
        (Dialect.CHANNEL_COMMANDS, "01 00 00 00 01", "81 01"),
        (Dialect.REGISTERS, "06 00 00 00 01", "06 00 00 00 01"),
        (Dialect.REGISTERS, "06 00 00 00 02", "86 03"),
        (Dialect.REGISTERS, "04 00 07 00 01", "04 02 00 00"),
        (Dialect.REGISTERS, "05 00 00 FF 00", "85 01"),
    ],
)
def test_boards_answer_and_refuse(dialect: Dialect, asked: str, answered: str) -> None:
    assert ask(VirtualRelayBoard(1, 8, dialect=dialect), asked) == answered


@pytest.mark.parametrize(
    ("dialect", "on", "off", "coils", "inputs"),
    [
        (Dialect.COILS, "05 00 01 FF 00", "05 00 01 00 00", ("01 00 00 00 03", "01 01 02"), "02 00 00 00 03"),
        (Dialect.CHANNEL_COMMANDS, "06 00 02 01 00", "06 00 02 02 00", ("03 00 02 00 01", "03 02 00 01"), ""),
        (Dialect.REGISTERS, "06 00 01 00 01", "06 00 01 00 00", ("03 00 01 00 01", "03 02 00 01"), "04 00 01 00 01"),
    ],
)
def test_a_relay_moves_its_contact_and_then_its_auxiliary(
    dialect: Dialect, on: str, off: str, coils: tuple[str, str], inputs: str
) -> None:
    changes: list[Change] = []
    board = VirtualRelayBoard(
        1, 4, dialect=dialect, operate_s=0.008, release_s=0.005, auxiliary_s=0.003, on_change=changes.append
    )
    ask(board, on, 1.0)
    assert ask(board, coils[0], 1.001) == coils[1], "the coil is told at once"
    assert board.contacts.closed(1.007) == frozenset()
    assert board.settle(1.007) == pytest.approx(1.008)
    assert board.contacts.closed(1.009) == {2}
    if inputs:
        assert "01" not in str(ask(board, inputs, 1.010)).split()[-1]
        assert str(ask(board, inputs, 1.012)).split()[-1] in {"02", "01"}
    ask(board, off, 2.0)
    board.settle(3.0)
    assert [(change.channel, change.closed) for change in changes] == [(2, True), (2, False)]
    assert [change.at for change in changes] == pytest.approx([1.008, 2.005])
    assert board.settle(3.0) is None


@pytest.mark.parametrize(
    ("asked", "closed"),
    [
        (["05 00 FF FF 00"], {1, 2, 3, 4}),
        (["05 00 FF FF 00", "05 00 FF 00 00"], set()),
        (["0F 00 01 00 02 01 03"], {2, 3}),
        (["05 00 00 FF 00", "0F 00 01 00 02 01 03"], {1, 2, 3}),
    ],
    ids=["all on", "all off", "a range", "a range touches no other"],
)
def test_several_relays_at_once(asked: list[str], closed: set[int]) -> None:
    board = VirtualRelayBoard(1, 4)
    for number, body in enumerate(asked):
        ask(board, body, float(number))
    assert board.contacts.closed(10.0) == closed


@pytest.mark.parametrize(("asked", "closed"), [("06 00 00 07 00", {1, 2, 3}), ("06 00 00 08 00", set())])
def test_channel_commands_for_all(asked: str, closed: set[int]) -> None:
    board = VirtualRelayBoard(1, 3, dialect=Dialect.CHANNEL_COMMANDS)
    ask(board, "06 00 02 01 00", 0.0)
    ask(board, asked, 1.0)
    assert board.contacts.closed(2.0) == closed


@pytest.mark.parametrize(
    ("dialect", "asked", "answered"),
    [(Dialect.COILS, "02 00 00 00 01", "82 01"), (Dialect.REGISTERS, "04 00 00 00 01", "84 01")],
)
def test_a_board_without_inputs_says_so(dialect: Dialect, asked: str, answered: str) -> None:
    assert ask(VirtualRelayBoard(1, dialect=dialect, inputs=False), asked) == answered


def test_a_command_taken_back_in_time_moves_nothing() -> None:
    changes: list[Change] = []
    board = VirtualRelayBoard(1, 2, on_change=changes.append)
    ask(board, "05 00 00 FF 00", 1.000)
    ask(board, "05 00 00 00 00", 1.002)
    board.settle(5.0)
    assert changes == []


def test_movements_are_told_in_the_order_of_time() -> None:
    changes: list[Change] = []
    board = VirtualRelayBoard(1, 2, operate_s=0.010, release_s=0.002, on_change=changes.append)
    ask(board, "05 00 00 FF 00", 0.0)
    board.settle(1.0)
    ask(board, "05 00 01 FF 00", 2.000)
    ask(board, "05 00 00 00 00", 2.001)
    board.settle(3.0)
    assert [(change.channel, change.closed) for change in changes] == [(1, True), (1, False), (2, True)]


@pytest.mark.parametrize(
    ("how", "closes", "opens", "shown"),
    [
        (Breakage.WELDED, True, False, (1, 1)),
        (Breakage.DEAD_COIL, False, True, (0, 0)),
        (Breakage.FEEDBACK_STUCK, True, True, (0, 0)),
        (Breakage.FEEDBACK_INVERTED, True, True, (0, 1)),
        (None, True, True, (1, 0)),
    ],
)
def test_broken_contacts(how: Breakage | None, closes: bool, opens: bool, shown: tuple[int, int]) -> None:
    board = VirtualRelayBoard(1, 1)
    board.contacts.break_contact(1, how, 0.0)
    ask(board, "05 00 00 FF 00", 1.0)
    assert (board.contacts.closed(2.0) == {1}) is closes
    first = board.contacts.shown(2.0)[0]
    assert ask(board, "01 00 00 00 01", 2.0) == "01 01 01", "a board knows of its coils only"
    ask(board, "05 00 00 00 00", 3.0)
    assert (board.contacts.closed(4.0) == frozenset()) is opens
    assert (first, board.contacts.shown(4.0)[0]) == shown


def test_a_slow_contact_takes_longer_and_a_mended_one_follows_its_coil() -> None:
    board = VirtualRelayBoard(1, 2)
    board.contacts.break_contact(1, Breakage.SLOW, 0.0, extra_s=0.5)
    board.contacts.break_contact(2, Breakage.DEAD_COIL, 0.0)
    ask(board, "0F 00 00 00 02 01 03", 1.0)
    assert board.contacts.closed(1.4) == frozenset()
    assert board.contacts.closed(1.6) == {1}
    board.contacts.break_contact(2, None, 2.0)
    assert board.contacts.closed(2.1) == {1, 2}


def test_without_supply_a_board_is_silent_and_all_its_relays_drop() -> None:
    board = VirtualRelayBoard(1, 2)
    ask(board, "05 00 00 FF 00", 0.0)
    assert board.contacts.closed(1.0) == {1}
    board.power(False, 2.0)
    assert ask(board, "01 00 00 00 01", 2.5) is None
    assert board.contacts.closed(2.5) == frozenset()
    board.power(True, 3.0)
    assert ask(board, "01 00 00 00 01", 3.5) == "01 01 00"


def test_a_broadcast_is_obeyed_and_not_answered() -> None:
    board = VirtualRelayBoard(5, 2)
    assert ask(board, "05 00 00 FF 00", 0.0, unit=0) is None
    assert board.contacts.closed(1.0) == {1}


def test_the_phase_device_travels_with_open_contacts() -> None:
    changes: list[Change] = []
    device = PhaseDevice(7, travel_s=0.2, on_change=changes.append)
    assert ask(device, "04 00 00 00 01", 0.0) == "04 02 00 01"
    assert ask(device, "06 00 00 00 03", 1.0) == "06 00 00 00 03"
    assert ask(device, "04 00 00 00 01", 1.1) == "04 02 00 0a", "on the way"
    assert ask(device, "06 00 00 00 02", 1.1) == "86 06", "busy"
    assert ask(device, "04 00 00 00 01", 1.3) == "04 02 00 03"
    assert ask(device, "03 00 00 00 01", 1.3) == "03 02 00 03"
    assert [(change.channel, change.closed) for change in changes] == [(1, False), (3, True)]
    assert [change.at for change in changes] == pytest.approx([1.0, 1.2])
    assert device.position is Phase.L3


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("06 00 00 00 09", "86 03"),
        ("06 00 01 00 01", "86 02"),
        ("04 00 01 00 01", "84 02"),
        ("05 00 00 FF 00", "85 01"),
        ("10 00 00 00 01 02 00 01", "10 00 00 00 01"),
        ("10 00 00 00 02 04 00 01 00 02", "90 03"),
    ],
)
def test_the_phase_device_refuses(asked: str, answered: str) -> None:
    assert ask(PhaseDevice(7), asked) == answered


def test_a_jammed_phase_device_says_so_with_open_contacts() -> None:
    changes: list[Change] = []
    device = PhaseDevice(7, failed=255, on_change=changes.append)
    device.jammed = True
    ask(device, "06 00 00 00 02", 0.0)
    assert ask(device, "04 00 00 00 01", 1.0) == "04 02 00 ff"
    assert changes == [Change(0.0, 1, False)]
    assert device.position is None
