"""Small recordings and tables for the tests of learning."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import load_model_from_string

from edge_balancer.forecast.features import FEATURES, NAMES
from edge_balancer.learning.recordings import PLAIN, SOLAR, Piece, Recording
from edge_balancer.learning.splits import Table
from edge_balancer.storage.database import open_writer
from edge_balancer.storage.migrations import migrate
from edge_balancer.storage.minutes import SeriesNames, insert_minutes
from edge_balancer.types.snapshot import MinuteMean

# Before scikit-learn is loaded, as the command does: two threads that wait for one another take minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

VOLTS = (229.0, 230.0, 231.0)
START = 1_746_403_200.0
"""A midnight UTC."""


def recording_of(
    load: NDArray[np.complexfloating],
    heard: NDArray[np.bool_] | None = None,
    *,
    step_s: float = 60.0,
    pv_w: float = 0.0,
    piece: int = 700,
) -> Recording:
    """Loads (T, H) as a recording that comes in pieces."""
    mask = np.ones(load.shape, dtype=np.bool_) if heard is None else heard

    def pieces() -> Iterator[Piece]:
        for first in range(0, len(load), piece):
            yield Piece(first, load[first : first + piece].astype(np.complex64), mask[first : first + piece])

    houses = load.shape[1]
    kinds = (SOLAR if pv_w else PLAIN,) * houses
    names = tuple(f"h{h + 1:03d}" for h in range(houses))
    return Recording("made", names, kinds, np.full(houses, pv_w), START, step_s, len(load), pieces)


def living(houses: int, minutes: int, seed: int) -> NDArray[np.complex128]:
    """Loads (T, H): a base, and appliances of 2 kW for some minutes now and then."""
    rng = np.random.default_rng(seed)
    load = np.full((minutes, houses), 150.0) + rng.normal(0.0, 10.0, (minutes, houses))
    for house in range(houses):
        for begin in rng.integers(0, minutes, minutes // 90).tolist():
            load[begin : begin + int(rng.integers(3, 60)), house] += 2000.0
    return load + 0.1j * load


def table_of(rows: int, seed: int) -> Table:
    """Inputs of which the target is a smooth and a jumping function, with some noise."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(0.3, 1.0, (rows, len(FEATURES))).astype(np.float32)
    now, session = inputs[:, NAMES.index("now")], inputs[:, NAMES.index("session")]
    target = np.stack([0.5 * now + (session > 0.4) * (1.0 - 0.1 * b) for b in range(6)], axis=1)
    target += rng.normal(0.0, 0.05, target.shape)
    return Table(inputs, target.astype(np.float32), np.zeros(rows, dtype=np.int8))


def write_store(path: Path, load: NDArray[np.complexfloating], phase: NDArray[np.int8], names: list[str]) -> Path:
    """A store with these minutes (T, H) from `START` on; `phase` (T, H), NaN is a minute that nobody heard."""
    connection = open_writer(path, "NORMAL")
    migrate(connection, path)
    numbers = SeriesNames()
    for begin in range(0, len(load), 1440):
        minutes = [
            MinuteMean(int(START) + 60 * t, name, int(phase[t, h]), load[t, h].real, load[t, h].imag, *VOLTS, 6)
            for t in range(begin, min(begin + 1440, len(load)))
            for h, name in enumerate(names)
            if not np.isnan(load[t, h])
        ]
        connection.execute("BEGIN")
        numbers.committed(insert_minutes(connection, minutes, [], numbers))
        connection.execute("COMMIT")
    connection.close()
    return path


def forests_of(onnx: bytes) -> list[tuple[int, int]]:
    """Of each ensemble in a file: how many trees it has, and the leaves of its largest."""
    found = []
    for node in load_model_from_string(onnx).graph.node:
        if node.op_type == "TreeEnsembleRegressor":
            values = {one.name: one for one in node.attribute}
            leaves = np.bincount(np.array(values["target_treeids"].ints))
            found.append((len(leaves), int(leaves.max())))
    return found
