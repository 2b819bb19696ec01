"""`firmware-bridge simulate` as a user runs it: a process, read by mbpoll and by the product's own master."""

from __future__ import annotations

import argparse
import asyncio
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_bridge.commands import simulate
from firmware_bridge.errors import TransactionError
from firmware_bridge.lines.owner import make_line
from firmware_bridge.lines.requests import Function, Request
from firmware_bridge.meters.catalogue import load_meter, meter_names
from firmware_bridge.meters.template import point_named
from firmware_bridge.settings.devices import LineSettings
from firmware_bridge.simulator.boards import VirtualRelayBoard
from firmware_bridge.simulator.meter import VirtualMeter
from firmware_bridge.simulator.models import board_named, meter_named
from firmware_bridge.simulator.pty_line import PtyLine
from firmware_bridge.switches.catalogue import load_switch, switch_names
from firmware_bridge.switches.template import DeviceTemplate, RelayTemplate

HANG_S = 90.0
MBPOLL = shutil.which("mbpoll")
needs_mbpoll = pytest.mark.skipif(MBPOLL is None, reason="mbpoll is not installed")
PROGRAM = (
    "import argparse, sys; from firmware_bridge.commands.simulate import add_arguments, command;"
    "parser = argparse.ArgumentParser(); add_arguments(parser); sys.exit(command(parser.parse_args()))"
)


