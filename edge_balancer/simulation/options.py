"""The command's arguments. Light: nothing of what computes is loaded here."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_balancer.arguments import seed_of


def add_simulate_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("scenario", type=Path, nargs="?", metavar="SCENARIO", help="scenario file (TOML)")
    add("--example", action="store_true", help="print a commented scenario and end")
    add("--out", type=Path, metavar="DIR", help="write summary.json, the CSV files and the plots there")
    add("--days", type=int, metavar="N", help="judged days, in place of the scenario's")
    add("--seed", type=seed_of, metavar="N", help="in place of the scenario's")
    add(
        "--model",
        metavar="NAME",
        help="learned forecast: an .onnx file, `default` for the one that came with the program, `active` or "
        "another of the models beside the store of --config, or `none`; in place of controller.forecast.model (the one "
        "that came with the program, where the scenario says nothing and no --config is given)",
    )
    add("--config", type=Path, metavar="FILE", help="configuration beside whose store models are looked for by name")
    add("--json", action="store_true", help="print the summary as JSON in place of the table")
