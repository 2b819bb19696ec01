"""`firmware-bridge lock`, `unlock` and `locks`: a person takes a phase switch out of service, and gives it back.

They work while the bridge runs, which follows within seconds, and while it does not.
"""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_bridge.commands.configured import add_config_argument, switched_houses, unknown_house
from firmware_bridge.commands.line_access import USAGE
from firmware_bridge.commands.table import table
from firmware_bridge.errors import BridgeError
from firmware_bridge.service.configuration import examine
from firmware_bridge.switches.driver import lockout_text
from firmware_bridge.switches.memory import SwitchMemory, is_memory
from firmware_bridge.words import shown


class _Unusable(BridgeError):  # noqa: N818 - its text has the remedy
    """What was asked for cannot be."""


def add_lock_arguments(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    parser.add_argument("house", metavar="HOUSE")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why: it stands in every refusal")
    _add_operator(parser)


def add_unlock_arguments(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    parser.add_argument("house", metavar="HOUSE")
    _add_operator(parser)


def add_locks_arguments(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)


def lock_command(args: argparse.Namespace) -> int:
    try:
        with _memory(args) as memory:
            if not args.reason.strip():
                raise _Unusable("--reason is empty: say why, it stands in every refusal")
            if (before := memory.locks().get(args.house)) is not None:
                raise _Unusable(
                    f"{args.house} is {shown(lockout_text(before))} already, and one release would end both: it stays "
                    "locked out; agree with each other before anybody unlocks it"
                )
            memory.lock(args.house, args.reason, args.operator, time.time())
    except BridgeError as error:
        return _failed("lock", error)
    print(f"{args.house} is locked out; a running bridge follows within seconds. It stays on its phase.")
    return 0


def unlock_command(args: argparse.Namespace) -> int:
    try:
        with _memory(args) as memory:
            before = memory.locks().get(args.house)
            memory.unlock(args.house, args.operator, time.time())
    except BridgeError as error:
        return _failed("unlock", error)
    was = shown(lockout_text(before)) if before is not None else "not locked out by a person"
    print(
        f"{args.house} was {was}. It is released, also from a lock-out of its own; it takes commands as soon as its "
        "position has been read."
    )
    return 0


def locks_command(args: argparse.Namespace) -> int:
    try:
        with _memory(args) as memory:
            locked = memory.locks()
    except BridgeError as error:
        return _failed("locks", error)
    if not locked:
        print("no phase switch is locked out by a person")
        return 0
    rows = [
        (shown(order.house), f"{dt.datetime.fromtimestamp(order.wall_s).astimezone():%Y-%m-%d %H:%M}",
         shown(order.operator), shown(order.reason))
        for _, order in sorted(locked.items())
    ]  # fmt: skip
    print("\n".join(table(("house", "since", "by", "reason"), rows)))
    return 0


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="the switches' memory itself, where no bridge's configuration says it",
    )


def _add_operator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--operator", default=_user(), metavar="NAME", help="who says so (default: %(default)s)")


@contextmanager
def _memory(args: argparse.Namespace) -> Iterator[SwitchMemory]:
    """The switches' memory. A configuration with faults does not keep a person from locking a switch out."""
    house: str | None = getattr(args, "house", None)
    path: Path | None = args.state
    named = path is not None
    if path is None:
        loaded = examine(args.config, os.environ)
        if not loaded.raw:
            raise _Unusable(str(loaded.problems[0]) if loaded.problems else f"{args.config} is empty")
        known = switched_houses(loaded.configuration.bridge)
        if house is not None and house not in known:
            hint = "" if loaded.sound else f"; the configuration has faults: see `firmware-bridge check {args.config}`"
            raise _Unusable(unknown_house(house, known) + hint)
        path = loaded.configuration.bridge.state
    if not path.is_file():
        # Made here it would belong to who runs this, and the service could not write it.
        what = "is no file" if path.exists() else "does not exist"
        raise _Unusable(f"{path} {what}: start the bridge once, or name its state with --state")
    if not is_memory(path):
        raise _Unusable(f"{path} is not the memory of a bridge's switches: name the file of bridge.state")
    memory = SwitchMemory(path)
    try:
        if named and house is not None and house not in (known := memory.houses()):
            raise _Unusable(unknown_house(house, known))
        yield memory
    finally:
        memory.close()


def _failed(name: str, error: BridgeError) -> int:
    print(f"firmware-bridge {name}: {error}", file=sys.stderr)
    return USAGE if isinstance(error, _Unusable) else 1


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
