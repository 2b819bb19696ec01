"""Which rows a model is trained on, and which it is judged on: other houses, and other days. Pure.

Rows of the same house, or of the same afternoon, are alike: a split by rows alone would praise what was learned by
heart. One house in five and the last quarter of each recording's days are held back; the test is of held-back houses on
held-back days, and rows that are only one of both serve neither side. Rows whose horizon reaches over the boundary are
left out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.learning.shards import DataSet, RowsOfShard, Shard

HELD_HOUSES: Final = 5
"""One of so many."""
HELD_DAYS: Final = 0.25
REACH_S: Final = float(np.sum(BLOCK_MINUTES)) * 60.0
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """`inputs` [rows, features], `target` [rows, blocks] kW, `kind` [rows]."""

    inputs: NDArray[np.float32]
    target: NDArray[np.float32]
    kind: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.inputs)


def held_houses(recording: str, houses: int) -> Mask:
    """[houses] who is held back: by a hash of the name, so that more recordings change nothing for this one."""
    digest = [hashlib.sha256(f"{recording}/{house}".encode()).digest()[0] for house in range(houses)]
    return np.array([first % HELD_HOUSES == 0 for first in digest], dtype=np.bool_)


def boundaries(data: DataSet) -> dict[str, float]:
    """Of each recording, from when on (Unix s) its days are held back."""
    out: dict[str, float] = {}
    for name in {shard.recording for shard in data.shards}:
        own = [shard for shard in data.shards if shard.recording == name and shard.rows]
        if own:
            begin, end = min(one.begin for one in own), max(one.end for one in own)
            out[name] = begin + (1.0 - HELD_DAYS) * (end - begin)
    return out


def sides(shard: Shard, rows: RowsOfShard, boundary: float) -> tuple[Mask, Mask]:
    """[rows] of the training, and of the test."""
    held = held_houses(shard.recording, shard.houses)[rows.house]
    return ~held & (rows.wall + REACH_S < boundary), held & (rows.wall >= boundary)


def tables(data: DataSet, most_rows: int, seed: int) -> tuple[Table, Table]:
    """Training and test, of at most `most_rows` and half as many rows, drawn evenly where there are more."""
    edge = boundaries(data)
    counts = np.zeros(2)
    for shard, rows in data.read():
        if shard.rows:
            counts += [side.sum() for side in sides(shard, rows, edge[shard.recording])]
    share = np.minimum(1.0, np.array([most_rows, most_rows / 2]) / np.maximum(counts, 1.0))
    found: tuple[list[Table], list[Table]] = ([], [])
    rng = np.random.default_rng([seed, 41])
    for shard, rows in data.read():
        if not shard.rows:
            continue
        for k, side in enumerate(sides(shard, rows, edge[shard.recording])):
            keep = side & (rng.random(len(side)) < share[k]) & np.isfinite(rows.target).all(axis=1)
            found[k].append(Table(rows.inputs[keep], rows.target[keep], rows.kind[keep]))
    return _joined(found[0]), _joined(found[1])


def _joined(parts: list[Table]) -> Table:
    if not parts:
        none = np.zeros((0, 0), dtype=np.float32)
        return Table(none, none, np.zeros(0, dtype=np.int8))
    return Table(
        np.concatenate([one.inputs for one in parts]),
        np.concatenate([one.target for one in parts]),
        np.concatenate([one.kind for one in parts]),
    )
