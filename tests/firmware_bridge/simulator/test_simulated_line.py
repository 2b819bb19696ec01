"""The simulated line as a master sees it: through pyserial, raw bytes and a real pty."""

from __future__ import annotations

import fcntl
import os
import select
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial
from pymodbus.client import ModbusSerialClient

from firmware_bridge.simulator.boards import VirtualRelayBoard
from firmware_bridge.simulator.faults import FaultKind, FaultRates, FaultSource
from firmware_bridge.simulator.pty_line import PtyLine
from firmware_bridge.simulator.wire import framed

READ_COILS = framed(1, bytes.fromhex("01 00 00 00 08"))
COILS_OFF = framed(1, bytes.fromhex("01 01 00"))
HANG_S = 90.0


def opened(line: PtyLine, baud: int = 9600) -> serial.Serial:
    return serial.Serial(line.path, baud, timeout=HANG_S, exclusive=True)


@pytest.fixture
def line() -> Iterator[PtyLine]:
    with PtyLine([VirtualRelayBoard(1), VirtualRelayBoard(2, 4)], paced=False) as running:
        yield running


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for a counter that the line's thread writes."""
    end = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.001)


def test_answers_its_units_and_nobody_else(line: PtyLine) -> None:
    with opened(line) as port:
        port.write(framed(9, bytes.fromhex("01 00 00 00 08")))
        port.write(READ_COILS)
        assert port.read(len(COILS_OFF)) == COILS_OFF
    assert (line.counts.requests, line.counts.nobody, line.counts.replies) == (2, 1, 1)
    assert line.counts.units == {1: 1, 9: 1}


def test_pymodbus_as_master_reads_and_writes(line: PtyLine) -> None:
    client = ModbusSerialClient(line.path, baudrate=9600, timeout=HANG_S, retries=0)
    assert client.connect()
    try:
        assert not client.write_coils(0, [True, False, True], device_id=2).isError()
        assert client.read_coils(0, count=4, device_id=2).bits[:4] == [True, False, True, False]
        assert client.read_coils(0, count=5, device_id=2).exception_code == 2
    finally:
        client.close()  # type: ignore[no-untyped-call]


def test_garbage_and_wrong_checksums_are_not_answered(line: PtyLine) -> None:
    with opened(line) as port:
        port.write(READ_COILS[:-1] + b"\x00")
        until("garbage seen", lambda: line.counts.garbled == 1)
        port.write(b"\x01\x04\x00")
        until("half a frame seen", lambda: line.counts.garbled == 2)
        port.write(READ_COILS)
        assert port.read(len(COILS_OFF)) == COILS_OFF
    assert line.counts.replies == 1


def test_another_baud_rate_is_not_understood() -> None:
    with PtyLine([VirtualRelayBoard(1), VirtualRelayBoard(2)], paced=False, speeds={2: 19200}) as line:
        asks_two = framed(2, bytes.fromhex("01 00 00 00 08"))
        with opened(line, 19200) as port:
            port.write(READ_COILS)
            until("unit 1 deaf", lambda: line.counts.wrong_speed == 1)
            port.write(asks_two)
            assert port.read(len(COILS_OFF))[0] == 2
            port.baudrate = 9600
            port.write(asks_two)
            until("unit 2 deaf", lambda: line.counts.wrong_speed == 2)
            port.write(READ_COILS)
            assert port.read(len(COILS_OFF))[0] == 1


def test_a_broadcast_reaches_all_and_is_not_answered() -> None:
    boards = [VirtualRelayBoard(1, 2), VirtualRelayBoard(2, 2)]
    with PtyLine(boards, paced=False) as line, opened(line) as port:
        port.write(framed(0, bytes.fromhex("05 00 01 FF 00")))
        until("both told", lambda: all(board.contacts.driven() == (0, 1) for board in boards))
    assert (line.counts.broadcasts, line.counts.replies) == (1, 0)


def test_unplugged_the_master_is_hung_up_on_and_the_link_is_gone(tmp_path: Path) -> None:
    link = tmp_path / "usb-adapter"
    with PtyLine([VirtualRelayBoard(1)], paced=False, link=link) as line:
        assert line.path == str(link)
        fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
        line.unplug()
        assert not link.is_symlink()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(HANG_S * 1000)[0][1] & select.POLLHUP
        with pytest.raises(OSError, match="Input/output error"):
            os.write(fd, b"x")
        os.close(fd)
        line.plug()
        with opened(line) as port:
            port.write(READ_COILS)
            assert port.read(len(COILS_OFF)) == COILS_OFF
    assert not link.is_symlink()
    assert line.counts.unplugged == 1


def test_a_link_takes_the_place_of_an_old_link_and_of_nothing_else(tmp_path: Path) -> None:
    link = tmp_path / "port"
    link.symlink_to("/nowhere")
    with PtyLine([], link=link):
        assert link.readlink().parts[:3] == ("/", "dev", "pts")
    link.write_text("mine")
    with pytest.raises(FileExistsError, match="no link"):
        PtyLine([], link=link)
    with pytest.raises(FileNotFoundError, match="make its folder first"):
        PtyLine([], link=tmp_path / "nowhere" / "port")


