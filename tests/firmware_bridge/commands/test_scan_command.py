"""`firmware-bridge scan` on simulated lines: it finds what hangs there, names it, and sends nothing but reads."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
import tomllib

import pytest

from firmware_bridge.commands import scan
from firmware_bridge.commands.line_access import Unusable
from firmware_bridge.commands.scan import parse_units
from firmware_bridge.settings.devices import LineSettings
from firmware_bridge.simulator.boards import VirtualRelayBoard
from firmware_bridge.simulator.faults import FaultKind, FaultRates, FaultSource
from firmware_bridge.simulator.pty_line import PtyLine
from tests.firmware_bridge.commands.running import run, start, virtual
from tests.firmware_bridge.poller.pymodbus_line import device, floats, pymodbus_serial, words

FAST = ("--timeout", "0.05")


def rows(out: str) -> dict[int, tuple[str, str]]:
    """Models and certainty by unit, from the table."""
    table = out.partition("\n\n")[0].splitlines()[1:]
    cut = [line.split("  ") for line in table]
    parts = [[part.strip() for part in line if part.strip()] for line in cut]
    return {int(part[1]): (part[2], part[3]) for part in parts}


def test_it_finds_all_devices_of_a_mixed_line_and_names_their_models(capsys: pytest.CaptureFixture[str]) -> None:
    board = VirtualRelayBoard(20)
    meters = [
        virtual("eastron_sdm120", 1),
        virtual("eastron_sdm630", 2),
        virtual("chint_ddsu666", 3),
        virtual("cg_em340", 7),
        virtual("pzem_016", 12),
    ]
    with PtyLine([*meters, board], paced=False) as line:
        assert run(scan, line.path, "--baud", "9600", "--units", "1-4,7,12,20-21", *FAST) == 0
    out = capsys.readouterr().out
    assert rows(out) == {
        1: ("eastron_sdm120", "sure"),
        2: ("eastron_sdm630", "sure"),
        3: ("chint_ddsu666", "likely"),
        7: ("cg_em340 or cg_et340", "likely"),
        12: ("pzem_004t or pzem_016", "likely"),
        20: ("a relay board (coils)", "likely"),
    }
    settings = LineSettings.model_validate(tomllib.loads(out.partition("\n\n")[2])["bridge"]["lines"][0])
    assert settings.port == line.path
    assert [(meter.model, meter.unit) for meter in settings.meters] == [
        ("eastron_sdm120", 1), ("eastron_sdm630", 2), ("chint_ddsu666", 3), ("cg_em340", 7), ("pzem_004t", 12),
    ]  # fmt: skip
    assert board.contacts.closed(time.monotonic()) == frozenset(), "nothing was switched"


async def test_it_names_what_a_pymodbus_simulator_stands_for(capsys: pytest.CaptureFixture[str]) -> None:
    meter = {0: 230.5, 6: 4.5, 12: 1000.0, 70: 49.98, 72: 12.5}
    devices = [
        device(1, inputs=[floats(meter, 0, 80)], holding=[words({0xFC02: 0x0020}, 0xFC02, 0xFC03)]),
        device(2, inputs=[floats(meter, 0, 80)]),
        device(3, coils=[False] * 8),
        device(4, holding=[words({0: 17}, 0, 3)]),
    ]
    async with pymodbus_serial(devices) as port:
        arguments = (port, "--baud", "9600", "--units", "1-4", "--timeout", "1")
        assert await asyncio.to_thread(run, scan, *arguments) == 0
    assert rows(capsys.readouterr().out) == {
        1: ("eastron_sdm120", "sure"),
        2: ("eastron_sdm120 or eastron_sdm220 or eastron_sdm230", "likely"),
        3: ("a relay board (coils)", "likely"),
        4: ("a Modbus device answers, model unknown", "unknown"),
    }


def test_devices_at_other_baud_rates_are_found_and_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    devices = [virtual("eastron_sdm120", 1), virtual("eastron_sdm630", 2)]
    with PtyLine(devices, paced=False, baud=9600, speeds={1: 2400}) as line:
        assert run(scan, line.path, "--baud", "9600,2400", "--units", "1-2", *FAST) == 0
    out = capsys.readouterr().out
    lines = tomllib.loads(out[out.index("[[") :])["bridge"]["lines"]
    assert {(one["baud"], one["meters"][0]["model"]) for one in lines} == {
        (9600, "eastron_sdm630"), (2400, "eastron_sdm120"),
    }  # fmt: skip
    assert "differ in baud rate" in out


def test_garbled_answers_are_told_as_several_devices_or_noise(capsys: pytest.CaptureFixture[str]) -> None:
    faults = FaultSource(FaultRates({FaultKind.BIT_ERROR: 1.0}), seed=3)
    with PtyLine([virtual("eastron_sdm120", 5)], paced=False, faults=faults) as line:
        assert run(scan, line.path, "--baud", "9600", "--units", "4-6", *FAST) == 0
    found = rows(capsys.readouterr().out)
    assert list(found) == [5]
    assert found[5][0].startswith("several devices with this unit, or noise")
    assert found[5][1] == "garbled"


def test_an_empty_line_ends_with_what_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    with PtyLine([], paced=False) as line:
        assert run(scan, line.path, "--baud", "9600", "--units", "1-2", *FAST) == 1
    out = capsys.readouterr().out
    assert f"No device answers on {line.path}" in out
    assert "A and B may be swapped" in out


def test_the_likely_units_come_first_at_every_baud_rate() -> None:
    parser = argparse.ArgumentParser()
    scan.add_arguments(parser)
    passes = scan.passes(parser.parse_args(["/dev/ttyUSB0", "--baud", "9600,2400", "--units", "1,2,33,100"]))
    assert [(one.settings.baud, one.units) for one in passes] == [
        (9600, (1, 2)), (2400, (1, 2)), (9600, (33, 100)), (2400, (33, 100)),
    ]  # fmt: skip


def test_behind_a_gateway_there_is_one_pass_without_baud_rates() -> None:
    parser = argparse.ArgumentParser()
    scan.add_arguments(parser)
    (one,) = scan.passes(parser.parse_args(["tcp://gateway", "--units", "1-3"]))
    assert one.units == (1, 2, 3)


def test_broken_off_it_prints_what_was_found_so_far() -> None:
    with (
        PtyLine([virtual("eastron_sdm120", 1)], paced=False) as line,
        start("scan", line.path, "--units", "1-247", *FAST) as child,
    ):
        deadline = time.monotonic() + 30
        while not any(unit > 2 for unit in list(line.counts.units)) and child.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=90)
    assert (child.returncode, err) == (130, "")
    assert out.startswith("Broken off; found so far:")
    assert 'model = "eastron_sdm120"' in out


@pytest.mark.parametrize(
    ("text", "units"),
    [("7", (7,)), ("1-3", (1, 2, 3)), ("1-3,100", (1, 2, 3, 100)), ("5,2-3,2", (2, 3, 5)), ("247", (247,))],
)
def test_units_are_numbers_and_ranges(text: str, units: tuple[int, ...]) -> None:
    assert parse_units(text) == units


@pytest.mark.parametrize("text", ["", "x", "0", "248", "3-1", "1-", "1,,2", "-3"])
def test_units_without_sense_are_refused(text: str) -> None:
    with pytest.raises(Unusable, match="--units"):
        parse_units(text)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("/dev/nowhere",), 1, "/dev/nowhere is not there"),
        (("tcp://127.0.0.1:1", "--units", "1"), 1, "127.0.0.1:1 cannot be reached"),
        (("/dev/nowhere", "--baud", "fast"), 2, "--baud fast"),
        (("/dev/nowhere", "--baud", "3"), 2, "baud = 3"),
        (("/dev/nowhere", "--parity", "mark"), 2, "'mark' is no parity"),
        (("/dev/nowhere", "--timeout", "0"), 2, "reply_timeout_s"),
        (("tcp://", "--units", "1"), 1, "is no address"),
    ],
)
def test_what_cannot_be_scanned_is_told_with_a_remedy(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(scan, *arguments) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
