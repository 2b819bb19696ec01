"""`firmware-bridge scan`: which devices a line has, at which baud rates, and what they are. Sends reads alone."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Final

from firmware_bridge.commands.line_access import (
    INTERRUPTED,
    LINE_HELP,
    USAGE,
    Unusable,
    line_settings,
    opened,
    own_templates,
)
from firmware_bridge.commands.progress import Progress, progress
from firmware_bridge.commands.scan_report import Seen, report
from firmware_bridge.errors import BridgeError
from firmware_bridge.meters.catalogue import list_meters
from firmware_bridge.meters.recognise import recognise
from firmware_bridge.meters.template import Template
from firmware_bridge.settings.devices import LineSettings

_BAUDS: Final = "9600,2400,19200,38400,115200,4800"
_PARITIES: Final = ("none", "even", "odd")
_LIKELY_UNITS: Final = 32
"""Installers count from 1: these come first at every baud rate, and the others after that."""
_QUIET_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Pass:
    """One way to open the line, and the units to ask then."""

    settings: LineSettings
    units: tuple[int, ...]


@dataclass(slots=True)
class _Scan:
    """What was found so far: it is shown also when the scan is broken off."""

    passes: tuple[Pass, ...]
    templates: tuple[Template, ...]
    seen: list[Seen] = field(default_factory=list)

    async def run(self, bar: Progress) -> None:
        known: set[tuple[int, str, int]] = set()
        for one in self.passes:
            where = _named(one.settings)
            async with opened(one.settings) as line:
                for unit in one.units:
                    bar.at(f"{where}, unit {unit}")
                    found = await recognise(line, unit, self.templates)
                    if found is not None and (key := (one.settings.baud, one.settings.parity, unit)) not in known:
                        known.add(key)
                        self.seen.append(Seen(one.settings, found))
                        bar.tell(f"{where}, unit {unit}: {', '.join(found.models) or found.what}")
                    bar.step()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("line", metavar="LINE", help=LINE_HELP)
    parser.add_argument("--baud", default=_BAUDS, metavar="RATES", help="baud rates to try (default: %(default)s)")
    parser.add_argument("--units", default="1-247", help="e.g. 1-32,100 (default: %(default)s; 1 to 32 come first)")
    parser.add_argument("--parity", default="none", help="parities to try, e.g. none,even (default: %(default)s)")
    parser.add_argument("--stop-bits", type=int, choices=(1, 2), default=1, help="default: %(default)s")
    parser.add_argument("--timeout", type=float, default=0.2, metavar="S", help="for a reply (default: %(default)s)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="templates of your own: DIR/meters/*.toml")


def command(args: argparse.Namespace) -> int:
    interrupted = False
    try:
        listed = list_meters(own_templates(args.folder))
        scan = _Scan(passes(args), tuple(item.template for item in listed if item.template is not None))
    except BridgeError as error:
        print(f"firmware-bridge scan: {error}", file=sys.stderr)
        return USAGE
    try:
        with progress(sum(len(one.units) for one in scan.passes)) as bar:
            asyncio.run(scan.run(bar))
    except KeyboardInterrupt:
        interrupted = True
    except BridgeError as error:
        print(f"firmware-bridge scan: {error}", file=sys.stderr)
        if not scan.seen:
            return 1
    if interrupted:
        print("Broken off; found so far:")
    for text in report(args.line, scan.seen):
        print(text)
    return INTERRUPTED if interrupted else 0 if scan.seen else 1


def parse_units(text: str) -> tuple[int, ...]:
    """`1-32,100` as numbers, sorted, each once. Raises Unusable."""
    units: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            start, stop = int(first), int(last if dash else first)
        except ValueError as error:
            raise Unusable(f"--units {text}: {part!r} is no unit: write 1-32 or 1-32,100") from error
        if not 1 <= start <= stop <= 247:
            raise Unusable(f"--units {text}: {part!r}: units are 1 to 247, the smaller one first")
        units.update(range(start, stop + 1))
    return tuple(sorted(units))


def passes(args: argparse.Namespace) -> tuple[Pass, ...]:
    """The likely units at every baud rate and parity, then the others."""
    units = parse_units(args.units)
    every = [_settings(args, baud, parity) for parity, baud in product(_parities(args.parity), _bauds(args.baud))]
    if not every[0].serial:
        # Whatever is behind a gateway has its own settings: nothing to try.
        every = every[:1]
    likely = tuple(unit for unit in units if unit <= _LIKELY_UNITS)
    others = tuple(unit for unit in units if unit > _LIKELY_UNITS)
    return tuple(Pass(settings, part) for part in (likely, others) if part for settings in every)


def _settings(args: argparse.Namespace, baud: int, parity: str) -> LineSettings:
    return line_settings(
        args.line,
        baud=baud,
        parity=parity,
        stop_bits=args.stop_bits,
        reply_timeout_s=args.timeout,
        quiet_s=_QUIET_S,
    )


def _bauds(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError as error:
        raise Unusable(f"--baud {text}: write baud rates, with commas between them: 9600,19200") from error


def _parities(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if wrong := [part for part in parts if part not in _PARITIES]:
        raise Unusable(f"--parity {text}: {wrong[0]!r} is no parity: write none, even or odd, with commas between them")
    return list(dict.fromkeys(parts))


def _named(settings: LineSettings) -> str:
    if not settings.serial:
        return settings.port
    return f"{settings.baud} 8{settings.parity[0].upper()}{settings.stop_bits}"
