"""`firmware-bridge models`: which meters and phase switches there are templates for, and what to know of each."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from firmware_bridge.commands.line_access import USAGE, own_templates
from firmware_bridge.commands.table import table
from firmware_bridge.errors import BridgeError
from firmware_bridge.meters.catalogue import list_meters
from firmware_bridge.meters.template import Template
from firmware_bridge.switches.catalogue import list_switches
from firmware_bridge.switches.template import DeviceTemplate, RelayTemplate, SwitchTemplate

_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="templates of your own: DIR/meters/*.toml and DIR/switches/*.toml"
    )
    parser.add_argument("--verbose", action="store_true", help="with all notes, and where the facts come from")


def command(args: argparse.Namespace) -> int:
    try:
        folder = own_templates(args.folder)
        meters, switches = list_meters(folder), list_switches(folder)
    except BridgeError as error:
        print(f"firmware-bridge models: {error}", file=sys.stderr)
        return USAGE
    broken = [meter.problem for meter in meters if meter.template is None]
    broken += [switch.problem for switch in switches if switch.template is None]
    print("Meters")
    _print(
        ("model", "phases", "title", "remarks"),
        [(m.template, (m.name, str(m.template.phases), m.template.title, _of_meter(m.template)))
         for m in meters if m.template is not None],
        verbose=args.verbose,
    )  # fmt: skip
    print("\nPhase switches")
    _print(
        ("model", "kind", "title", "remarks"),
        [(s.template, (s.name, s.template.kind, s.template.title, _of_switch(s.template, own=s.own)))
         for s in switches if s.template is not None],
        verbose=args.verbose,
    )  # fmt: skip
    for problem in broken:
        print(f"\nbroken: {problem}")
    return 1 if broken else 0


def _print(
    head: tuple[str, ...], rows: list[tuple[Template | SwitchTemplate, tuple[str, ...]]], *, verbose: bool
) -> None:
    lines = table(head, [row for _, row in rows])
    print("  " + next(lines))
    for line, (template, _) in zip(lines, rows, strict=True):
        print("  " + line)
        if verbose:
            for text in filter(None, (template.notes, template.source and f"source: {template.source}")):
                print(textwrap.fill(" ".join(text.split()), _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6))


def _of_meter(template: Template) -> str:
    return ", ".join(_meter_remarks(template))


def _meter_remarks(template: Template) -> Iterator[str]:
    if template.own:
        yield "your own"
    if not template.signed_power:
        yield "cannot show export"
    if template.totals_only:
        yield "totals only"
    serial = template.serial
    yield f"from the factory {serial.baud} 8{serial.parity[0].upper()}{serial.stop_bits}, unit {serial.unit}"


def _of_switch(template: SwitchTemplate, *, own: bool) -> str:
    remarks = ["your own"] if own else []
    if isinstance(template, RelayTemplate):
        remarks.append(f"{template.channels} relays")
        if template.inputs:
            remarks.append(f"{template.inputs} inputs for feedback")
    if isinstance(template, DeviceTemplate):
        remarks.append("changes over by itself, cannot stay open")
    return ", ".join(remarks)
