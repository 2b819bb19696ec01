"""`firmware-bridge simulate`: virtual meters and boards on a pty, for trying everything else without hardware.

What it prints can be pasted: a configuration, and commands that read the line. The devices are in `simulator`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from firmware_bridge.commands.line_access import USAGE
from firmware_bridge.errors import BridgeError
from firmware_bridge.lines.requests import Function
from firmware_bridge.meters.template import Kind, Register, Template
from firmware_bridge.simulator.faults import FaultKind, FaultRates, FaultSource, parse_rates
from firmware_bridge.simulator.models import Simulated, board_named, meter_named
from firmware_bridge.simulator.pty_line import PtyLine
from firmware_bridge.switches.template import DeviceTemplate, RelayTemplate, SwitchTemplate

_METERS: Final = ("eastron_sdm120@1",)
_BOARDS: Final = ("waveshare_relay_8ch@10",)
_FLOAT: Final = {Kind.FLOAT32: ":float", Kind.U32: ":int", Kind.S32: ":int"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--meter",
        nargs="+",
        action="extend",
        metavar="MODEL@UNIT",
        help=f"meters; `firmware-bridge models` lists them (without any device: {_METERS[0]})",
    )
    parser.add_argument(
        "--board",
        nargs="+",
        action="extend",
        metavar="MODEL@UNIT",
        help=f"relay boards and phase-switching devices (without any device: {_BOARDS[0]})",
    )
    parser.add_argument("--baud", type=int, default=9600, help="the line's pace (default: %(default)s)")
    parser.add_argument("--unpaced", action="store_true", help="answer as fast as it goes, whatever the baud rate")
    parser.add_argument("--link", type=Path, metavar="PATH", help="a name for the port that stays the same")
    parser.add_argument(
        "--faults",
        default="",
        metavar="RATES",
        help=f"spoiled replies and their rates, as late=0.01,lost=0.02 or all=0.01: {', '.join(FaultKind)}",
    )
    parser.add_argument("--seed", type=int, default=1, help="of values and faults (default: %(default)s)")
    parser.add_argument(
        "--delay", type=float, default=20.0, metavar="MS", help="what a device thinks, ms (default: %(default)s)"
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="templates of your own: DIR/meters, DIR/switches")


def command(args: argparse.Namespace) -> int:
    try:
        devices = _devices(args)
        line = _line(args, devices)
    except (BridgeError, ValueError, OSError) as error:
        print(f"firmware-bridge simulate: {error}", file=sys.stderr)
        return USAGE
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: line.stop())
    try:
        print("\n".join(description(line.path, devices, baud=args.baud, paced=not args.unpaced)), flush=True)
        line.run()
    finally:
        line.close()
    print("\n".join(summary(line)), flush=True)
    return 0


def _devices(args: argparse.Namespace) -> list[Simulated]:
    meters, boards = args.meter, args.board
    if not meters and not boards:
        meters, boards = _METERS, _BOARDS
    return [
        *(meter_named(text, time.monotonic, args.seed, args.folder) for text in meters or ()),
        *(board_named(text, args.folder) for text in boards or ()),
    ]


def _line(args: argparse.Namespace, devices: Sequence[Simulated]) -> PtyLine:
    rates = parse_rates(args.faults)
    if rates.get(FaultKind.UNPLUG) and args.link is None:
        raise ValueError("--faults unplug: the port changes its name each time: give it one with --link PATH")
    if not 300 <= args.baud <= 1_000_000:
        raise ValueError(f"--baud {args.baud}: give 300 to 1000000")
    if not 0 <= args.delay <= 60_000:
        raise ValueError(f"--delay {args.delay:g}: give milliseconds, 0 to 60000")
    return PtyLine(
        [simulated.device for simulated in devices],
        baud=args.baud,
        paced=not args.unpaced,
        delay_s=args.delay / 1000.0,
        link=args.link,
        faults=FaultSource(FaultRates(rates), args.seed) if rates else None,
    )


def description(path: str, devices: Sequence[Simulated], *, baud: int, paced: bool) -> Iterator[str]:
    """What hangs on the line, and what to paste where."""
    yield f"A simulated line is at {path}: {baud} baud, 8N1" + ("" if paced else ", answers without the line's pace")
    yield from (f"  unit {item.device.unit:>3}  {item.template.title}" for item in devices)
    yield "\nAs configuration:\n"
    yield from _configuration(path, devices, baud)
    yield "\nAs commands:\n"
    for item in devices:
        if isinstance(item.template, Template):
            rate = "" if baud == 9600 else f" --baud {baud}"
            yield f"  firmware-bridge read {path} {item.device.unit} --model {item.template.name}{rate}"
        yield f"  mbpoll -m rtu -a {item.device.unit} -b {baud} -P none {_mbpoll(item.template)} -1 {path}"
    yield "\nCtrl-C ends it."


def _configuration(path: str, devices: Sequence[Simulated], baud: int) -> Iterator[str]:
    yield from ("[[bridge.lines]]", 'name = "simulated"', f'port = "{path}"', f"baud = {baud}")
    houses = {"meter": 0, "switch": 0}
    for item in devices:
        houses[item.kind] += 1
        yield ""
        yield f"[[bridge.lines.{'meters' if item.kind == 'meter' else 'switches'}]]"
        yield f'house = "h{houses[item.kind]}"'
        yield f'model = "{item.template.name}"'
        yield f"unit = {item.device.unit}"
        if isinstance(item.template, RelayTemplate):
            yield "relays = [1, 2, 3]"
            if item.template.inputs >= 3:
                yield "feedback = [1, 2, 3]"


def _mbpoll(template: Template | SwitchTemplate) -> str:
    """mbpoll's options for one look at a device; it counts addresses from 1."""
    if isinstance(template, Template):
        register = next((one for one in template.registers if one.words <= 2), template.registers[0])
        return f"-t {_table(register)} -r {register.address + 1} -c 1"
    if isinstance(template, RelayTemplate):
        table = {"coils": 0, "inputs": 1, "registers": 3, "holding": 4}[template.read.function]
        return f"-t {table} -r {template.read.first + 1} -c {template.channels}"
    if isinstance(template, DeviceTemplate):
        return f"-t 3 -r {template.position.address + 1} -c 1"
    raise TypeError(f"{template.name} hangs on no line")


def _table(register: Register) -> str:
    table = "3" if register.function is Function.READ_REGISTERS else "4"
    wide = _FLOAT.get(register.kind, "")
    return f"{table}{wide}{' -B' if wide and not register.low_word_first else ''}"


def summary(line: PtyLine) -> Iterator[str]:
    """What happened, for the end."""
    counts = line.counts
    yield f"\n{counts.requests} requests, {counts.replies} replies"
    if counts.units:
        yield "  by unit: " + ", ".join(f"{unit}: {number}" for unit, number in sorted(counts.units.items()))
    odd = {
        "for units that are not there": counts.nobody,
        "garbled": counts.garbled,
        "at another baud rate": counts.wrong_speed,
        "sent into a reply": counts.collisions,
        "sent without a gap before them": counts.gap_broken,
        "while the device was busy": counts.deaf,
        "times unplugged": counts.unplugged,
    }
    yield from (f"  {number} {what}" for what, number in odd.items() if number)
    if line.faults is not None:
        yield "  faults: " + (", ".join(f"{kind} {n}" for kind, n in sorted(line.faults.counts.items())) or "none yet")
