"""What the benchmark is asked for, and the command's arguments. Light: nothing of what computes is loaded here."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONTROLLERS: Final = (
    "none",
    "static",
    "greedy",
    "threshold",
    "threshold-minute",
    "ours",
    "oracle",
    "foresight",
)
"""`threshold-minute` is the threshold rule on one-minute readings, one move a minute; `oracle` is ours with a perfect
forecast."""
EXTRA: Final = ("blend", "ongoing", "persistence")
"""Only where they are asked for: ours without a learned model upon the blend, with a forecast that knows how all that
runs goes on, and with one that nothing changes."""
BUDGETS: Final = (1.0, 2.0, 4.0, 8.0)
DAYS: Final = 7
_MOST_WORKERS: Final = 64


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """`days`: of history, and as many again that are judged. `rounds`: over pairs, how hard foresight is looked for."""

    scenarios: tuple[str, ...] = ()
    """Empty for all."""
    controllers: tuple[str, ...] = CONTROLLERS
    seeds: tuple[int, ...] = (1,)
    days: int = DAYS
    budgets: tuple[float, ...] = BUDGETS
    rounds: int = 2
    out: Path | None = None
    fresh: bool = False
    workers: int = 1
    markdown: bool = False
    model: str = "default"
    """Of `ours`: the packaged one, a file, or `none`."""


def add_balance_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--scenarios", default="all", metavar="NAMES", help="names with commas between, or all (default); list: print")
    add(
        "--controllers",
        default="all",
        metavar="NAMES",
        help=f"of {', '.join(CONTROLLERS)}, with commas between (default: all); also {', '.join(EXTRA)}",
    )
    add(
        "--model",
        default="default",
        metavar="FILE",
        help="of `ours`: an ONNX file, or none (default: the one in the package)",
    )
    add("--seeds", default="1", metavar="N,N-N", help="of the feeders, e.g. 1,4 or 11-15 (default: %(default)s)")
    add("--days", type=int, default=DAYS, metavar="N", help="of history, and as many judged (default: %(default)s)")
    add("--budgets", default="1,2,4,8", metavar="K,K", help="operations per house and day (default: %(default)s)")
    add("--rounds", type=int, default=2, metavar="N", help="of the search for foresight's best (default: %(default)s)")
    add("--out", type=Path, metavar="DIR",
        help="write results.csv, means.csv, means.md, pareto.csv and a plot per scenario there; what results.csv has "
        "already is not computed again")  # fmt: skip
    add("--fresh", action="store_true", help="compute anew what is asked for, though results.csv has it")
    add("--workers", type=int, default=1, metavar="N", help="processes, one for each feeder (default: %(default)s)")
    add("--markdown", action="store_true", help="print the tables as Markdown")


def read_options(args: argparse.Namespace) -> BenchOptions:
    """Raises ValueError that names argument, value and remedy."""
    controllers = names_of(args.controllers)
    for name in controllers:
        if name not in (*CONTROLLERS, *EXTRA):
            raise ValueError(f"--controllers {name}: give some of {', '.join((*CONTROLLERS, *EXTRA))}, or all")
    if args.days < 1:
        raise ValueError(f"--days {args.days}: give 1 or more")
    if args.rounds < 0:
        raise ValueError(f"--rounds {args.rounds}: give 0 or more")
    if not 1 <= args.workers <= _MOST_WORKERS:
        raise ValueError(f"--workers {args.workers}: give 1 to {_MOST_WORKERS}")
    return BenchOptions(
        names_of(args.scenarios),
        controllers or CONTROLLERS,
        seeds_of(args.seeds),
        args.days,
        budgets_of(args.budgets),
        args.rounds,
        args.out,
        args.fresh,
        args.workers,
        args.markdown,
        args.model,
    )


def names_of(text: str) -> tuple[str, ...]:
    """Names with commas between; none for `all`."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    return () if names == ("all",) else names


def seeds_of(text: str, argument: str = "--seeds") -> tuple[int, ...]:
    """Raises ValueError, as does `budgets_of`."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(f"{argument} {text}: give whole numbers from 0 with commas between, or ranges like 11-15")
        seeds += range(int(first), int(last or first) + 1)
    if not seeds:
        raise ValueError(f"{argument} {text}: the range is empty; give its smaller end first")
    return tuple(dict.fromkeys(seeds))


def budgets_of(text: str) -> tuple[float, ...]:
    try:
        budgets = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        budgets = ()
    if not budgets or not all(0.0 < budget <= 100.0 for budget in budgets):
        raise ValueError(f"--budgets {text}: give numbers above 0, up to 100, with commas between")
    return budgets
