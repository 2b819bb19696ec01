"""results.csv: what has been computed, row by row, so that nothing need be computed twice.

A row is good as long as what it came from is the same: the scenario's definition, the days, for foresight the effort,
and the source of everything that computes it. Numbers are written so that they read back to the last bit. Only rows
that are known to be good are compared with one another.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Final

from edge_balancer.benchmark.learned import model_hash
from edge_balancer.benchmark.options import BenchOptions
from edge_balancer.benchmark.results import FORESIGHT, Result, uncompared, with_gains
from edge_balancer.benchmark.scenarios import Scenario
from edge_balancer.benchmark.sources import source_hash

FILE: Final = "results.csv"
_HERE: Final = "edge_balancer.benchmark"
_ALL: Final = ("scenarios", "network", "results")
_OWN: Final = {
    "none": (),
    "static": ("static",),
    "greedy": ("rules", "static"),
    "threshold": ("rules", "static"),
    "threshold-minute": ("rules", "static"),
    "ours": ("ours", "volts", "learned", "static"),
    "oracle": ("ours", "volts", "oracle", "static"),
    "foresight": ("foresight", "static"),
    "blend": ("ours", "volts", "static"),
    "ongoing": ("ours", "volts", "ongoing", "static"),
    "persistence": ("ours", "volts", "persistence", "static"),
}
"""The modules that a controller's result is computed by, beside those of all. `runs` strings them together."""
_HASH: Final = "computed_from"
_TEXT: Final = ("scenario", "controller")

Key = tuple[str, int, str, float | None]


def key_of(one: Result) -> Key:
    return (one.scenario, int(one.seed), one.controller, one.budget)


def fingerprint(what: Scenario, controller: str, options: BenchOptions) -> str:
    """Of all that a row of this controller depends on but seed and budget."""
    parts: list[object] = [what, options.days, _source(controller)]
    if controller == FORESIGHT:
        parts.append(options.rounds)
    if controller == "ours":
        parts.append(model_hash(options.model))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@cache
def _source(controller: str) -> str:
    return source_hash([f"{_HERE}.{name}" for name in (*_ALL, *_OWN[controller])], [f"{_HERE}.runs"])


class Ledger:
    """The rows that there are, in memory and, where a folder is given, in its results.csv."""

    def __init__(self, folder: Path | None) -> None:
        """Raises ValueError where the file is there and cannot be read as one of ours, OSError as files do."""
        self._file = None if folder is None else folder / FILE
        self._rows: dict[Key, tuple[str, Result]] = {}
        self._good: set[Key] = set()
        if self._file is not None and self._file.exists():
            self._read(self._file)

    def _read(self, file: Path) -> None:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = csv.DictReader(stream)
            if _HASH not in (rows.fieldnames or ()):
                raise ValueError(f"{file}: it has no column {_HASH}, so it is none of ours; give --out another folder")
            for number, row in enumerate(rows, start=2):
                try:
                    self._take(row)
                except (ValueError, KeyError, TypeError) as error:
                    raise ValueError(f"{file}, line {number}: {error}; remove the file, or the line") from None

    def _take(self, row: dict[str, str]) -> None:
        values: dict[str, str | float | None] = {}
        for field in fields(Result):
            # A column that an older version did not have: its rows are of another edition, and are not used.
            text = row.get(field.name) or ""
            if field.name in _TEXT:
                values[field.name] = text
            elif field.name == "seed":
                values[field.name] = int(text)
            else:
                values[field.name] = float(text) if text else None
        one = Result(**values)  # type: ignore[arg-type] # checked by what reads them
        self._rows[key_of(one)] = (row[_HASH], one)

    def find(self, key: Key, computed_from: str) -> Result | None:
        """The row, if it is there and came from the same."""
        known = self._rows.get(key)
        if known is None or known[0] != computed_from:
            return None
        self._good.add(key)
        return known[1]

    def add(self, one: Result, computed_from: str) -> None:
        """Keep a row, at once on disk: a run that is ended early leaves what it has."""
        self._rows[key_of(one)] = (computed_from, one)
        self._good.add(key_of(one))
        self.save()

    def save(self) -> None:
        if self._file is None:
            return
        keys = sorted(self._rows, key=_order)
        compared = {key_of(one): one for one in with_gains([self._rows[key][1] for key in keys if key in self._good])}
        rows = [(self._rows[key][0], compared.get(key) or uncompared(self._rows[key][1])) for key in keys]
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(_as_csv(rows), encoding="utf-8")
        temporary.replace(self._file)


def _order(key: Key) -> tuple[str, int, str, float]:
    return (*key[:3], -1.0 if key[3] is None else key[3])


def _as_csv(rows: Iterable[tuple[str, Result]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [field.name for field in fields(Result)]
    writer.writerow([*names, _HASH])
    for computed_from, one in rows:
        cells = [getattr(one, name) for name in names]
        writer.writerow([*("" if cell is None else cell for cell in cells), computed_from])
    return out.getvalue()
