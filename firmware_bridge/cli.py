"""The command `firmware-bridge`: its subcommands and what each is for. What they do is in `commands`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from firmware_bridge.commands import check, init, locks, models, read, run, scan, simulate, switch, trace, virtual

READER_GONE: Final = 141
"""As the shell counts a program that a closed pipe has ended (128 + SIGPIPE)."""


@dataclass(frozen=True, slots=True)
class _Command:
    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    command: Callable[[argparse.Namespace], int]
    description: str = ""
    """Where more is to be said than `help`."""


_COMMANDS: Final = (
    _Command(
        "run",
        "serve lines, meters and phase switches, speaking MQTT",
        run.add_arguments,
        run.command,
        "Serve the lines, meters and phase switches of a configuration, without the controller on this machine.",
    ),
    _Command("check", "say everything that is wrong with a configuration", check.add_arguments, check.command),
    _Command("init", "write a commented example of a configuration", init.add_arguments, init.command),
    _Command(
        "scan",
        "find the devices on a line and name their models",
        scan.add_arguments,
        scan.command,
    ),
    _Command("read", "read one meter and show all its values", read.add_arguments, read.command),
    _Command("trace", "listen to a line and show its frames", trace.add_arguments, trace.command),
    _Command("models", "list the meters and phase switches that are known", models.add_arguments, models.command),
    _Command(
        "switch",
        "move one phase switch by hand, while the bridge is stopped",
        switch.add_arguments,
        switch.command,
        "For commissioning, and out of the dark: the interlock judges and moves as always, each step is shown. The "
        "bridge must not run meanwhile.",
    ),
    _Command(
        "lock",
        "take a phase switch out of service, also while the bridge runs",
        locks.add_lock_arguments,
        locks.lock_command,
    ),
    _Command("unlock", "give a phase switch back", locks.add_unlock_arguments, locks.unlock_command),
    _Command(
        "locks", "list the phase switches that people have locked out", locks.add_locks_arguments, locks.locks_command
    ),
    _Command(
        "simulate",
        "virtual meters and relay boards on a pseudo terminal",
        simulate.add_arguments,
        simulate.command,
    ),
    _Command(
        "virtual",
        "virtual phase switches, for trying the controller without hardware",
        virtual.add_arguments,
        virtual.command,
        "Simulated contacts behind the real interlock, speaking the MQTT contract for many houses.",
    ),
)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="firmware-bridge", description="The field side of edge-balancer.")
    top.add_argument("--version", action="version", version=f"firmware-bridge {version('edge-balancer')}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for each in _COMMANDS:
        sub = commands.add_parser(
            each.name, help=each.help, description=each.description or f"{each.help.capitalize()}."
        )
        each.add_arguments(sub)
        sub.set_defaults(run=each.command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has read enough. What is still in the buffer must not be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return code
