"""`firmware-bridge check FILE`: everything that is wrong with a configuration, without serving it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from firmware_bridge.commands.configured import FILE_NAME
from firmware_bridge.commands.line_access import USAGE
from firmware_bridge.errors import format_problems
from firmware_bridge.service.configuration import examine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, nargs="?", default=Path(FILE_NAME), metavar="FILE", help="default: %(default)s"
    )


def command(args: argparse.Namespace) -> int:
    loaded = examine(args.file, os.environ)
    if loaded.problems:
        print(format_problems(loaded.problems))
    if not loaded.sound:
        return USAGE
    bridge = loaded.configuration.bridge
    meters = sum(len(line.meters) for line in bridge.lines)
    switches = sum(len(line.switches) for line in bridge.lines) + len(bridge.relays)
    print(f"{args.file} is good: bridge {bridge.id} with {len(bridge.lines)} lines, {meters} meters, "
          f"{switches} phase switches")  # fmt: skip
    return 0
