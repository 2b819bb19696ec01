"""`firmware-bridge trace`: listens on a line and prints the frames of whoever speaks on it. Sends nothing."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Final

from firmware_bridge.commands.line_access import INTERRUPTED, USAGE, Unusable, add_line_arguments, line_settings
from firmware_bridge.commands.overheard import Frame, Overheard, describe
from firmware_bridge.errors import BridgeError
from firmware_bridge.lines.serial_port import open_serial
from firmware_bridge.lines.socket_port import open_socket
from firmware_bridge.lines.stream import Stream
from firmware_bridge.lines.timing import Timing
from firmware_bridge.settings.devices import TCP, LineSettings

_BYTES_A_LINE: Final = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_line_arguments(parser)
    parser.add_argument("--seconds", type=float, metavar="S", help="end after S seconds (default: with Ctrl-C)")


def command(args: argparse.Namespace) -> int:
    try:
        settings = _settings(args)
    except Unusable as error:
        print(f"firmware-bridge trace: {error}", file=sys.stderr)
        return USAGE
    counts = _Counts()
    try:
        asyncio.run(_trace(settings, args.seconds, counts))
    except KeyboardInterrupt:
        counts.tell()
        return INTERRUPTED
    except BridgeError as error:
        print(f"firmware-bridge trace: {error}", file=sys.stderr)
        return 1
    counts.tell()
    return 0


def _settings(args: argparse.Namespace) -> LineSettings:
    if args.line.startswith(TCP):
        raise Unusable(
            f"{args.line}: behind a Modbus TCP gateway the line itself cannot be heard; trace at the gateway, or "
            "with a serial adapter beside it"
        )
    if args.seconds is not None and args.seconds <= 0:
        raise Unusable(f"--seconds {args.seconds:g}: give more than 0, or leave it out")
    return line_settings(args.line, baud=args.baud, parity=args.parity, stop_bits=args.stop_bits)


class _Counts:
    def __init__(self) -> None:
        self.frames = self.broken = 0

    def tell(self) -> None:
        print(f"{self.frames} frames, {self.broken} of them broken")
        if self.broken > self.frames // 2:
            print("Mostly broken: is the baud rate right, and the parity? Try --baud 2400, 19200; --parity even.")


async def _trace(settings: LineSettings, seconds: float | None, counts: _Counts) -> None:
    loop = asyncio.get_running_loop()
    stream: Stream = await (open_serial if settings.serial else open_socket)(settings)
    lost: asyncio.Future[str] = loop.create_future()
    began_s = loop.time()
    overheard = Overheard(Timing.of(settings).gap_s)
    printer = _Printer(began_s, counts)
    came = asyncio.Event()

    def on_bytes(data: bytes) -> None:
        printer.show(overheard.hear(data, loop.time()))
        came.set()

    def on_lost(reason: str) -> None:
        if not lost.done():
            lost.set_result(reason)
        came.set()

    stream.listen(on_bytes, on_lost)
    print(f"listening on {settings.port}" + (f" at {settings.baud} baud" if settings.serial else ""), flush=True)
    end_s = None if seconds is None else began_s + seconds
    try:
        while not lost.done() and (end_s is None or loop.time() < end_s):
            until = [at for at in (overheard.due_s, end_s) if at is not None]
            came.clear()
            try:
                async with asyncio.timeout_at(min(until) if until else None):
                    await came.wait()
            except TimeoutError:
                printer.show(overheard.over(loop.time()))
    finally:
        stream.close()
        printer.show(overheard.over(float("inf")))
    if lost.done():
        raise BridgeError(f"{settings.port} is gone: {lost.result()}; plug it in and start again")


class _Printer:
    """One line for each frame, more where it is long."""

    def __init__(self, began_s: float, counts: _Counts) -> None:
        self._began_s, self._counts = began_s, counts
        self._before: Frame | None = None

    def show(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._counts.frames += 1
            self._counts.broken += not frame.good
            gap = "" if frame.gap_s is None else f"+{frame.gap_s * 1000:.1f} ms"
            crc = "crc ok " if frame.good else "crc BAD"
            head = f"{frame.at_s - self._began_s:10.4f} s {gap:>12}  {len(frame.data):3d} bytes  {crc}  "
            print(head + describe(frame, self._before))
            for start in range(0, len(frame.data), _BYTES_A_LINE):
                print(" " * 12 + frame.data[start : start + _BYTES_A_LINE].hex(" "))
            self._before = frame
        if frames:
            sys.stdout.flush()
