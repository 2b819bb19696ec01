"""From recordings to the data set's files, in pieces that a small memory holds. What it makes is in `shards`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from edge_balancer.forecast.features import FEATURES
from edge_balancer.forecast.horizon import BLOCK_MINUTES, horizon, patience_for
from edge_balancer.learning.recordings import DAY_S, KINDS, Recording
from edge_balancer.learning.shards import DataSet, RowsOfShard
from edge_balancer.learning.walk import Rows, rows

WARM_UP_DAYS: Final = 2.0
"""Of which no rows are kept: the blend knows nothing of the houses' days yet."""
SHARD_DAYS: Final = 7.0
SHARD_HOUSE_DAYS: Final = 400.0
"""Most of a file, which is in memory as a whole, and three times while it is written: 12 MB at a row in 11 minutes."""
LARGEST_KW: Final = 100.0
Said = Callable[[str], None]


def gather(recording: Recording, every_s: float, data: DataSet, said: Said) -> None:
    """Write the recording's files that are not there yet. The blend runs through all of it in any case, for what it
    knows at an instant comes from everything before."""
    if all(data.has(_name(recording, k)) for k in range(_count(recording))):
        said("there already")
        return
    kind = np.array([KINDS.index(one) for one in recording.kinds], dtype=np.int8)
    first = int(WARM_UP_DAYS * DAY_S / recording.step_s)
    looking = horizon(patience_for(2.0))
    for k, piece in _weeks(recording, rows(recording, looking, every_s, first), said):
        name = _name(recording, k)
        if not data.has(name):
            data.add(name, recording.name, len(recording.houses), _stacked(piece, kind))


def _count(recording: Recording) -> int:
    return max(1, int(np.ceil((recording.days - WARM_UP_DAYS) / _shard_days(recording))))


def _shard_days(recording: Recording) -> float:
    return min(SHARD_DAYS, SHARD_HOUSE_DAYS / len(recording.houses))


def _name(recording: Recording, k: int) -> str:
    return f"{recording.name}-{k + 1:02d}.npz"


def _weeks(recording: Recording, all_rows: Iterator[Rows], said: Said) -> Iterator[tuple[int, list[Rows]]]:
    """The rows of one file at a time; every file comes, though it be empty."""
    at, held, day = 0, list[Rows](), -1
    length = _shard_days(recording)
    for one in all_rows:
        age_days = (one.at.wall - recording.start) / DAY_S
        if int(age_days) != day:
            day = int(age_days)
            said(f"day {day} of {recording.days:.0f}")
        k = min(int((age_days - WARM_UP_DAYS) / length), _count(recording) - 1)
        while at < k:
            yield at, held
            at, held = at + 1, []
        held.append(one)
    while at < _count(recording):
        yield at, held
        at, held = at + 1, []


def _stacked(piece: list[Rows], kind: np.ndarray[tuple[int], np.dtype[np.int8]]) -> RowsOfShard:
    blocks = len(BLOCK_MINUTES)
    chosen = [np.flatnonzero(one.at.heard & np.isfinite(one.target).any(axis=1)) for one in piece]
    count = sum(len(houses) for houses in chosen)
    inputs = np.empty((count, len(FEATURES)), dtype=np.float32)
    target = np.empty((count, blocks), dtype=np.float32)
    house, wall = np.empty(count, dtype=np.int16), np.empty(count)
    begin = 0
    for one, houses in zip(piece, chosen, strict=True):
        end = begin + len(houses)
        inputs[begin:end], target[begin:end] = one.at.inputs[houses], one.target[houses]
        house[begin:end], wall[begin:end] = houses, one.at.wall
        begin = end
    np.clip(target, -LARGEST_KW, LARGEST_KW, out=target)
    return RowsOfShard(inputs, target, house, kind[house], wall)