def test_the_port_can_be_had_again_after_a_master_that_wanted_it_alone(line: PtyLine) -> None:
    fd = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    os.write(fd, READ_COILS)
    fcntl.ioctl(fd, termios.TIOCEXCL)
    exclusive = 0x80045440  # TIOCGEXCL
    until("released", lambda: not int.from_bytes(fcntl.ioctl(fd, exclusive, bytes(4)), "little"))
    os.close(fd)


def test_two_devices_with_one_address_are_an_error() -> None:
    with pytest.raises(ValueError, match="unit 3 is there twice"):
        PtyLine([VirtualRelayBoard(3), VirtualRelayBoard(3)])


def test_a_paced_line_takes_the_time_of_its_characters() -> None:
    character_s = 10 / 1200
    gap_s = 3.5 * character_s
    with PtyLine([VirtualRelayBoard(1)], baud=1200, delay_s=0.05) as line, opened(line, 1200) as port:
        begun = time.monotonic()
        port.write(READ_COILS)
        arrivals = []
        for _ in COILS_OFF:
            port.read(1)
            arrivals.append(time.monotonic() - begun)
    first = len(READ_COILS) * character_s + gap_s + 0.05 + character_s
    for number, at in enumerate(arrivals):
        assert at >= first + number * character_s - 0.0005, "no byte is early"
    assert line.counts.gap_broken == 0


def test_a_master_that_keeps_no_gap_is_caught() -> None:
    with PtyLine([VirtualRelayBoard(1)], baud=1200) as line, opened(line, 1200) as port:

        def hasty() -> bool:
            port.write(READ_COILS)
            assert port.read(len(COILS_OFF)) == COILS_OFF
            return line.counts.gap_broken > 0

        # A busy machine may keep the gap by itself: then once more.
        until("a broken gap", hasty)


def test_a_request_sent_into_a_reply_is_lost() -> None:
    asked = framed(1, bytes.fromhex("0F 00 00 00 08 01 00"))
    with PtyLine([VirtualRelayBoard(1)], baud=1200) as line, opened(line, 1200) as port:

        def interrupting() -> bool:
            port.write(asked)
            assert port.read(1) == b"\x01"
            port.write(READ_COILS)
            assert len(port.read(7)) == 7
            if line.counts.collisions:
                return True
            assert port.read(len(COILS_OFF)) == COILS_OFF, "a busy machine: it was no collision, so it is answered"
            return False

        until("a collision", interrupting)
        port.timeout = 0.3
        assert port.read(1) == b""
    assert line.counts.collisions == 1


def test_requests_run_together_are_one_broken_frame_on_a_paced_line() -> None:
    with PtyLine([VirtualRelayBoard(1)], baud=19200) as line, opened(line, 19200) as port:
        port.write(READ_COILS + READ_COILS)
        until("garbage seen", lambda: line.counts.garbled == 1)
    assert line.counts.replies == 0


def test_devices_answer_in_order_even_when_late() -> None:
    """A late reply comes before the one to the next request, whatever the master has given up meanwhile."""
    late = FaultRates({FaultKind.LATE: 1.0}, timeout_s=0.02, quiet_s=0.02)
    source = FaultSource(late, seed=3)
    with PtyLine([VirtualRelayBoard(1)], paced=False, faults=source) as line, opened(line) as port:
        sent = 0
        # The source counts what will be answered before it is; a count of what was not comes a moment late.
        while source.counts[FaultKind.LATE] < 5:
            port.write(READ_COILS)
            sent += 1
            port.write(framed(1, bytes.fromhex("01 00 00 00 04")))
            until("both seen", lambda: line.counts.requests >= 2 * sent)  # noqa: B023
        for _ in range(source.counts[FaultKind.LATE]):
            assert port.read(len(COILS_OFF)) == COILS_OFF


def test_an_unplug_by_chance_comes_back_by_itself(tmp_path: Path) -> None:
    source = FaultSource(FaultRates({FaultKind.UNPLUG: 1.0}, unplugged_s=(0.01, 0.02)))
    link = tmp_path / "port"
    with PtyLine([VirtualRelayBoard(1)], paced=False, faults=source, link=link) as line:
        with opened(line) as port:
            port.write(READ_COILS)
            until("gone", lambda: line.counts.unplugged == 1)
        until("back", link.exists)
    assert source.counts == {FaultKind.UNPLUG: 1}


def test_runs_in_the_calling_thread_until_it_is_stopped() -> None:
    line = PtyLine([VirtualRelayBoard(1)], paced=False)
    replies: list[bytes] = []

    def master() -> None:
        with opened(line) as port:
            port.write(READ_COILS)
            replies.append(port.read(len(COILS_OFF)))
        line.stop()

    thread = threading.Thread(target=master)
    thread.start()
    line.run()
    thread.join(HANG_S)
    line.close()
    line.close()
    assert replies == [COILS_OFF]
