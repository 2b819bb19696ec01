"""What `dataset` and `train` are asked for, and their arguments. Light: nothing of what learns is loaded here."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_balancer.arguments import seed_of

CANDIDATES: Final = ("ridge", "boosting", "boosting-spread", "mlp")
"""What is trained, beside the policy; held against persistence, time of day and the survival blend."""
SCENARIOS: Final = ("skewed-pv", "skewed-pv-ev", "even-ev")
EVERY_MIN: Final = 11.0
"""No divisor of an hour, so that rows are of all its minutes."""
FIRST_SEED: Final = 1000
"""Smaller seeds are kept for judging: a model must never have seen a feeder that it is judged on."""
ROWS: Final = 200_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")


@dataclass(frozen=True, slots=True)
class Loops:
    """Feeders that candidates are judged on in the closed loop: scenarios and seeds, of which the first sorts out and
    the others decide; days of history and as many judged, budgets in operations per house and day."""

    scenarios: tuple[str, ...] = SCENARIOS
    seeds: tuple[int, ...] = (1101, 1102, 1103)
    days: int = 7
    budgets: tuple[float, ...] = (1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """`rows`: most rows to train on. `generations` and `brood`: of the policy's search; 0 for none."""

    data: Path
    out: Path
    name: str = "default"
    candidates: tuple[str, ...] = CANDIDATES
    seed: int = 1
    rows: int = ROWS
    loops: Loops = Loops()
    generations: int = 5
    brood: int = 8
    policy_seeds: tuple[int, ...] = (1201,)


def add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the data set; what it has is not made again")
    add("--from-store", type=Path, metavar="FILE", help="of this site's store, or a copy of it, instead of the twin")
    add("--days", type=int, metavar="N",
        help="of each simulated feeder half of the days (default: 7, so 14); of a store the last days (default: all)",
        )  # fmt: skip
    add("--scenarios", default=",".join(SCENARIOS), metavar="NAMES", help="of the twin (default: %(default)s)")
    add("--seeds", default="1001-1004", metavar="N,N-N", help="of its feeders, from 1000 on (default: %(default)s)")
    add("--every", type=float, default=EVERY_MIN, metavar="MIN", help="minutes between rows (default: %(default)g)")


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    usual = TrainOptions(Path(), Path())
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="the data set that `edge-balancer dataset` made")
    source.add_argument("--from-store", type=Path, metavar="FILE",
        help="learn from this site's store: data set, training and judgement on its own last days")  # fmt: skip
    add("--out", type=Path, required=True, metavar="DIR", help="where models, tables and cards go; resumable")
    add("--name", default=usual.name, help="of the model in the registry (default: %(default)s)")
    add("--candidates", default="all", metavar="NAMES", help=f"of {', '.join(CANDIDATES)} (default: all)")
    add("--seed", type=seed_of, default=usual.seed, help="of the training (default: %(default)s)")
    add("--rows", type=int, metavar="N", help=f"most rows to train on (default: {usual.rows}, of a store 100000)")
    add("--loop-scenarios", default=",".join(SCENARIOS), metavar="NAMES", help="judged on (default: %(default)s)")
    add("--loop-seeds", default="1101-1103", metavar="N,N-N",
        help="held-out feeders; all are judged on the first, the best two on the others (default: %(default)s)",
        )  # fmt: skip
    add("--loop-days", type=int, default=7, metavar="N", help="of history, and as many judged (default: %(default)s)")
    add("--budgets", default="1,2,4", metavar="K,K", help="operations per house and day (default: %(default)s)")
    add("--generations", type=int, default=usual.generations, metavar="N",
        help="of the policy's search in simulation; 0: no policy (default: %(default)s)")  # fmt: skip
    add("--policy-seeds", default="1201", metavar="N,N-N", help="of its feeders (default: %(default)s)")
    add("--activate", action="store_true",
        help="install the winner in the site's registry and activate it, unless the blend won")  # fmt: skip


def train_options(args: argparse.Namespace, data: Path) -> TrainOptions:
    """Raises ValueError that names argument, value and remedy."""
    from edge_balancer.benchmark.options import budgets_of, names_of

    candidates = names_of(args.candidates) or CANDIDATES
    for name in candidates:
        if name not in CANDIDATES:
            raise ValueError(f"--candidates {name}: give some of {', '.join(CANDIDATES)}, or all")
    # A night's training must not end at a name that the registry refuses; `train` adds date and time to it.
    if not _NAME.fullmatch(args.name):
        raise ValueError(
            f"--name {args.name!r}: give at most 48 letters, digits, `_`, `.` or `-`, none of these three first"
        )
    usual = TrainOptions(data, args.out)
    rows = usual.rows if args.rows is None else args.rows
    if rows < 1000:
        raise ValueError(f"--rows {args.rows}: give 1000 or more")
    if args.loop_days < 3:
        raise ValueError(f"--loop-days {args.loop_days}: give 3 or more, for the blend learns two days first")
    if args.generations < 0:
        raise ValueError(f"--generations {args.generations}: give 0 or more")
    loop_seeds = _held_out(args.loop_seeds, "--loop-seeds")
    policy_seeds = _held_out(args.policy_seeds, "--policy-seeds")
    loops = Loops(names_of(args.loop_scenarios), loop_seeds, args.loop_days, budgets_of(args.budgets))
    return TrainOptions(
        data, args.out, args.name, candidates, args.seed, rows, loops, args.generations, usual.brood, policy_seeds
    )


def _held_out(text: str, argument: str) -> tuple[int, ...]:
    from edge_balancer.benchmark.options import seeds_of

    seeds = seeds_of(text, argument)
    for seed in seeds:
        if seed < FIRST_SEED:
            raise ValueError(f"{argument} {text}: seed {seed} is kept for the bench; give seeds from {FIRST_SEED} on")
    return seeds
