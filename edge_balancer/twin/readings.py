"""Recorded readings made by the twin: a CSV of what meters would have said, with the configuration that belongs to it.

For `replay`, benches and tests. The houses stay on their phases throughout. The files depend on the arguments alone.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np

from edge_balancer.twin.houses import Houses, draw_houses
from edge_balancer.twin.loads import LoadModel
from edge_balancer.twin.network import Network, mv_voltage
from edge_balancer.twin.noise import Floats
from edge_balancer.twin.options import DEFAULT_DAY, TwinOptions
from edge_balancer.twin.solar import SolarModel
from edge_balancer.types.phases import Phase

_BLOCK_S: Final = 86400.0


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


def blocks(
    options: TwinOptions, start: float, end: float, period: float, *, mean: bool = True
) -> Iterator[tuple[Houses, Block]]:
    """Readings from `start` (exclusive) to `end` (inclusive), a day at a time.

    With `mean`, P and Q are means over the period that ends at `t`, as averaging meters report; otherwise values
    at the instant.
    """
    houses = draw_houses(options)
    loads = LoadModel(options, houses)
    solar = SolarModel(options, houses)
    network = Network(
        len(houses), seed=options.seed, nominal_v=options.nominal_v, transformer_kva=options.transformer_kva
    )
    total = round((end - start) / period)
    step = max(1, round(_BLOCK_S / period))
    for first in range(1, total + 1, step):
        count = min(step, total + 1 - first)
        t: Floats = start + period * np.arange(first, first + count, dtype=np.float64)
        p, q = loads.series(float(t[0]), period, count, mean=mean)
        p -= solar.series(t - period / 2.0 if mean else t)
        v = network.solve(p, q, houses.phases, mv_voltage(options.seed, t)).v
        yield houses, Block(t, p, q, v)


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
        stamp = f"{t:.3f}".rstrip("0").rstrip(".")
        row = zip(houses.ids, block.p[k].tolist(), block.q[k].tolist(), block.v[k].tolist(), strict=True)
        out.write("".join([f"{stamp},{house},{p:.1f},{q:.1f},{v:.2f}\n" for house, p, q, v in row]))
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
    mean: bool = True,
    compress: bool = True,
) -> ReadingsFiles:
    """Write `readings.csv[.gz]` (`t,house,p,q,v`, sorted), `houses.csv` and `config.toml` into the folder `out`.

    The first reading comes one period after local midnight of `first_day`. Raises OSError where `out` is not writable.
    """
    if days <= 0 or period <= 0:
        raise ValueError(f"days = {days:g} and period = {period:g} must both be greater than zero")
    out.mkdir(parents=True, exist_ok=True)
    files = ReadingsFiles(
        readings=out / ("readings.csv.gz" if compress else "readings.csv"),
        config=out / "config.toml",
        houses=out / "houses.csv",
        rows=round(days * 86400.0 / period) * options.houses,
    )
    start = options.wall(first_day)
    with _open(files.readings) as stream:
        stream.write(b"t,house,p,q,v\n")
        for houses, block in blocks(options, start, start + days * 86400.0, period, mean=mean):
            stream.write(_text(houses, block))
    write_houses(files.houses, draw_houses(options))
    files.config.write_text(
        'houses_file = "houses.csv"\n\n[feeder]\nid = "twin"\n'
        f"nominal_voltage_v = {options.nominal_v:.1f}\ntransformer_kva = {options.transformer_kva:.1f}\n"
    )
    return files
