"""Recorded readings: a CSV file (or .gz) with the header `t,house,p,q,v`, `v` optional, sorted by `t` (Unix seconds).

Yields what was measured at one instant together. A row that cannot be believed is counted with its line and passed
over; a file
that is not such a file at all, or not sorted, is an error: a replay in the wrong order would see the future.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TextIO

from edge_balancer.errors import EdgeBalancerError
from edge_balancer.settings.root import Configuration

REQUIRED: Final = ("t", "house", "p")
OPTIONAL: Final = ("q", "v")
SHOWN: Final = 5
Row = tuple[str, float, float, float]
"""house, p (W), q (var, NaN unknown), v (V, NaN unknown)"""


class ReadingsFileError(EdgeBalancerError):
    """The file cannot be replayed."""


@dataclass(slots=True)
class Refusals:
    """Rows that were passed over, by reason, with the first few of each."""

    counts: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, line: int, row: list[str]) -> None:
        self.counts[reason] += 1
        samples = self.samples.setdefault(reason, [])
        if len(samples) < SHOWN:
            samples.append(f"line {line}: {','.join(row)[:120]}")


def passed_over(count: int, reason: str, sample: str = "") -> str:
    """How people are told of refused rows, with the first of them where it is known."""
    rows = "1 row" if count == 1 else f"{count} rows"
    return f"{rows} passed over: {reason}" + (f", e.g. {sample}" if sample else "")


def instants(path: Path, config: Configuration, refusals: Refusals) -> Iterator[tuple[float, list[Row]]]:
    """Each instant of the file with its rows, in order. Raises ReadingsFileError naming line and remedy."""
    try:
        with _open(path) as stream:
            reader = csv.reader(stream)
            try:
                judge = _Judge(_columns(path, next(reader, [])), config)
                yield from _by_instant(path, reader, judge, refusals)
            except (EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
                where = f"{path} near line {reader.line_num}"
                raise ReadingsFileError(f"{where}: {error}; the file is damaged") from error
    except OSError as error:
        raise ReadingsFileError(f"{path}: {error.strerror or error}; give a readable CSV or CSV.GZ file") from error


def _by_instant(path: Path, reader: _Reader, judge: _Judge, refusals: Refusals) -> Iterator[tuple[float, list[Row]]]:
    now, rows = -math.inf, list[Row]()
    for cells in reader:
        if not cells:
            continue
        try:
            t, row = judge.read(cells)
        except ValueError as refused:
            refusals.add(str(refused), reader.line_num, cells)
            continue
        if t < now:
            raise ReadingsFileError(
                f"{path} line {reader.line_num}: t = {t:.3f} comes after {now:.3f}; sort the file by t"
            )
        if t != now:
            if rows:
                yield now, rows
            now, rows = t, []
        rows.append(row)
    if rows:
        yield now, rows


class _Reader(Protocol):
    """What `csv.reader` gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


class _Judge:
    """Reads a row, or says in a ValueError why it cannot be believed."""

    def __init__(self, columns: tuple[int, int, int, int, int], config: Configuration) -> None:
        self._t, self._house, self._p, self._q, self._v = columns
        self._width = max(columns) + 1
        self._houses = {house.id: house.id for house in config.houses}
        self._most_w = config.telemetry.max_house_w
        nominal = config.feeder.nominal_voltage_v
        self._lowest_v, self._highest_v = 0.3 * nominal, 1.5 * nominal

    def read(self, cells: list[str]) -> tuple[float, Row]:
        if len(cells) < self._width:
            raise ValueError("too few columns")
        try:
            t, p = float(cells[self._t]), float(cells[self._p])
            q = float(cells[self._q] or "nan") if self._q >= 0 else math.nan
            v = float(cells[self._v] or "nan") if self._v >= 0 else math.nan
        except ValueError as error:
            raise ValueError("not a number") from error
        if not math.isfinite(t):
            raise ValueError("no time")
        house = self._houses.get(cells[self._house])
        if house is None:
            raise ValueError("house not configured")
        if not abs(p) <= self._most_w:
            raise ValueError("power out of range")
        if v == v and v != 0.0 and not self._lowest_v <= v <= self._highest_v:
            raise ValueError("voltage out of range")
        return t, (house, p, q if abs(q) < math.inf else math.nan, v)


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _columns(path: Path, header: list[str]) -> tuple[int, int, int, int, int]:
    names = [name.strip().lower() for name in header]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        seen = ",".join(header)[:80]
        raise ReadingsFileError(
            f"{path} line 1: the header {seen!r} lacks {', '.join(missing)}; it must be t,house,p,q,v (q and v may be "
            "missing)"
        )
    t, house, p = (names.index(name) for name in REQUIRED)
    q, v = (names.index(name) if name in names else -1 for name in OPTIONAL)
    return t, house, p, q, v
