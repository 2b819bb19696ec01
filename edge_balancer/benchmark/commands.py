"""`edge-balancer bench balance`: runs scenarios and seeds, prints the tables, writes CSV files and Pareto plots."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from edge_balancer.benchmark.options import BenchOptions, read_options
from edge_balancer.benchmark.results import Result, means
from edge_balancer.benchmark.runs import run_scenario
from edge_balancer.benchmark.scenarios import SCENARIOS, Scenario, scenario
from edge_balancer.benchmark.tables import as_text, pareto, pareto_svg, pareto_table, results_table
from edge_balancer.planning.tables import as_csv

GOOD: Final = 0
REFUSED: Final = 2
_QUIET_S: Final = 5.0


def balance_command(args: argparse.Namespace) -> int:
    """Print the table of each scenario as soon as it is done; 2 where arguments cannot be used."""
    if args.scenarios == "list":
        for one in SCENARIOS:
            print(f"{one.name:18} {one.title}")
        return GOOD
    try:
        options = read_options(args)
        chosen = [scenario(name) for name in options.scenarios] or list(SCENARIOS)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
        _run(options, chosen)
    except ValueError as error:
        return _refuse(str(error))
    except OSError as error:
        where = error.filename or args.out
        return _refuse(f"{where}: {error.strerror or error}; give --out a folder that can be written")
    return GOOD


def _run(options: BenchOptions, chosen: list[Scenario]) -> None:
    results: list[Result] = []
    for what in chosen:
        own: list[Result] = []
        for seed in options.seeds:
            progress = _Progress(f"{what.name}, seed {seed}")
            begun = time.monotonic()
            own += run_scenario(what, seed, options, progress)
            progress.end()
            print(f"{what.name}, seed {seed}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
        results += own
        title = (
            f"{what.title}: {options.days} days judged after {options.days} of history, {len(options.seeds)} seed(s)"
        )
        print(as_text(results_table("means", title, means(own), seeds=False)), end="\n\n", flush=True)
        if options.out is not None:  # after each scenario: a long run that is ended early leaves what it has
            _write(options.out, results, chosen)


def _write(out: Path, results: list[Result], chosen: list[Scenario]) -> None:
    mean = means(results)
    points = pareto(mean)
    done = {one.scenario for one in results}
    for table in (
        results_table("results", "Each seed", results, seeds=True),
        results_table("means", "Means over seeds", mean, seeds=False),
        pareto_table(points),
    ):
        (out / f"{table.name}.csv").write_text(as_csv(table), encoding="utf-8")
    for what in chosen:
        if what.name in done:
            own = [point for point in points if point.scenario == what.name]
            (out / f"pareto-{what.name}.svg").write_text(pareto_svg(what.title, own), encoding="utf-8")


def _refuse(message: str) -> int:
    print(f"edge-balancer bench balance: {message}", file=sys.stderr)
    return REFUSED


class _Progress:
    """What is being done, on standard error: one line that changes on a terminal, else a line now and then."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._terminal = sys.stderr.isatty()
        self._last = -_QUIET_S
        self._open = False

    def __call__(self, text: str) -> None:
        if self._terminal:
            print(f"\r\x1b[K{self._what}: {text.strip()}", end="", file=sys.stderr, flush=True)
            self._open = True
        elif time.monotonic() - self._last >= _QUIET_S:
            self._last = time.monotonic()
            print(f"{self._what}: {text.strip()}", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._open:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._open = False
