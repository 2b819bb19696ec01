"""`edge-balancer demo`: its arguments, and what it prints.

The daemon builds these arguments too, so what plays the demo is loaded when it is asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_balancer import logs
from edge_balancer.arguments import seed_of
from edge_balancer.demo.options import FASTEST_SERIAL, DemoOptions
from edge_balancer.errors import EdgeBalancerError
from edge_balancer.settings.policy import LogSettings
from edge_balancer.twin.grid.style import Style

if TYPE_CHECKING:
    from edge_balancer.clock import Clock
    from edge_balancer.demo.session import Controller, View
    from edge_balancer.demo.watch import Watch
    from edge_balancer.settings.root import Configuration
    from edge_balancer.twin.options import TwinOptions

GOOD: Final = 0
FAILED: Final = 1
BAD_ARGUMENTS: Final = 2
_MQTT_PORT: Final = 1883
LOG_FILE: Final = "demo.log"


def parse_broker(text: str) -> tuple[str, int]:
    """Read `HOST[:PORT]`, `[IPv6]:PORT` included. Raises argparse.ArgumentTypeError."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise argparse.ArgumentTypeError(f"{text!r}: write HOST or HOST:PORT, for example localhost:1883")
    return host, int(port) if port else _MQTT_PORT


def parse_time(text: str) -> dt.time:
    """Read `HH:MM`. Raises argparse.ArgumentTypeError."""
    try:
        return dt.time.fromisoformat(text.zfill(5))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time of day: write HH:MM, for example 09:00") from error


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `demo`; defaults are those of DemoOptions."""
    usual = DemoOptions()
    add = parser.add_argument
    speeds = f"default: {usual.speed:g}, with --serial {FASTEST_SERIAL:g}"
    add("--speed", type=float, metavar="X", help=f"times real time ({speeds})")
    add("--minutes", type=float, metavar="N", help="simulated minutes after which it ends (default: until Ctrl-C)")
    add("--houses", type=int, default=usual.houses, metavar="N", help="default: %(default)s")
    add(
        "--feeder",
        choices=[style.value for style in Style],
        default=usual.feeder.value,
        help="its lines and transformer (default: %(default)s)",
    )
    add(
        "--seed",
        type=seed_of,
        default=usual.seed,
        metavar="N",
        help="of the feeder, its weather and faults (default: 1)",
    )
    add(
        "--meter-period",
        type=float,
        default=usual.meter_period_s,
        metavar="S",
        help="simulated seconds between two reports of a meter (default: %(default)g)",
    )
    add(
        "--failure-rate",
        type=float,
        default=usual.failure_rate,
        metavar="P",
        help="probability that a move goes wrong (default: %(default)g)",
    )
    add("--start", type=parse_time, default=usual.start, metavar="HH:MM", help="simulated time of day (default: 09:00)")
    add("--broker", type=parse_broker, metavar="HOST[:PORT]", help="use this broker instead of one of its own")
    add("--keep", type=Path, metavar="DIR", help="keep the database and the log in this folder")
    add(
        "--serial",
        type=int,
        nargs="?",
        const=6,
        default=usual.serial,
        metavar="N",
        help="put N houses (default: 6) on a simulated serial line, with Modbus meters and relay boards",
    )
    add("--no-page", action="store_true", help="do not serve the page")
    add("--plain", action="store_true", help="lines of text instead of the live picture")


def _speed(asked: float | None, serial: int) -> float:
    if asked is not None:
        return asked
    return FASTEST_SERIAL if serial else DemoOptions().speed


def demo_command(args: argparse.Namespace) -> int:
    """Run the demo, print what was gained; 1 where it could not run, 2 where an argument is wrong."""
    try:
        options = DemoOptions(
            speed=_speed(args.speed, args.serial),
            minutes=args.minutes,
            houses=args.houses,
            feeder=Style(args.feeder),
            seed=args.seed,
            meter_period_s=args.meter_period,
            failure_rate=args.failure_rate,
            start=args.start,
            broker=args.broker,
            keep=args.keep,
            serial=args.serial,
            page=not args.no_page,
            plain=args.plain,
        )
    except ValueError as error:
        print(f"edge-balancer demo: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    from edge_balancer.demo.session import run_demo

    try:
        with _logging(options.keep):
            result = asyncio.run(run_demo(options, partial(_view, options.plain), _daemon, announce=_announce))
    except (EdgeBalancerError, OSError) as error:
        print(f"edge-balancer demo: {error}", file=sys.stderr)
        return FAILED
    print(result.text())
    return GOOD


@contextmanager
def _logging(keep: Path | None) -> Iterator[None]:
    """What the parts log goes to a file that is kept; without one, only errors are worth disturbing the picture."""
    screen = sys.__stderr__ or sys.stderr
    if keep is None:
        logs.configure(LogSettings(level="error"), screen)
        yield
        return
    keep.mkdir(parents=True, exist_ok=True)
    with (keep / LOG_FILE).open("a") as stream:
        logs.configure(LogSettings(level="info", format="json"), stream)
        try:
            yield
        finally:
            logs.configure(LogSettings(level="error"), screen)


def _view(plain: bool, watch: Watch, twin: TwinOptions, title: str) -> View:
    """The live picture on a terminal with rich, else lines."""
    if not plain and sys.stdout.isatty():
        try:
            from edge_balancer.demo.live import LiveView
        except ImportError:
            print("rich is not installed (the extra 'demo'): plain lines instead of the live picture", file=sys.stderr)
        else:
            return LiveView(watch, twin.utc_offset_h, title)
    from edge_balancer.demo.lines import LineView

    print(title)
    return LineView(watch, twin.utc_offset_h, sys.stdout)


def _announce(address: str) -> None:
    """Before the picture is drawn, and where it scrolls away with nothing."""
    print(f"The page: {address}" if address else "The page is not served; the log says why", flush=True)


def _daemon(configuration: Configuration, clock: Clock, database: Path) -> Controller:
    from edge_balancer.daemon import Daemon

    return Daemon(configuration, clock, database)
