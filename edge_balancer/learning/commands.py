"""`edge-balancer dataset` and `edge-balancer train`: read the arguments, tell how far it is, print what came out."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.output import make_folder, unwritable
from edge_balancer.progress import ProgressLine
from edge_balancer.storage.errors import StorageError

GOOD: Final = 0
REFUSED: Final = 2
_QUIET_S: Final = 10.0


def dataset_command(args: argparse.Namespace) -> int:
    """Make what the data set does not have yet; 2 where arguments or readings cannot be used."""
    begun = time.monotonic()
    try:
        make_folder(args.out)
    except OSError as error:
        return _refuse("dataset", unwritable(error, args.out))
    progress = ProgressLine(_QUIET_S)
    try:
        from edge_balancer.learning.dataset import make_dataset

        data = make_dataset(args, progress)
    except OSError as error:
        return _refuse("dataset", _broken(error, args.out))
    except (EdgeBalancerError, StorageError, ValueError) as error:
        return _refuse("dataset", str(error))
    finally:
        progress.end()
    rows = sum(shard.rows for shard in data.shards)
    print(f"{rows} rows in {len(data.shards)} files, {data.folder / 'card.json'}, sha256 {data.sha256}")
    print(f"made in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return GOOD


def train_command(args: argparse.Namespace) -> int:
    """Train, judge, export; print the tables. 2 where arguments or data cannot be used."""
    # Before scikit-learn is loaded: results must not depend on how many cores there are.
    os.environ["OMP_NUM_THREADS"] = "1"
    begun = time.monotonic()
    try:
        make_folder(args.out)
    except OSError as error:
        return _refuse("train", unwritable(error, args.out))
    progress = ProgressLine(_QUIET_S)
    try:
        from edge_balancer.learning.site import run_training

        text = run_training(args, progress)
    except ModuleNotFoundError as error:
        return _refuse("train", f"{error.name} is missing: install the extra, `pip install 'edge-balancer[train]'`")
    except OSError as error:
        return _refuse("train", _broken(error, args.out))
    except (EdgeBalancerError, StorageError, ValueError) as error:
        return _refuse("train", str(error))
    finally:
        progress.end()
    print(text, end="")
    print(f"trained in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return GOOD


def _broken(error: OSError, out: Path) -> str:
    return (
        f"{error.filename or out}: {error.strerror or error}; look at the disk and who owns its files, "
        "then give the same command again: it goes on where it was"
    )


def _refuse(command: str, message: str) -> int:
    print(f"edge-balancer {command}: {message}", file=sys.stderr)
    return REFUSED
