"""`firmware-bridge virtual`: virtual phase switches, for trying the controller without hardware."""

from __future__ import annotations

import argparse
import asyncio
import csv
import logging
import signal
import sys
from pathlib import Path

from firmware_bridge.commands.line_access import USAGE
from firmware_bridge.contract import Phase
from firmware_bridge.host.clock import SystemClock
from firmware_bridge.switches.virtual import Behaviour, VirtualSwitches


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="localhost", help="broker (default: %(default)s)")
    parser.add_argument("--port", type=int, default=1883, help="its port (default: %(default)s)")
    parser.add_argument("--base-topic", default="phase-balance/feeder", help="default: %(default)s")
    parser.add_argument(
        "--house", nargs="+", action="extend", default=[], metavar="ID=PHASE", help="a house and its phase, e.g. h1=L1"
    )
    parser.add_argument("--houses", type=Path, metavar="CSV", help="houses from a file with the columns id and phase")
    parser.add_argument("--delay", type=float, default=0.3, metavar="S", help="median delay, s (default: %(default)s)")
    parser.add_argument(
        "--failure-rate", type=float, default=0.0, metavar="P", help="probability that a move fails (default: 0)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the delays and failures (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="say more")


def _phase(text: str, where: str) -> Phase:
    name = text.strip().upper()
    if name not in Phase.__members__:
        raise ValueError(f"{where}: {text!r} is not a phase: write L1, L2 or L3")
    return Phase(name)


def parse_house(text: str) -> tuple[str, Phase]:
    """Read `h1=L1`. Raises ValueError."""
    house, equals, phase = text.partition("=")
    if not house or not equals:
        raise ValueError(f"{text!r}: write <house>=<phase>, for example h1=L1")
    return house, _phase(phase, house)


def read_houses(path: Path) -> dict[str, Phase]:
    """Houses and phases from a CSV file with at least the columns `id` and `phase`; those without a phase are left out.

    Raises OSError where it cannot be read, and ValueError naming the line where it cannot be understood.
    """
    with path.open(newline="") as stream:
        reader = csv.DictReader(stream)
        if missing := {"id", "phase"} - set(reader.fieldnames or ()):
            raise ValueError(f"{path}: the column {min(missing)!r} is missing: the first line must name id and phase")
        return {
            row["id"].strip(): _phase(row["phase"], f"{path}, line {reader.line_num}") for row in reader if row["phase"]
        }


def _positions(args: argparse.Namespace) -> dict[str, Phase]:
    positions = read_houses(args.houses) if args.houses else {}
    positions.update(parse_house(text) for text in args.house)
    if not positions:
        raise ValueError("no houses: name them with --house h1=L1, or give a CSV file with --houses")
    return positions


async def _serve(switches: VirtualSwitches, host: str, port: int, count: int) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.ensure_future(switches.run(host, port, stop, ready))
    up = asyncio.ensure_future(ready.wait())
    await asyncio.wait((serving, up), return_when=asyncio.FIRST_COMPLETED)
    if up.done():
        print(f"{count} virtual phase switches on {host}:{port}; Ctrl-C ends them", flush=True)
    up.cancel()
    await serving


def command(args: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.DEBUG if args.verbose else logging.INFO, format="%(levelname)s %(message)s")
    try:
        positions = _positions(args)
        behaviour = Behaviour(delay_s=args.delay, failure_rate=args.failure_rate, seed=args.seed)
        switches = VirtualSwitches(positions, base_topic=args.base_topic, clock=SystemClock(), behaviour=behaviour)
    except (ValueError, OSError) as error:
        print(f"firmware-bridge virtual: {error}", file=sys.stderr)
        return USAGE
    try:
        asyncio.run(_serve(switches, args.host, args.port, len(positions)))
    except OSError as error:
        print(f"firmware-bridge virtual: no broker at {args.host}:{args.port}: {error}", file=sys.stderr)
        return 1
    return 0
