"""`edge-balancer bench balance`: runs scenarios and seeds, prints the tables, writes CSV files and Pareto plots."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Final

from edge_balancer.benchmark.ledger import Ledger, fingerprint
from edge_balancer.benchmark.options import CONTROLLERS, BenchOptions, read_options
from edge_balancer.benchmark.pool import Job, run_jobs
from edge_balancer.benchmark.results import Result, means, with_gains
from edge_balancer.benchmark.runs import Wanted, wanted
from edge_balancer.benchmark.scenarios import SCENARIOS, Scenario, scenario
from edge_balancer.benchmark.tables import as_markdown, as_text, pareto, pareto_svg, pareto_table, results_table
from edge_balancer.output import make_folder, unwritable, write_whole
from edge_balancer.planning.tables import Table, as_csv
from edge_balancer.progress import ProgressLine

GOOD: Final = 0
FAILED: Final = 1
REFUSED: Final = 2
_QUIET_S: Final = 5.0


def balance_command(args: argparse.Namespace) -> int:
    """Print the table of each scenario as soon as it is done; 1 where some controller failed on some feeder, 2 where
    arguments cannot be used."""
    if args.scenarios == "list":
        for one in SCENARIOS:
            print(f"{one.name:18} {one.title}")
        return GOOD
    try:
        options = read_options(args)
        chosen = [scenario(name) for name in options.scenarios] or list(SCENARIOS)
        if options.out is not None:
            make_folder(options.out)
        bench = _Bench(options, chosen)
    except ValueError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(unwritable(error, args.out))
    try:
        failures = bench.run()
    except OSError as error:
        return _refuse(unwritable(error, args.out))
    for failure in failures:
        print(f"edge-balancer bench balance: failed: {failure}", file=sys.stderr)
    if failures:
        print(f"{len(failures)} failure(s); the same command computes what is missing", file=sys.stderr)
    return FAILED if failures else GOOD


class _Bench:
    def __init__(self, options: BenchOptions, chosen: list[Scenario]) -> None:
        self._options = options
        self._chosen = chosen
        self._ledger = Ledger(options.out)
        self._names = tuple(dict.fromkeys((*CONTROLLERS, *options.controllers)))
        self._progress = ProgressLine(_QUIET_S)
        self._hash = {(what.name, name): fingerprint(what, name, options) for what in chosen for name in self._names}

    def run(self) -> list[str]:
        """Gives what has failed, and how."""
        failures: list[str] = []
        options = self._options
        jobs = [job for what in self._chosen for seed in options.seeds if (job := self._job(what, seed)).todo]
        begun = time.monotonic()
        # One scenario after the other where each is done in turn, so that its table is there early.
        groups = [jobs] if options.workers > 1 else [[j for j in jobs if j.what == what] for what in self._chosen]
        for what, group in zip(self._chosen, groups, strict=False):
            try:
                failures += run_jobs(group, options, self._found, self._progress.of, self._write)
            except KeyboardInterrupt:
                # What a feeder had before it was stopped is in results.csv; it belongs into the tables too.
                self._write()
                raise
            finally:
                self._progress.end()
            if options.workers == 1:
                self._print(what)
        if options.workers > 1:
            for what in self._chosen:
                self._print(what)
        if jobs:
            print(f"{len(jobs)} feeder(s) in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        self._ledger.save()
        self._write()
        return failures

    def _job(self, what: Scenario, seed: int) -> Job:
        """What of a feeder is not in the ledger yet."""
        todo = [one for one in wanted(self._options) if self._options.fresh or self._known(what, seed, one) is None]
        return Job(what, seed, tuple(todo))

    def _known(self, what: Scenario, seed: int, one: Wanted) -> Result | None:
        return self._ledger.find((what.name, seed, *one), self._hash[what.name, one[0]])

    def _found(self, row: Result) -> None:
        self._ledger.add(row, self._hash[row.scenario, row.controller])

    def _rows(self, what: Scenario) -> list[Result]:
        """Of the scenario all rows that are good for these options, whether asked for now or computed before."""
        everything = wanted(BenchOptions(controllers=self._names, budgets=self._options.budgets))
        rows = (self._known(what, seed, one) for one in everything for seed in self._options.seeds)
        return with_gains([row for row in rows if row is not None])

    def _means(self, what: Scenario) -> Table:
        days, seeds = self._options.days, len(self._options.seeds)
        title = f"{what.title}: {days} days judged after {days} of history, {seeds} seed(s), slots of {what.step_s} s"
        return results_table("means", title, means(self._rows(what)), seeds=False)

    def _print(self, what: Scenario) -> None:
        table = self._means(what)
        print(as_markdown(table) if self._options.markdown else as_text(table), end="\n\n", flush=True)

    def _write(self) -> None:
        """The tables of what there is by now."""
        out = self._options.out
        if out is None:
            return
        begun = [what for what in self._chosen if self._rows(what)]
        mean = [row for what in begun for row in means(self._rows(what))]
        points = pareto(mean)
        for table in (results_table("means", "Means over seeds", mean, seeds=False), pareto_table(points)):
            write_whole(out / f"{table.name}.csv", as_csv(table))
        text = "\n\n".join(as_markdown(self._means(what)) for what in begun)
        write_whole(out / "means.md", text + "\n")
        for what in begun:
            own = [point for point in points if point.scenario == what.name]
            write_whole(out / f"pareto-{what.name}.svg", pareto_svg(what.title, own))


def _refuse(message: str) -> int:
    print(f"edge-balancer bench balance: {message}", file=sys.stderr)
    return REFUSED
