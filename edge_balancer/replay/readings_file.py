"""Recorded readings: a CSV file (or .gz) with the header `t,house,p,q,v`, `v` optional, sorted by `t` (Unix seconds).

Yields what was measured at one instant together. A row that cannot be believed is counted with its line and passed over; a file
that is not such a file at all, or not sorted, is an error: a replay in the wrong order would see the future.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

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


def instants(path: Path, config: Configuration, refusals: Refusals) -> Iterator[tuple[float, list[Row]]]:
    """Each instant of the file with its rows, in order. Raises ReadingsFileError naming line and remedy."""
    known = {house.id for house in config.houses}
    most_w = config.telemetry.max_house_w
    lowest_v, highest_v = 0.3 * config.feeder.nominal_voltage_v, 1.5 * config.feeder.nominal_voltage_v
    try:
        stream = (
            gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="", encoding="utf-8-sig")
        )
    except OSError as error:
        raise ReadingsFileError(
            f"{path}: cannot be read ({error.strerror}); give a CSV file with --readings"
        ) from error
    with stream:
        reader = csv.reader(stream)
        t_col, house_col, p_col, q_col, v_col = _columns(path, next(reader, []))
        width = max(t_col, house_col, p_col, q_col, v_col) + 1
        now, rows = -math.inf, list[Row]()
        try:
            for row in reader:
                if len(row) < width:
                    if row:
                        refusals.add("too few columns", reader.line_num, row)
                    continue
                try:
                    t, p = float(row[t_col]), float(row[p_col])
                    q = float(row[q_col] or "nan") if q_col >= 0 else math.nan
                    v = float(row[v_col] or "nan") if v_col >= 0 else math.nan
                except ValueError:
                    refusals.add("not a number", reader.line_num, row)
                    continue
                if not math.isfinite(t):
                    refusals.add("no time", reader.line_num, row)
                    continue
                if t != now:
                    if t < now:
                        raise ReadingsFileError(
                            f"{path} line {reader.line_num}: t = {t:.3f} comes after {now:.3f}; sort the file by t"
                        )
                    if rows:
                        yield now, rows
                    now, rows = t, []
                house = row[house_col]
                if house not in known:
                    refusals.add("house not configured", reader.line_num, row)
                elif not abs(p) <= most_w:
                    refusals.add("power out of range", reader.line_num, row)
                elif v == v and not (v == 0 or lowest_v <= v <= highest_v):
                    refusals.add("voltage out of range", reader.line_num, row)
                else:
                    rows.append((house, p, q if abs(q) < math.inf else math.nan, v))
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
            raise ReadingsFileError(f"{path} near line {reader.line_num}: {error}; the file is damaged") from error
        if rows:
            yield now, rows


def _columns(path: Path, header: list[str]) -> tuple[int, int, int, int, int]:
    names = [name.strip().lower() for name in header]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise ReadingsFileError(
            f"{path} line 1: the header {','.join(header)[:80]!r} lacks {', '.join(missing)}; it must be t,house,p,q,v (q and v may be missing)"
        )
    t, house, p = (names.index(name) for name in REQUIRED)
    q, v = (names.index(name) if name in names else -1 for name in OPTIONAL)
    return t, house, p, q, v
