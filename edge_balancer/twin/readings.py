"""Recorded readings made by the twin: a CSV of what meters would have said, with the configuration that belongs to it.

For `replay`, `plan`, benches and tests. The houses stay on their phases throughout. The files depend on the arguments
alone.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np

from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.twin.houses import Houses
from edge_balancer.twin.neighbourhood import Neighbourhood
from edge_balancer.twin.noise import Floats
from edge_balancer.twin.options import DEFAULT_DAY, TwinOptions
from edge_balancer.types.phases import Phase

_BLOCK_S: Final = 86400


@dataclass(frozen=True, slots=True)
class Block:
    """Readings of all houses at the instants `t` (Unix seconds); `p`, `q`, `v` have shape (instants, houses)."""

    t: Floats
    p: Floats
    q: Floats
    v: Floats


@dataclass(frozen=True, slots=True)
class ReadingsFiles:
    """What `write_readings` wrote."""

    readings: Path
    config: Path
    houses: Path
    rows: int


def blocks(place: Neighbourhood, start: int, steps: int, period_s: int) -> Iterator[Block]:
    """`steps` readings from `start` (exclusive) on, about a day at a time.

    P and Q are means over the period that ends at `t`, as averaging meters report; the voltages are those of the means.
    """
    flow = PowerFlow(place.grid)
    most = max(1, _BLOCK_S // period_s)
    for first in range(0, steps, most):
        count = min(most, steps - first)
        begin, seconds = start + first * period_s, count * period_s
        loads = place.population.power(begin, seconds, period_s)
        p = loads.p - place.solar(begin, seconds, period_s)
        t = begin + period_s * np.arange(1, count + 1, dtype=np.float64)
        found = flow.solve(p + 1j * loads.q, source=place.mv_level(t - period_s / 2.0))
        yield Block(t, p, loads.q, np.abs(found.house_v))


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with path.open("wb") as plain:
        if path.suffix != ".gz":
            yield plain
            return
        # No name and no time in the header: the same arguments give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=5, fileobj=plain, mtime=0) as packed:
            yield packed


def _text(houses: Houses, block: Block) -> bytes:
    out = io.StringIO()
    for k, t in enumerate(block.t.tolist()):
        row = zip(houses.ids, block.p[k].tolist(), block.q[k].tolist(), block.v[k].tolist(), strict=True)
        out.write("".join([f"{t:.0f},{house},{p:.1f},{q:.1f},{v:.2f}\n" for house, p, q, v in row]))
    return out.getvalue().encode()


def write_houses(path: Path, houses: Houses) -> None:
    """The houses as the CSV that the configuration reads."""
    lines = ["id,phase,pv_w"]
    lines += [
        f"{house},{Phase(int(phase))},{pv:g}"
        for house, phase, pv in zip(houses.ids, houses.phases, houses.pv_w, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")


def write_readings(
    out: Path,
    *,
    days: float,
    options: TwinOptions,
    period: float = 60.0,
    first_day: dt.date = DEFAULT_DAY,
    compress: bool = True,
    progress: Callable[[float], None] | None = None,
) -> ReadingsFiles:
    """Write `readings.csv[.gz]` (`t,house,p,q,v`, sorted), `houses.csv` and `config.toml` into the folder `out`.

    The first reading comes one period after local midnight of `first_day`; `progress` is told the days that are done.
    Raises ValueError where there is nothing to write, OSError where `out` is not writable.
    """
    if not days > 0.0:
        raise ValueError(f"days = {days:g}: give a number greater than zero")
    if not 1.0 <= period <= _BLOCK_S or period != int(period):
        raise ValueError(f"period = {period:g}: give a whole number of seconds from 1 to {_BLOCK_S}")
    period_s = int(period)
    steps = round(days * 86400.0 / period_s)
    if steps == 0:
        raise ValueError(f"days = {days:g} is shorter than a period of {period:g} s: give more days")
    place = Neighbourhood.of(options)
    out.mkdir(parents=True, exist_ok=True)
    files = ReadingsFiles(
        readings=out / ("readings.csv.gz" if compress else "readings.csv"),
        config=out / "config.toml",
        houses=out / "houses.csv",
        rows=steps * options.houses,
    )
    start = int(options.wall(first_day))
    with _open(files.readings) as stream:
        stream.write(b"t,house,p,q,v\n")
        for block in blocks(place, start, steps, period_s):
            stream.write(_text(place.houses, block))
            if progress is not None:
                progress((float(block.t[-1]) - start) / 86400.0)
    write_houses(files.houses, place.houses)
    files.config.write_text(
        'houses_file = "houses.csv"\n\n[feeder]\nid = "twin"\n'
        f"nominal_voltage_v = {place.nominal_v:.1f}\ntransformer_kva = {place.transformer_kva:.1f}\n"
    )
    return files
