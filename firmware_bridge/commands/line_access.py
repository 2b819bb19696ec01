"""How the commands name a line and open it: once, for one command, without waiting for it to come back."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from firmware_bridge.errors import BridgeError, LineDown
from firmware_bridge.lines.line import Line
from firmware_bridge.lines.owner import make_line
from firmware_bridge.settings.devices import LineSettings

USAGE: Final = 2
"""Exit code of a command that was asked for something impossible."""
INTERRUPTED: Final = 130

LINE_HELP: Final = "/dev/serial/by-id/..., tcp://host:502 (Modbus TCP gateway) or rtu+tcp://host:port (adapter)"


class Unusable(BridgeError):  # noqa: N818 - a remedy stands in its text
    """The command's arguments do not fit together, or name what is not there."""


def add_line_arguments(parser: argparse.ArgumentParser) -> None:
    """One line, with the serial settings that it has."""
    parser.add_argument("line", metavar="LINE", help=LINE_HELP)
    parser.add_argument("--baud", type=int, default=9600, help="baud rate (default: %(default)s)")
    parser.add_argument("--parity", choices=("none", "even", "odd"), default="none", help="default: %(default)s")
    parser.add_argument("--stop-bits", type=int, choices=(1, 2), default=1, help="default: %(default)s")


def line_settings(port: str, **values: object) -> LineSettings:
    """The settings of a line that no configuration names. Raises Unusable naming what is wrong with them."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", port.rpartition("/")[2]).strip("-._") or "line"
    try:
        return LineSettings.model_validate({"name": name[:64], "port": port, **values})
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(str(part) for part in wrong["loc"])
        raise Unusable(f"{key} = {wrong['input']!r}: {wrong['msg']}") from error


def own_templates(folder: Path | None) -> Path | None:
    """The folder that `--folder` names. Raises Unusable where there is none: misspelt, it would be missed by nobody."""
    if folder is not None and not folder.is_dir():
        raise Unusable(f"--folder {folder}: there is no such folder; name the one that holds meters/ or switches/")
    return folder


@contextlib.asynccontextmanager
async def opened(settings: LineSettings) -> AsyncIterator[Line]:
    """The open line, for as long as the context lasts. Raises LineDown where it cannot be opened at once."""
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_change(up: bool, reason: str) -> None:
        if not told.done():
            told.set_result("" if up else reason or "it cannot be opened")

    log = logging.getLogger("firmware_bridge.lines")
    if not log.handlers:
        # What the line logs is said by the command itself, as its error; a root handler still gets it.
        log.addHandler(logging.NullHandler())
    line = make_line(settings, on_change=on_change)
    stop = asyncio.Event()
    running = asyncio.ensure_future(line.run(stop))
    try:
        await asyncio.wait((running, told), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
            raise LineDown(f"{settings.port}: the line ended before it was open")
        if told.result():
            raise LineDown(told.result())
        yield line
    finally:
        stop.set()
        told.cancel()
        await running
