"""`edge-balancer twin`: its parts, their arguments, and what they print. No model is here, or loaded before use."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_balancer.arguments import seed_of
from edge_balancer.output import unwritable
from edge_balancer.twin.grid.style import Style

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it

GOOD: Final = 0
REFUSED: Final = 2
_PV_SHARE: Final = 0.5
MIXES: Final = ("european", "mini_grid")
"""The values of `Mix`, which would load the whole model before anything is asked of it."""


def add_twin_parts(parts: Commands) -> None:
    """The parts of `edge-balancer twin`."""
    _add_readings(parts)
    _add_feeder(parts)
    _add_statistics(parts)


def _add_style(parser: argparse.ArgumentParser, flag: str) -> None:
    parser.add_argument(
        flag,
        dest="style",
        choices=[style.value for style in Style],
        default=Style.SUBURBAN.value,
        help="default: %(default)s",
    )


def _add_readings(parts: Commands) -> None:
    parser = parts.add_parser(
        "readings", help="write readings of a simulated feeder, and its configuration, for replay"
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR")
    add("--days", type=float, default=14.0, help="default: %(default)g")
    add("--houses", type=int, default=55, help="default: %(default)s")
    add("--period", type=float, default=60.0, metavar="S", help="whole seconds (default: %(default)g)")
    add("--seed", type=seed_of, default=1, help="default: %(default)s")
    _add_style(parser, "--feeder")
    add("--ev-share", type=float, default=0.0, metavar="P", help="houses with a car (default: 0)")
    add("--heat-pump-share", type=float, default=0.0, metavar="P", help="houses with a heat pump (default: 0)")
    add("--pv-share", type=float, metavar="P", help=f"houses with PV (default: {_PV_SHARE:g}, on a mini-grid 0)")
    add("--pv-skew", type=float, default=0.7, metavar="P", help="of the PV on one phase (default: 0.7)")
    parser.set_defaults(run=_readings)


def _add_feeder(parts: Commands) -> None:
    parser = parts.add_parser("feeder", help="write a generated feeder as CSV: lines, transformer, houses, earthing")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    _add_style(parser, "--style")
    parser.add_argument("--houses", type=int, default=55, help="default: %(default)s")
    parser.add_argument("--seed", type=seed_of, default=1, help="default: %(default)s")
    parser.set_defaults(run=_feeder)


def _add_statistics(parts: Commands) -> None:
    parser = parts.add_parser("statistics", help="print the twin's statistics beside published ones")
    parser.add_argument("--houses", type=int, default=100, help="default: %(default)s")
    parser.add_argument("--days", type=int, default=14, help="default: %(default)s")
    parser.add_argument("--seed", type=seed_of, default=1, help="default: %(default)s")
    parser.add_argument("--mix", choices=MIXES, help="default: both")
    parser.set_defaults(run=_statistics)


def _say(text: str) -> None:
    """Progress is no part of the result."""
    print(text, file=sys.stderr, flush=True)


def _readings(args: argparse.Namespace) -> int:
    from edge_balancer.twin.options import TwinOptions
    from edge_balancer.twin.readings import write_readings

    style = Style(args.style)
    usual_pv = 0.0 if style is Style.MINI_GRID else _PV_SHARE
    try:
        options = TwinOptions(
            houses=args.houses,
            seed=args.seed,
            style=style,
            pv_share=usual_pv if args.pv_share is None else args.pv_share,
            pv_skew=args.pv_skew,
            ev_share=args.ev_share,
            heat_pump_share=args.heat_pump_share,
        )
        files = write_readings(
            args.out,
            days=args.days,
            options=options,
            period=args.period,
            progress=lambda done: _say(f"{done:g} of {args.days:g} days written"),
        )
    except OSError as error:
        return _refuse("readings", unwritable(error, args.out))
    except ValueError as error:
        return _refuse("readings", str(error))
    print(f"{files.readings}: {files.rows} readings; {files.config} and {files.houses} belong to it")
    return GOOD


def _feeder(args: argparse.Namespace) -> int:
    from edge_balancer.twin.grid.csv_files import save
    from edge_balancer.twin.grid.generate import generate

    try:
        feeder = generate(Style(args.style), args.houses, args.seed)
        save(feeder, args.out)
    except OSError as error:
        return _refuse("feeder", unwritable(error, args.out))
    except ValueError as error:
        return _refuse("feeder", str(error))
    print(
        f"{args.out}: {len(feeder.houses)} houses, {len(feeder.lines)} lines of "
        f"{feeder.lines.length_m.sum() / 1000.0:.1f} km, a transformer of {feeder.transformer.kva:g} kVA"
    )
    return GOOD


def _statistics(args: argparse.Namespace) -> int:
    from edge_balancer.twin.households.options import Mix
    from edge_balancer.twin.households.report import parts, table

    try:
        rows = []
        for name, work in parts(args.seed, houses=args.houses, days=args.days, mix=Mix(args.mix) if args.mix else None):
            _say(f"{name} ...")
            rows += work()
    except ValueError as error:
        return _refuse("statistics", str(error))
    print(table(rows))
    if not all(row.holds for row in rows):
        print("\n* outside the published range: few houses, few days and some seeds scatter.")
    return GOOD


def _refuse(part: str, message: str) -> int:
    print(f"edge-balancer twin {part}: {message}", file=sys.stderr)
    return REFUSED
