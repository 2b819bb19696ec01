"""The data set on disk: a file of rows for each stretch of a recording, and a card that says what they are made of.

The card carries each file's hash and is replaced as a whole after each, so that a run that was broken off goes on
where it was, and a model can name the very rows that it was trained on.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.features import FEATURES
from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.learning.errors import LearningError
from edge_balancer.output import write_whole

CARD: Final = "card.json"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Shard:
    """One file: rows of `recording` that lie between `begin` and `end` (Unix s)."""

    file: str
    sha256: str
    rows: int
    recording: str
    houses: int
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class RowsOfShard:
    """`inputs` [rows, features], `target` [rows, blocks] kW above the blend (NaN: not seen), `house` [rows] index,
    `kind` [rows] index into `recordings.KINDS`, `wall` [rows] Unix s."""

    inputs: NDArray[np.float32]
    target: NDArray[np.float32]
    house: NDArray[np.int16]
    kind: NDArray[np.int8]
    wall: NDArray[np.float64]


class DataSet:
    """A folder of shards with their card."""

    def __init__(self, folder: Path, recipe: dict[str, Any] | None = None) -> None:
        """With a `recipe`: to be written, and refused where the folder holds rows made otherwise; without: to be read.
        Raises LearningError."""
        self.folder = folder
        file = folder / CARD
        self.shards: list[Shard] = []
        if file.exists():
            said = _read_card(file)
            self.recipe: dict[str, Any] = said["recipe"]
            self.shards = [Shard(**one) for one in said["shards"]]
            if recipe is not None and recipe != self.recipe:
                raise LearningError(
                    f"{folder}: holds rows that were made otherwise, or by another version; give --out another folder"
                )
        elif recipe is None:
            raise LearningError(f"{folder}: no data set is there; make one with `edge-balancer dataset --out {folder}`")
        else:
            self.recipe = recipe

    def has(self, file: str) -> bool:
        """Whether the file is there as the card says."""
        known = next((one for one in self.shards if one.file == file), None)
        path = self.folder / file
        return known is not None and path.exists() and file_sha256(path) == known.sha256

    def add(self, file: str, recording: str, houses: int, rows: RowsOfShard) -> Shard:
        """Write a shard and note it in the card. The same rows give the same bytes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        out = io.BytesIO()
        np.savez(out, inputs=rows.inputs, target=rows.target, house=rows.house, kind=rows.kind, wall=rows.wall)
        write_whole(self.folder / file, out.getvalue())
        begin, end = (float(rows.wall[0]), float(rows.wall[-1])) if len(rows.wall) else (0.0, 0.0)
        shard = Shard(file, hashlib.sha256(out.getvalue()).hexdigest(), len(rows.wall), recording, houses, begin, end)
        self.shards = sorted([*(one for one in self.shards if one.file != file), shard], key=lambda one: one.file)
        self._save()
        return shard

    def _save(self) -> None:
        card = {
            "format": FORMAT,
            "recipe": self.recipe,
            "features": [[feature.name, feature.unit, feature.meaning] for feature in FEATURES],
            "blocks_min": list(BLOCK_MINUTES),
            "target": "kW: mean net load of the block above the survival blend's forecast",
            "rows": sum(one.rows for one in self.shards),
            "shards": [asdict(one) for one in self.shards],
            "sha256": self.sha256,
        }
        write_whole(self.folder / CARD, (json.dumps(card, indent=1) + "\n").encode())

    @property
    def sha256(self) -> str:
        """Of all rows, by their files' hashes."""
        return hashlib.sha256("\n".join(one.sha256 for one in self.shards).encode()).hexdigest()

    def read(self) -> Iterator[tuple[Shard, RowsOfShard]]:
        """Shard by shard, each checked against its hash. Raises LearningError."""
        for shard in self.shards:
            path = self.folder / shard.file
            if not path.exists() or file_sha256(path) != shard.sha256:
                raise LearningError(f"{path}: is missing or is not what {CARD} says; make the data set again")
            with np.load(path) as file:
                yield (
                    shard,
                    RowsOfShard(file["inputs"], file["target"], file["house"], file["kind"], file["wall"]),
                )


def leave_other_rows(folder: Path, recipe: dict[str, Any]) -> None:
    """Remove the files that a data set of another recipe has there, and its card. Nothing else is touched."""
    file = folder / CARD
    if not file.exists():
        return
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        had, names = said["recipe"], [Path(one["file"]).name for one in said["shards"]]
    except (KeyError, TypeError, ValueError):
        return  # `DataSet` says what is wrong with it.
    if had != recipe:
        file.unlink()
        for name in names:
            (folder / name).unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _read_card(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        if said["format"] != FORMAT or said["features"] != [[f.name, f.unit, f.meaning] for f in FEATURES]:
            raise LearningError(f"{file}: is of another version of this program; make the data set again")
        return dict(said)
    except (KeyError, TypeError, ValueError) as error:
        raise LearningError(f"{file}: cannot be read as a data set's card ({error}); give another folder") from error
