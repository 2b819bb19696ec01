"""The data set that arguments ask for: of simulated feeders, or of a site's store."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from edge_balancer.benchmark.options import names_of, seeds_of
from edge_balancer.benchmark.scenarios import scenario
from edge_balancer.benchmark.sources import source_hash
from edge_balancer.learning.from_store import store_recording
from edge_balancer.learning.from_twin import twin_feeder
from edge_balancer.learning.gather import gather
from edge_balancer.learning.options import FIRST_SEED
from edge_balancer.learning.shards import DataSet, leave_other_rows
from edge_balancer.progress import ProgressLine
from edge_balancer.settings.load import load


def make_dataset(args: argparse.Namespace, progress: ProgressLine) -> DataSet:
    """Make what the data set does not have yet. Raises ValueError with the remedy."""
    if not 1.0 <= args.every <= 240.0:
        raise ValueError(f"--every {args.every:g}: give 1 to 240 minutes")
    if args.days is not None and args.days < 3:
        raise ValueError(f"--days {args.days}: give 3 or more; the first two only warm the forecast up")
    if args.from_store is not None:
        return store_dataset(args.from_store, args.config, args.out, args.every, args.days, progress)
    days = 7 if args.days is None else args.days
    data = DataSet(args.out, _recipe("twin", args.every, days))
    feeders = [(scenario(name), seed) for name in names_of(args.scenarios) for seed in seeds_of(args.seeds)]
    for _, seed in feeders:
        if seed < FIRST_SEED:
            raise ValueError(f"--seeds {seed}: seeds below {FIRST_SEED} are kept for judging; give larger ones")
    for k, (what, seed) in enumerate(feeders):
        say = progress.of(f"feeder {k + 1} of {len(feeders)}, {what.name}, seed {seed}")
        say("making it")
        gather(twin_feeder(what, seed, days).recording, 60.0 * args.every, data, say)
    return data


def store_dataset(
    store: Path, config_file: Path, out: Path, every_min: float, days: int | None, progress: ProgressLine,
    *, anew: bool = False,
) -> DataSet:  # fmt: skip
    """The data set of a site's store. `anew`: rows of the store as it was before are left, where it has grown since."""
    recording = store_recording(store, load(config_file, os.environ), days)
    recipe = _recipe("store", every_min, days)
    recipe |= {"feeder": recording.name, "start": recording.start, "slots": recording.slots}
    if anew:
        leave_other_rows(out, recipe)
    data = DataSet(out, recipe)
    gather(recording, 60.0 * every_min, data, progress.of("store"))
    return data


def _recipe(source: str, every_min: float, days: int | None) -> dict[str, Any]:
    made_by = source_hash(["edge_balancer.learning.gather", f"edge_balancer.learning.from_{source}"])
    return {"source": source, "every_min": every_min, "days": days, "made_by": made_by}
