"""`edge-balancer simulate`: runs a scenario, prints the table, writes the files."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.forecast.interface import Model
from edge_balancer.output import make_folder, unwritable
from edge_balancer.progress import ProgressLine
from edge_balancer.simulation.example import example_toml
from edge_balancer.simulation.model import is_file, model_by_name, model_of_file
from edge_balancer.simulation.report import houses_csv, operations_csv, series_csv, summary_json, table, troubles_csv
from edge_balancer.simulation.scenario import Scenario
from edge_balancer.simulation.scenario_file import load, parse
from edge_balancer.simulation.simulate import Result, simulate
from edge_balancer.twin.grid.errors import FeederError

GOOD: Final = 0
FAILED: Final = 1
REFUSED: Final = 2
_QUIET_S: Final = 5.0


def simulate_command(args: argparse.Namespace) -> int:
    """0 where it ran, 1 where the simulated feeder collapsed, 2 where scenario or arguments cannot be used."""
    if args.example:
        print(example_toml(), end="")
        return GOOD
    if args.scenario is None:
        return _refuse("name a scenario file; --example prints one")
    progress = ProgressLine(_QUIET_S)
    try:
        scenario = _scenario(args)
        model = _model(args, scenario)
        if args.out is not None:
            make_folder(args.out)
        began = time.monotonic()
        result = simulate(scenario, progress, model=model)
        took_s = time.monotonic() - began
        progress.end()
        print(summary_json(result) if args.json else table(result) + "\n", end="")
        if args.out is not None:
            _write(result, args.out)
    except EdgeBalancerError as error:
        progress.end()
        return _refuse(str(error))
    except (FeederError, ValueError) as error:
        progress.end()
        return _refuse(f"{args.scenario}: {error}")
    except ModuleNotFoundError as error:
        progress.end()
        return _refuse(
            f"{error.name} is not installed: pip install 'edge-balancer[twin]', or take another feeder.source"
        )
    except ArithmeticError as error:
        progress.end()
        print(f"edge-balancer simulate: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        progress.end()
        return _refuse(unwritable(error, args.out))
    days = scenario.run.history_days + scenario.run.days
    print(f"{days} days in {took_s:.0f} s, {took_s / days:.1f} s a day", file=sys.stderr)
    return GOOD


def _scenario(args: argparse.Namespace) -> Scenario:
    scenario = load(args.scenario)
    changed = {name: value for name in ("days", "seed") if (value := getattr(args, name)) is not None}
    model = args.model if args.model is not None and not is_file(args.model) else None
    if not changed and model is None:
        return scenario
    # Judged anew: an argument has the same limits as the key.
    data = scenario.model_dump(exclude_unset=True)
    data["run"] = data.get("run", {}) | changed
    if model is not None:
        controller = data.setdefault("controller", {})
        controller["forecast"] = controller.get("forecast", {}) | {"model": model}
    return parse(data, "command line")


def _model(args: argparse.Namespace, scenario: Scenario) -> Model | None:
    if args.model is not None and is_file(args.model):
        return model_of_file(Path(args.model))
    forecast = scenario.controller.forecast
    asked = f"controller.forecast.model = {forecast.model!r}" if args.model is None else f"--model {args.model}"
    return model_by_name(forecast, asked, args.config, os.environ)


def _write(result: Result, out: Path) -> None:
    for name, text in (
        ("summary.json", summary_json(result)),
        ("operations.csv", operations_csv(result)),
        ("troubles.csv", troubles_csv(result)),
        ("houses.csv", houses_csv(result)),
        ("series.csv", series_csv(result)),
    ):
        (out / name).write_text(text, encoding="utf-8")
    try:
        from edge_balancer.simulation.plots import write_plots

        write_plots(result, out)
    except ModuleNotFoundError:
        print("no plots: matplotlib is not installed; pip install 'edge-balancer[plots]'", file=sys.stderr)
    print(f"written to {out}", file=sys.stderr)


def _refuse(message: str) -> int:
    print(f"edge-balancer simulate: {message}", file=sys.stderr)
    return REFUSED
