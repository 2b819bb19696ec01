"""The recorded readings that the twin writes."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.settings.load import load
from edge_balancer.twin.feeder import TwinFeeder
from edge_balancer.twin.grid.style import Style
from edge_balancer.twin.houses import draw_houses
from edge_balancer.twin.options import DEFAULT_DAY, TwinOptions
from edge_balancer.twin.readings import write_readings
from edge_balancer.types.phases import Phase

OPTIONS = TwinOptions(houses=7, seed=3)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_file_is_sorted_whole_and_starts_one_period_after_midnight(tmp_path: Path) -> None:
    done: list[float] = []
    files = write_readings(tmp_path, days=1.5, options=OPTIONS, period=300.0, compress=False, progress=done.append)
    rows = rows_of(files.readings)
    assert list(rows[0]) == ["t", "house", "p", "q", "v"]
    assert len(rows) == files.rows == 7 * 432
    stamps = [float(row["t"]) for row in rows]
    assert stamps == sorted(stamps)
    assert stamps[0] == OPTIONS.wall(DEFAULT_DAY) + 300.0
    assert stamps[-1] == OPTIONS.wall(DEFAULT_DAY) + 1.5 * 86400.0
    assert {row["house"] for row in rows} == set(draw_houses(OPTIONS).ids)
    assert all(200.0 < float(row["v"]) < 260.0 for row in rows)
    assert min(float(row["p"]) for row in rows) < -500.0, "no PV"
    assert done == [1.0, 1.5]


def test_readings_are_the_means_of_what_the_feeder_shows(tmp_path: Path) -> None:
    files = write_readings(tmp_path, days=0.5, options=OPTIONS, compress=False)
    feeder, end = TwinFeeder(OPTIONS), OPTIONS.wall(DEFAULT_DAY, 11 * 3600.0)
    truths = [feeder.at(end - 60.0 + k) for k in range(60)]
    read = [row for row in rows_of(files.readings) if float(row["t"]) == end]
    assert [row["house"] for row in read] == list(feeder.houses.ids)
    for name, made, margin in (
        ("p", np.mean([t.p for t in truths], axis=0), 0.06),
        ("q", np.mean([t.q for t in truths], axis=0), 0.06),
        ("v", np.mean([t.v for t in truths], axis=0), 0.05),
    ):
        assert [float(row[name]) for row in read] == pytest.approx(made.tolist(), abs=margin), name


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (
        write_readings(tmp_path / name, days=0.2, options=OPTIONS).readings.read_bytes() for name in ("one", "other")
    )
    assert one == other
    assert gzip.decompress(one).startswith(b"t,house,p,q,v\n")


@pytest.mark.parametrize("period", [60.0, 700.0])
def test_days_are_the_same_however_many_are_asked_for(tmp_path: Path, period: float) -> None:
    short, long = (
        write_readings(tmp_path / str(days), days=days, options=OPTIONS, period=period, compress=False)
        for days in (1, 2)
    )
    assert long.readings.read_text().startswith(short.readings.read_text())


@pytest.mark.parametrize("style", list(Style))
def test_the_configuration_beside_it_is_good(tmp_path: Path, style: Style) -> None:
    options = TwinOptions(houses=7, seed=3, style=style)
    files = write_readings(tmp_path, days=0.01, options=options)
    configuration = load(files.config, {})
    houses = draw_houses(options)
    assert [h.id for h in configuration.houses] == list(houses.ids)
    assert [h.phase for h in configuration.houses] == [Phase(int(p)) for p in houses.phases]
    assert [h.pv_w for h in configuration.houses] == houses.pv_w.tolist()
    assert configuration.feeder.transformer_kva == TwinFeeder(options).place.grid.transformer.kva


@pytest.mark.parametrize(
    ("days", "period", "said"),
    [
        (0.0, 60.0, "greater than zero"),
        (-1.0, 60.0, "greater than zero"),
        (float("nan"), 60.0, "greater than zero"),
        (1.0, 0.0, "whole number of seconds"),
        (1.0, 0.5, "whole number of seconds"),
        (1.0, 1e6, "whole number of seconds"),
        (0.001, 900.0, "give more days"),
    ],
)
def test_nothing_to_write_is_an_error(tmp_path: Path, days: float, period: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        write_readings(tmp_path, days=days, options=OPTIONS, period=period)
    assert not list(tmp_path.iterdir())
