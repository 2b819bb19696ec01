"""Runs the bridge's commands as the command line would, and a line full of simulated devices for them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

from firmware_bridge.contract import Phase
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.points import Point, Quantity
from firmware_bridge.simulator.meter import VirtualMeter

LIVE = {
    Quantity.V: 230.4,
    Quantity.I: 4.3,
    Quantity.P: 985.5,
    Quantity.Q: 120.0,
    Quantity.S: 993.0,
    Quantity.PF: 0.99,
    Quantity.F: 50.02,
    Quantity.E_IMPORT: 123_456.0,
    Quantity.E_EXPORT: 2345.0,
    Quantity.V_LL: 399.0,
    Quantity.I_N: 0.5,
}


def live() -> Mapping[Point, float]:
    return {Point(quantity, phase): value for quantity, value in LIVE.items() for phase in (None, *Phase)}


def virtual(model: str, unit: int, *, identified: bool = True) -> VirtualMeter:
    return VirtualMeter(load_meter(model), unit, live, identified=identified)


def run(module: ModuleType, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return int(module.command(parser.parse_args(arguments)))


@contextmanager
def start(name: str, *arguments: str, stderr: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own, to be interrupted. A test that fails before that does not wait for it."""
    code = (
        # Whoever runs the tests in the background has children that ignore it.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import argparse, sys\n"
        f"from firmware_bridge.commands import {name} as it\n"
        "parser = argparse.ArgumentParser()\n"
        "it.add_arguments(parser)\n"
        "sys.exit(it.command(parser.parse_args()))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()
