"""The commands about the configuration, for the command line: check it, write an example, print its reference."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from edge_balancer.errors import EdgeBalancerError, format_problems
from edge_balancer.settings.check import examine
from edge_balancer.settings.example import write_example
from edge_balancer.settings.reference import reference_markdown
from edge_balancer.settings.root import Configuration

GOOD: Final = 0
BAD_CONFIGURATION: Final = 2


def check_command(path: Path) -> int:
    """Name every problem of the configuration; 2 where it cannot be used."""
    found = examine(path, os.environ)
    if found.problems:
        print(format_problems(found.problems), file=sys.stderr)
    if found.configuration is None:
        return BAD_CONFIGURATION
    print(f"{path}: good. {_summary(found.configuration)}")
    return GOOD


def init_command(directory: Path) -> int:
    """Write the example; 2 where a file of it exists already."""
    try:
        written = write_example(directory)
    except EdgeBalancerError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_CONFIGURATION
    for file in written:
        print(f"wrote {file}")
    print(f"Next: enter your feeder and your houses, then: edge-balancer check {written[0]}")
    return GOOD


def reference_command() -> int:
    """Print the reference of all keys as Markdown."""
    print(reference_markdown(), end="")
    return GOOD


def _summary(configuration: Configuration) -> str:
    houses, feeder, mqtt = configuration.houses, configuration.feeder, configuration.mqtt
    movable = sum(house.movable for house in houses)
    return (
        f"Feeder {feeder.id}, {feeder.transformer_kva:g} kVA; {len(houses)} houses, of which {movable} may move; "
        f"mode {configuration.decision.mode} at the first start; broker {mqtt.host}:{mqtt.tcp_port}"
    )
