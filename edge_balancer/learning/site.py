"""`train` from its arguments to what it leaves behind: tables, the winner's file with its card, and, on a site, the
winner in the site's registry. Nothing leaves the site.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_balancer.learning.dataset import store_dataset
from edge_balancer.learning.export import write
from edge_balancer.learning.feeders import Asked, Ready, days_judged, own_loop
from edge_balancer.learning.from_store import store_recording
from edge_balancer.learning.model_card import model_card, stamped
from edge_balancer.learning.options import CANDIDATES, EVERY_MIN, Loops, train_options
from edge_balancer.learning.report import as_markdown
from edge_balancer.learning.standings import BLEND
from edge_balancer.learning.training import Report, Training
from edge_balancer.models.registry import Registry, write_model
from edge_balancer.progress import ProgressLine
from edge_balancer.settings.forecast import ACTIVE
from edge_balancer.settings.load import load
from edge_balancer.settings.root import Configuration

SITE_CANDIDATES: Final = ("ridge", "boosting")
"""A site has some million rows at most and a Pi one night."""
SITE_ROWS: Final = 100_000
"""To train on, unless told otherwise; of more, as many are drawn evenly, for a Pi has no memory to spare."""
ENOUGH_DAYS: Final = 5
"""Judged: on fewer the interval is so wide that hardly any lead is for certain."""


def run_training(args: argparse.Namespace, progress: ProgressLine) -> str:
    """What is to be printed. Raises EdgeBalancerError, StorageError and ValueError with the remedy."""
    if args.from_store is None:
        report = Training(train_options(args, args.data), progress).run()
    else:
        report = _on_site(args, progress)
    text = as_markdown(report) + _few_days(args)
    write(args.out / "report.md", text.encode())
    if report.best == BLEND:
        return text + "\nThe blend stays: no model is installed.\n"
    onnx = stamped(report.models[report.best], report)
    card = model_card(args.name, onnx, report)
    folder = args.out / "model"
    folder.mkdir(exist_ok=True)
    write_model(folder, onnx, card)
    return (
        text
        + f"\n{folder / 'model.onnx'}: {len(onnx)} bytes\n"
        + (_activate(args, onnx, card) if args.activate else "")
    )


def _on_site(args: argparse.Namespace, progress: ProgressLine) -> Report:
    config = load(args.config, os.environ)
    data = store_dataset(args.from_store, args.config, args.out / "data", EVERY_MIN, None, progress, anew=True)
    options = train_options(args, data.folder)
    chosen = options.candidates if options.candidates != CANDIDATES else SITE_CANDIDATES
    budget = config.decision.operations_per_house_day
    loops = Loops((), (), options.loops.days, (budget,))
    rows = SITE_ROWS if args.rows is None else options.rows
    options = replace(options, candidates=chosen, rows=rows, loops=loops, generations=0)

    def own(asked: list[Asked]) -> Iterable[Ready]:
        recording = store_recording(args.from_store, config)
        phases = np.array([_phase(config, house) for house in recording.houses], dtype=np.int8)
        return own_loop(recording, phases, asked, progress.of("judging on this site's last days"))

    return Training(options, progress, own).run()


def _few_days(args: argparse.Namespace) -> str:
    """What is to be said of a store that is too short to show a lead."""
    if args.from_store is None:
        return ""
    recording = store_recording(args.from_store, load(args.config, os.environ))
    judged = days_judged(recording)
    if judged >= ENOUGH_DAYS:
        return ""
    return (
        f"\n{args.from_store} holds {recording.days:.1f} days of minutes, which leaves {judged} to judge on: on fewer "
        f"than {ENOUGH_DAYS} a lead can hardly be told from luck. Set storage.minute_days to 35, and train again when "
        "they have gathered.\n"
    )


def _phase(config: Configuration, house: str) -> int:
    found = next(one.phase for one in config.houses if one.id == house)
    return 0 if found is None else int(found)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _activate(args: argparse.Namespace, onnx: bytes, card: dict[str, Any]) -> str:
    """Under a name of its own for each training, so that a rollback finds the one before."""
    config = load(args.config, os.environ)
    database: Path = args.from_store if args.from_store is not None else config.storage.path
    registry = Registry(database.parent / "models")
    now = _now()
    name = f"{args.name if args.name != 'default' else 'site'}-{now:%Y%m%d-%H%M%S}"
    registry.install(name, onnx, card)
    registry.activate(name, now)
    done = f"installed and activated as {name}; the controller takes it at its next reload (systemctl reload)"
    wanted = config.forecast.model
    if wanted == ACTIVE:
        return f"{done}\n"
    return f'{done}, once the configuration says forecast.model = "{ACTIVE}": it says "{wanted}"\n'
