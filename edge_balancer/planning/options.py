"""What a plan is asked for, and the command's arguments. Light: nothing of what plans is loaded here."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edge_balancer.arguments import seed_of
from edge_balancer.identification.options import add_record_arguments

Objective = Literal["mean", "p95"]
"""Of the neutral current over time."""

ENGINE_STEPS: Final = 4320
"""Slots of each controller run unless told otherwise: three days of minutes."""


@dataclass(frozen=True, slots=True)
class StaticOptions:
    """`changes`: the most changes looked at. `holdout`: last share of the history that the plan does not see.
    `order`: changes of the work order; None for as few as bring most of the gain."""

    changes: int = 20
    holdout: float = 0.3
    objective: Objective = "mean"
    order: int | None = None
    seed: int = 1


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    usual = StaticOptions()
    add = parser.add_argument
    add_record_arguments(parser)
    add("--out", type=Path, metavar="DIR", help="write plan.html and the tables as CSV files there")
    add(
        "--changes", type=int, default=usual.changes, metavar="K", help="most changes to look at (default: %(default)s)"
    )
    add("--work-order", type=int, metavar="N", help="changes of the work order (default: until 95 %% of the gain)")
    add(
        "--holdout",
        type=float,
        default=usual.holdout,
        metavar="P",
        help="last share of the history that the plan is tried on and not made of (default: %(default)g)",
    )
    add("--objective", choices=("mean", "p95"), default=usual.objective, help="of the neutral current (default: mean)")
    add("--only-switchable", action="store_true", help="move only houses that have a phase switch")
    add(
        "--no-dynamic",
        action="store_true",
        help="leave out what switches would add and where they pay",
    )
    add(
        "--engine-steps",
        type=int,
        default=ENGINE_STEPS,
        metavar="N",
        help="slots that each set of switches is judged on, by the controller too; up to six runs; 0: foresight alone, "
        "seconds instead of minutes (default: %(default)s, three days of minutes)",
    )
    add(
        "--time-zone",
        metavar="ZONE",
        help="for hours of the day: Europe/Berlin, +01:00 (default: this machine's)",
    )
    add("--step", type=float, metavar="S", help="slot of time (default: a minute, or the meters' own period if longer)")
    add("--least-hours", type=float, default=24.0, metavar="H", help="refuse a shorter history (default: %(default)g)")
    add("--seed", type=seed_of, default=usual.seed, help="of the search (default: %(default)s)")
