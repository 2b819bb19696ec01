"""The recorded readings that the twin writes."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from edge_balancer.settings.load import load
from edge_balancer.twin.houses import draw_houses
from edge_balancer.twin.options import DEFAULT_DAY, TwinOptions
from edge_balancer.twin.readings import write_readings
from edge_balancer.types.phases import Phase

OPTIONS = TwinOptions(houses=7, seed=3)


def test_the_file_is_sorted_whole_and_starts_one_period_after_midnight(tmp_path: Path) -> None:
    files = write_readings(tmp_path, days=1.5, options=OPTIONS, period=300.0, compress=False)
    with files.readings.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["t", "house", "p", "q", "v"]
    assert len(rows) == files.rows == 7 * 432
    stamps = [float(row["t"]) for row in rows]
    assert stamps == sorted(stamps)
    assert stamps[0] == OPTIONS.wall(DEFAULT_DAY) + 300.0
    assert stamps[-1] == OPTIONS.wall(DEFAULT_DAY) + 1.5 * 86400.0
    assert {row["house"] for row in rows} == set(draw_houses(OPTIONS).ids)
    assert all(200.0 < float(row["v"]) < 260.0 for row in rows)
    assert min(float(row["p"]) for row in rows) < -500.0, "no PV"


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (
        write_readings(tmp_path / name, days=0.2, options=OPTIONS).readings.read_bytes() for name in ("one", "other")
    )
    assert one == other
    assert gzip.decompress(one).startswith(b"t,house,p,q,v\n")


def test_days_are_the_same_however_many_are_asked_for(tmp_path: Path) -> None:
    short = write_readings(tmp_path / "1", days=1, options=OPTIONS, compress=False).readings.read_text()
    long = write_readings(tmp_path / "2", days=2, options=OPTIONS, compress=False).readings.read_text()
    assert long.startswith(short)


def test_the_configuration_beside_it_is_good(tmp_path: Path) -> None:
    files = write_readings(tmp_path, days=0.01, options=OPTIONS)
    configuration = load(files.config, {})
    houses = draw_houses(OPTIONS)
    assert [h.id for h in configuration.houses] == list(houses.ids)
    assert [h.phase for h in configuration.houses] == [Phase(int(p)) for p in houses.phases]
    assert [h.pv_w for h in configuration.houses] == houses.pv_w.tolist()
    assert configuration.feeder.transformer_kva == OPTIONS.transformer_kva


@pytest.mark.parametrize(("days", "period"), [(0.0, 60.0), (1.0, 0.0), (-1.0, 60.0)])
def test_nothing_to_write_is_an_error(tmp_path: Path, days: float, period: float) -> None:
    with pytest.raises(ValueError, match="greater than zero"):
        write_readings(tmp_path, days=days, options=OPTIONS, period=period)


@pytest.mark.parametrize("change", [{"houses": 0}, {"pv_share": 1.5}, {"ev_share": -0.1}, {"pv_skew": 2.0}])
def test_options_out_of_range_are_named(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        TwinOptions(**change)  # type: ignore[arg-type]
