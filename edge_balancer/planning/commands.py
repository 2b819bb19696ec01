"""`edge-balancer plan`: reads the history, plans, prints the tables, writes CSV files and the page."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.forecast.interface import MissingModel, Model
from edge_balancer.models.serving import loaded, registry_of
from edge_balancer.output import make_folder, unwritable, write_whole
from edge_balancer.planning.local_time import local_time
from edge_balancer.planning.options import StaticOptions
from edge_balancer.planning.page import page
from edge_balancer.planning.record import Record, read_csv, read_store
from edge_balancer.planning.sentences import sentences, siting_sentences
from edge_balancer.planning.study import Study, StudyOptions, studies
from edge_balancer.planning.tables import Table, as_csv, as_text, siting_tables, static_tables
from edge_balancer.progress import ProgressLine
from edge_balancer.settings.load import load
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.errors import StorageError
from edge_balancer.storage.timespan import Timespan

GOOD: Final = 0
REFUSED: Final = 2
# The page and the CSV files hold the whole.
_ROWS_SHOWN: Final = {"switch-houses": 20}
_COLUMNS_SHOWN: Final = {"changes": -1, "switch-sets": -1}
_PROGRESS_S: Final = 2.0


def plan_command(args: argparse.Namespace) -> int:
    """Print the plan, and write it where `--out` says; 2 where arguments, configuration or history cannot be used."""
    wrong = _wrong(args)
    if wrong:
        return _refuse(wrong)
    progress = ProgressLine(_PROGRESS_S)
    begun = time.monotonic()
    printed = _Printed()
    try:
        config = load(args.config, os.environ)
        options = _options(args)
        if args.out is not None:
            make_folder(args.out)
        progress("reading the history")
        model = _model(config) if options.switches and options.engine_steps else None
        for study in studies(_read(args, config), config, options, progress, model):
            progress.end()
            printed.static(study)
            if args.out is not None:
                _write(args.out, study, config.feeder.id)
        printed.switches()
        if args.out is not None:
            print(f"\nplan.html and the tables are in {args.out}")
    except KeyboardInterrupt:
        progress.end()
        printed.switches()
        if args.out is not None and printed.anything:
            print(f"\nstopped; plan.html and the tables in {args.out} hold what was known by then")
        raise
    except OSError as error:
        return _refuse(unwritable(error, args.out))
    except (EdgeBalancerError, StorageError, ValueError) as error:
        return _refuse(str(error))
    finally:
        progress.end()
    print(f"planned in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return GOOD


def _model(config: Configuration) -> Model | MissingModel | None:
    """The learned forecast that would advise the controller here; people are told where there is none to be had."""
    model = loaded(config.forecast, registry_of(config.storage.path), timed=False)
    if isinstance(model, MissingModel):
        print(f"plan: the controller is run without the learned forecast {model.name}: {model.reason}", file=sys.stderr)
    return model


def _read(args: argparse.Namespace, config: Configuration) -> Record:
    span = Timespan.parse(args.start, args.end)
    if args.readings is not None:
        return read_csv(args.readings, config, span, only_switchable=args.only_switchable)
    database = config.storage.path if args.database is None else args.database
    return read_store(database, config, span, only_switchable=args.only_switchable)


def _wrong(args: argparse.Namespace) -> str:
    if args.changes < 1:
        return f"--changes {args.changes}: give 1 or more"
    if args.work_order is not None and not 1 <= args.work_order <= args.changes:
        return f"--work-order {args.work_order}: give 1 to {args.changes} (--changes)"
    if not 0.0 <= args.holdout <= 0.9:
        return f"--holdout {args.holdout:g} is a fraction of the history: give a value from 0 to 0.9"
    if args.engine_steps < 0:
        return f"--engine-steps {args.engine_steps}: give 1 or more, 0 for foresight alone, or --no-dynamic"
    if args.step is not None and not 1.0 <= args.step <= 3600.0:
        return f"--step {args.step:g}: give 1 to 3600 seconds"
    if not args.least_hours > 0.0:
        return f"--least-hours {args.least_hours:g}: give more than 0"
    return ""


def _options(args: argparse.Namespace) -> StudyOptions:
    return StudyOptions(
        StaticOptions(args.changes, args.holdout, args.objective, args.work_order, args.seed),
        args.step,
        args.least_hours,
        not args.no_dynamic,
        args.engine_steps,
        local_time(args.time_zone),
    )


class _Printed:
    """What was found, on standard output: the fixed plan as soon as it is known, the switches when all is done."""

    def __init__(self) -> None:
        self._study: Study | None = None

    @property
    def anything(self) -> bool:
        return self._study is not None

    def static(self, study: Study) -> None:
        if self._study is None:
            _print(sentences(study), static_tables(study))
            sys.stdout.flush()
        self._study = study

    def switches(self) -> None:
        if self._study is not None and self._study.siting is not None:
            print()
            _print(siting_sentences(self._study), siting_tables(self._study.siting))


def _print(lines: list[str], shown: list[Table]) -> None:
    texts = [
        as_text(table, most_rows=_ROWS_SHOWN.get(table.name), columns=_COLUMNS_SHOWN.get(table.name)) for table in shown
    ]
    print("\n\n".join(["\n".join(lines), *texts]))


def _write(out: Path, study: Study, feeder: str) -> None:
    for table in (*static_tables(study), *([] if study.siting is None else siting_tables(study.siting))):
        write_whole(out / f"{table.name}.csv", as_csv(table))
    write_whole(out / "plan.html", page(study, feeder))


def _refuse(message: str) -> int:
    print(f"edge-balancer plan: {message}", file=sys.stderr)
    return REFUSED