class Running:
    """The process, what it said at its start, and what it says when it is asked to end."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        hung = threading.Timer(HANG_S, self._process.kill)
        hung.start()
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(self._process.stdout.readline())
            assert lines[-1], f"it ended, or hung: {self._process.communicate()[1]}"
        hung.cancel()
        self.said = "".join(lines)
        self.path = re.findall(r"line is at (\S+):", self.said)[0]

    def end(self, number: int = signal.SIGINT) -> tuple[str, int]:
        self._process.send_signal(number)
        output, errors = self._process.communicate(timeout=HANG_S)
        assert errors == ""
        return output, self._process.returncode

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    process = Running(*arguments)
    try:
        yield process
    finally:
        process.kill()


def mbpoll(arguments: str) -> list[str]:
    """The values that mbpoll reads."""
    assert MBPOLL is not None
    done = subprocess.run(
        [MBPOLL, *shlex.split(arguments)], check=False, capture_output=True, text=True, timeout=HANG_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"^\[\d+\]:\s+(\S+)", done.stdout, re.MULTILINE)


def commands_of(said: str, program: str) -> list[str]:
    return [line.strip().removeprefix(program) for line in said.splitlines() if line.strip().startswith(program)]


@needs_mbpoll
def test_mbpoll_reads_a_meter_and_a_board() -> None:
    volts, power, imported = (point_named(name) for name in ("v", "p", "e_import"))
    assert volts is not None
    assert power is not None
    assert imported is not None
    meter = VirtualMeter(load_meter("eastron_sdm120"), 1, lambda: {volts: 231.25, power: -1500.5, imported: 2500.0})
    with PtyLine([meter, VirtualRelayBoard(10)], baud=19200) as line:
        at = f"-b 19200 -P none -1 {line.path}"
        assert mbpoll(f"-m rtu -a 1 -t 3:float -B -r 1 -c 1 {at}") == ["231.25"]
        assert mbpoll(f"-m rtu -a 1 -t 3:float -B -r 13 -c 1 {at}") == ["-1500.5"]
        assert mbpoll(f"-m rtu -a 1 -t 3:float -B -r 73 -c 1 {at}") == ["2.5"]
        mbpoll(f"-m rtu -a 10 -t 0 -r 2 {at} 1 0 1")
        assert mbpoll(f"-m rtu -a 10 -t 0 -r 1 -c 5 {at}") == ["0", "1", "0", "1", "0"]
        until_shown = mbpoll(f"-m rtu -a 10 -t 1 -r 1 -c 5 {at}")
        assert until_shown == ["0", "1", "0", "1", "0"], "auxiliary contacts follow within milliseconds"
    assert (line.counts.garbled, line.counts.collisions, line.counts.wrong_speed) == (0, 0, 0)


@needs_mbpoll
def test_every_mbpoll_command_that_it_prints_works() -> None:
    devices = ["eastron_sdm120@1", "cg_em24@2", "abb_b21@3", "pzem_004t@4"]
    boards = ["waveshare_relay_8ch@10", "phase_device@11", "eletechsup_relay_4ch@12", "register_relay_8ch@13"]
    with running("--meter", *devices, "--board", *boards, "--baud", "38400", "--delay", "0") as process:
        commands = commands_of(process.said, "mbpoll ")
        assert len(commands) == len(devices) + len(boards)
        for command in commands:
            assert mbpoll(command)


def test_says_how_to_use_it_and_ends_with_its_counts(tmp_path: Path) -> None:
    link = tmp_path / "port"
    with running(
        "--meter", "eastron_sdm630@3", "--board", "lc_relay_8ch@7", "--link", str(link), "--unpaced"
    ) as process:
        assert process.path == str(link)
        line = LineSettings.model_validate(tomllib.loads(_toml(process.said))["bridge"]["lines"][0])
        assert (line.port, line.baud) == (str(link), 9600)
        assert [(meter.model, meter.unit) for meter in line.meters] == [("eastron_sdm630", 3)]
        assert [(switch.model, switch.unit, switch.feedback) for switch in line.switches] == [
            ("lc_relay_8ch", 7, (1, 2, 3))
        ]
        words = asyncio.run(_read(line, Request(3, Function.READ_REGISTERS, 0, 6)))
        assert len(words) == 6
        assert all(word >> 7 for word in words[::2]), "three voltages"
        output, code = process.end()
        assert code == 0
        assert "1 requests, 1 replies" in output
        assert "by unit: 3: 1" in output
        assert not link.is_symlink()


def test_faults_are_counted_at_the_end() -> None:
    with running("--faults", "lost=1", "--unpaced") as process:
        settings = LineSettings(name="l", port=process.path, reply_timeout_s=0.02, quiet_s=0.02)
        with pytest.raises(TransactionError, match="no answer within"):
            asyncio.run(_read(settings, Request(1, Function.READ_REGISTERS, 0, 2)))
        output, code = process.end(signal.SIGTERM)
        assert code == 0
        assert "faults: lost 1" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--meter", "eastron_sdm120"], "write MODEL@UNIT with a unit from 1 to 247, as eastron_sdm120@1"),
        (["--meter", "eastron_sdm120@0"], "write MODEL@UNIT"),
        (["--meter", "eastron_sdm121@1"], "did you mean eastron_sdm120"),
        (["--meter", "eastron_sdm120@1", "pzem_016@1"], "unit 1 is there twice"),
        (["--board", "tasmota@1"], "tasmota: it speaks MQTT"),
        (["--faults", "lates=1"], "'lates' is no fault"),
        (["--faults", "unplug=0.1"], "give it one with --link"),
        (["--baud", "1"], "--baud 1: give 300 to 1000000"),
        (["--delay", "-1"], "--delay -1: give milliseconds"),
    ],
)
def test_what_cannot_be_simulated_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    assert simulate.command(parser.parse_args(arguments)) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("firmware-bridge simulate: ")
    assert said in errors


def test_every_shipped_model_can_be_simulated() -> None:
    assert all(meter_named(f"{name}@1", float, 1).device.unit == 1 for name in meter_names())
    on_lines = [name for name in switch_names() if isinstance(load_switch(name), RelayTemplate | DeviceTemplate)]
    assert len(on_lines) >= 8
    assert all(board_named(f"{name}@2").device.unit == 2 for name in on_lines)


def _toml(said: str) -> str:
    return said.partition("As configuration:")[2].partition("As commands:")[0]


async def _read(settings: LineSettings, request: Request) -> tuple[int, ...]:
    stop, up = asyncio.Event(), asyncio.Event()
    line = make_line(settings, on_change=lambda is_up, _: up.set() if is_up else None)
    task = asyncio.ensure_future(line.run(stop))
    try:
        async with asyncio.timeout(HANG_S):
            await up.wait()
            return await line.ask(request)
    finally:
        stop.set()
        await task
