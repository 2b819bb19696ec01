"""`edge-balancer dataset` and `edge-balancer train`: read the arguments, tell how far it is, print what came out."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.progress import ProgressLine
from edge_balancer.storage.errors import StorageError

GOOD: Final = 0
REFUSED: Final = 2
_QUIET_S: Final = 10.0


def dataset_command(args: argparse.Namespace) -> int:
    """Make what the data set does not have yet; 2 where arguments or readings cannot be used."""
    begun = time.monotonic()
    progress = ProgressLine(_QUIET_S)
    try:
        data = make_dataset(args, progress)
    except OSError as error:
        return _refuse("dataset", _unwritable(error, args.out))
    except (EdgeBalancerError, StorageError, ValueError) as error:
        return _refuse("dataset", str(error))
    finally:
        progress.end()
    rows = sum(shard.rows for shard in data.shards)
    print(f"{rows} rows in {len(data.shards)} files, {data.folder / 'card.json'}, sha256 {data.sha256}")
    print(f"made in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return GOOD


def make_dataset(args: argparse.Namespace, progress: ProgressLine) -> Any:
    """The data set that the arguments ask for."""
    from edge_balancer.benchmark.options import names_of, seeds_of
    from edge_balancer.benchmark.scenarios import scenario
    from edge_balancer.learning.from_twin import twin_feeder
    from edge_balancer.learning.gather import gather
    from edge_balancer.learning.options import FIRST_SEED
    from edge_balancer.learning.shards import DataSet

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
) -> Any:  # fmt: skip
    """The data set of a site's store. `anew`: rows of the store as it was before are left, where it has grown since."""
    from edge_balancer.learning.from_store import store_recording
    from edge_balancer.learning.gather import gather
    from edge_balancer.learning.shards import DataSet, leave_other_rows
    from edge_balancer.settings.load import load

    recording = store_recording(store, load(config_file, os.environ), days)
    recipe = _recipe("store", every_min, days)
    recipe |= {"feeder": recording.name, "start": recording.start, "slots": recording.slots}
    if anew:
        leave_other_rows(out, recipe)
    data = DataSet(out, recipe)
    gather(recording, 60.0 * every_min, data, progress.of("store"))
    return data


def train_command(args: argparse.Namespace) -> int:
    """Train, judge, export; print the tables. 2 where arguments or data cannot be used."""
    # Before scikit-learn is loaded: results must not depend on how many cores there are.
    os.environ["OMP_NUM_THREADS"] = "1"
    begun = time.monotonic()
    progress = ProgressLine(_QUIET_S)
    try:
        from edge_balancer.learning.site import run_training

        text = run_training(args, progress)
    except ModuleNotFoundError as error:
        return _refuse("train", f"{error.name} is missing: install the extra, `pip install 'edge-balancer[train]'`")
    except OSError as error:
        return _refuse("train", _unwritable(error, args.out))
    except (EdgeBalancerError, StorageError, ValueError) as error:
        return _refuse("train", str(error))
    finally:
        progress.end()
    print(text, end="")
    print(f"trained in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return GOOD


def _recipe(source: str, every_min: float, days: int | None) -> dict[str, Any]:
    from edge_balancer.benchmark.sources import source_hash

    made_by = source_hash(["edge_balancer.learning.gather", f"edge_balancer.learning.from_{source}"])
    return {"source": source, "every_min": every_min, "days": days, "made_by": made_by}


def _unwritable(error: OSError, out: Path) -> str:
    return f"{error.filename or out}: {error.strerror or error}; give --out a folder that can be written"


def _refuse(command: str, message: str) -> int:
    print(f"edge-balancer {command}: {message}", file=sys.stderr)
    return REFUSED
