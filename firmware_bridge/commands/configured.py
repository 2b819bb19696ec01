"""What the commands on a configured bridge share: naming its file, reading it, and saying what is wrong with it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from firmware_bridge.errors import format_problems
from firmware_bridge.service.configuration import examine
from firmware_bridge.settings.bridge import BridgeConfiguration, BridgeSettings
from firmware_bridge.settings.problems import nearest

FILE_NAME: Final = "firmware-bridge.toml"


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=Path(FILE_NAME), metavar="FILE", help="configuration (default: %(default)s)"
    )


def configuration_of(path: Path) -> BridgeConfiguration | None:
    """The configuration, warnings told; None where it cannot be used: then all that is wrong was told."""
    loaded = examine(path, os.environ)
    if loaded.problems:
        print(format_problems(loaded.problems), file=sys.stderr)
    return loaded.configuration if loaded.sound else None


def switched_houses(settings: BridgeSettings) -> frozenset[str]:
    wired = {switch.house for line in settings.lines for switch in line.switches}
    return frozenset(wired | {switch.house for switch in settings.relays})


def unknown_house(house: str, known: frozenset[str]) -> str:
    """What is wrong with a house that has no switch here, and what to do."""
    near = nearest(house, known)
    remedy = f"did you mean {near}?" if near else f"this bridge switches {', '.join(sorted(known)) or 'no house'}"
    return f"{house} has no phase switch in this configuration: {remedy}"
