"""`firmware-bridge read`: every value of one meter now, with what the template makes of it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from firmware_bridge.commands.line_access import (
    INTERRUPTED,
    USAGE,
    Unusable,
    add_line_arguments,
    line_settings,
    opened,
    own_templates,
)
from firmware_bridge.commands.table import table
from firmware_bridge.errors import BridgeError, TemplateError, TransactionError
from firmware_bridge.lines.line import Line
from firmware_bridge.lines.requests import Reply
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.decode import decode
from firmware_bridge.meters.plan import Block, plan
from firmware_bridge.meters.points import Quantity
from firmware_bridge.meters.polled import line_costs
from firmware_bridge.meters.template import Template

_UNITS: Final = {
    Quantity.V: "V",
    Quantity.I: "A",
    Quantity.P: "W",
    Quantity.Q: "var",
    Quantity.S: "VA",
    Quantity.PF: "",
    Quantity.F: "Hz",
    Quantity.E_IMPORT: "Wh",
    Quantity.E_EXPORT: "Wh",
    Quantity.V_LL: "V",
    Quantity.I_N: "A",
}

_LEAST_QUIET_S: Final = 0.05

Row = tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_line_arguments(parser)
    parser.add_argument("unit", metavar="UNIT", type=int, help="the meter's Modbus address, 1 to 247")
    parser.add_argument("--model", required=True, help="its template; `firmware-bridge models` lists them")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="templates of your own: DIR/meters/*.toml")
    parser.add_argument("--raw", action="store_true", help="with the registers' words as they came")
    parser.add_argument("--watch", type=float, metavar="S", help="again every S seconds, until Ctrl-C")
    parser.add_argument("--timeout", type=float, default=0.5, metavar="S", help="for a reply (default: %(default)s)")


def command(args: argparse.Namespace) -> int:
    try:
        return asyncio.run(_read(args))
    except KeyboardInterrupt:
        return INTERRUPTED
    except (Unusable, TemplateError) as error:
        print(f"firmware-bridge read: {error}", file=sys.stderr)
        return USAGE
    except BridgeError as error:
        print(f"firmware-bridge read: {error}", file=sys.stderr)
        return 1


async def _read(args: argparse.Namespace) -> int:
    template = load_meter(args.model, own_templates(args.folder))
    if not 1 <= args.unit <= 247:
        raise Unusable(f"unit {args.unit}: give the meter's Modbus address, 1 to 247")
    if args.watch is not None and not 0 < args.watch <= 86_400:
        raise Unusable(f"--watch {args.watch:g}: give seconds, more than 0 and at most a day")
    settings = line_settings(
        args.line,
        baud=args.baud,
        parity=args.parity,
        stop_bits=args.stop_bits,
        reply_timeout_s=args.timeout,
        # A meter that is slower than the timeout gets as much time again before anything else is sent.
        quiet_s=max(args.timeout, _LEAST_QUIET_S),
    )
    blocks = plan(template, template.points, *line_costs(settings))
    async with opened(settings) as line:
        while True:
            rows, good = await _rows(line, args.unit, template, blocks)
            if args.watch is not None:
                print(("\033[H\033[J" if sys.stdout.isatty() else "") + time.strftime("%H:%M:%S"))
            _print(rows, raw=args.raw)
            if args.watch is None:
                return 0 if good else 1
            await asyncio.sleep(args.watch)


async def _rows(line: Line, unit: int, template: Template, blocks: tuple[Block, ...]) -> tuple[list[Row], bool]:
    """One row for each value, in the template's order; and whether every block was answered."""
    rows: dict[str, Row] = {}
    good = True
    for block in blocks:
        try:
            reply = await line.ask(block.request(unit))
        except TransactionError as error:
            good = False
            for register in block.registers:
                rows[str(register.point)] = (str(register.point), "-", "", "", f"no value: {error}")
            continue
        rows.update((row[0], row) for row in _decoded(block, reply))
        await asyncio.sleep(template.wait_s)
    return [rows[str(point)] for point in template.points], good


def _decoded(block: Block, reply: Reply) -> Iterator[Row]:
    decoded = decode(block, reply)
    wrong = {implausible.point: implausible for implausible in decoded.implausible}
    for register in block.registers:
        point, start = register.point, register.address - block.address
        raw = " ".join(f"{word:04x}" for word in reply[start : start + register.words])
        unit = _UNITS[point.quantity]
        if point in decoded.values:
            yield str(point), f"{decoded.values[point]:.6g}", unit, raw, ""
        elif point in wrong:
            yield str(point), f"{wrong[point].value:.6g}", unit, raw, f"implausible: {wrong[point].why}"
        else:
            yield str(point), "-", unit, raw, "missing: the meter has no value"


def _print(rows: list[Row], *, raw: bool) -> None:
    head: Row = ("point", "value", "unit", "raw", "remark")
    keep = [column for column in range(len(head)) if raw or head[column] != "raw"]
    shown = [tuple(row[column] for column in keep) for row in rows]
    for text in table([head[column] for column in keep], shown, right=frozenset({1})):
        print(text)
    sys.stdout.flush()
