"""`edge-balancer twin`: readings, feeder, statistics, from their arguments to their output."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from edge_balancer.cli import main
from edge_balancer.settings.load import load
from edge_balancer.twin.commands import MIXES
from edge_balancer.twin.grid.csv_files import load as load_feeder
from edge_balancer.twin.grid.generate import Style, generate
from edge_balancer.twin.households import Mix


def test_the_mixes_are_those_of_the_model() -> None:
    assert set(MIXES) == set(Mix)


def test_readings_are_written_and_progress_goes_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--houses", "4", "--days", "0.1", "--heat-pump-share", "0.5", "--ev-share", "0.25", "--feeder", "rural"]
    assert main(["twin", "readings", "--out", str(tmp_path), *words]) == 0
    printed = capsys.readouterr()
    assert "576 readings" in printed.out
    assert "0.1 of 0.1 days" in printed.err
    assert "days" not in printed.out
    assert len(gzip.decompress((tmp_path / "readings.csv.gz").read_bytes()).splitlines()) == 577
    assert len(load(tmp_path / "config.toml", {}).houses) == 4


@pytest.mark.parametrize(("share", "roofs"), [([], 0), (["--pv-share", "0.5"], 5)])
def test_a_mini_grid_has_roofs_only_where_asked(tmp_path: Path, share: list[str], roofs: int) -> None:
    words = ["--houses", "10", "--days", "0.01", "--feeder", "mini-grid", *share]
    assert main(["twin", "readings", "--out", str(tmp_path), *words]) == 0
    configuration = load(tmp_path / "config.toml", {})
    assert sum(house.pv_w > 0.0 for house in configuration.houses) == roofs
    assert all(house.pv_w < 1300.0 for house in configuration.houses)


@pytest.mark.parametrize("style", list(Style))
def test_a_feeder_is_written_as_it_is_generated(
    tmp_path: Path, style: Style, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["twin", "feeder", "--out", str(tmp_path), "--style", style, "--houses", "9", "--seed", "4"]) == 0
    read, made = load_feeder(tmp_path), generate(style, 9, 4)
    assert read.houses.names == made.houses.names
    assert read.houses.phase.tolist() == made.houses.phase.tolist()
    assert read.transformer == made.transformer
    assert f"{made.transformer.kva:g} kVA" in capsys.readouterr().out


def test_statistics_stand_beside_published_ones_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--houses", "12", "--days", "2", "--seed", "2", "--mix"]
    assert main(["twin", "statistics", *words, "mini_grid"]) == 0
    printed = capsys.readouterr()
    assert "mini-grid: energy" in printed.out
    assert "[1] Blodgett" in printed.out
    assert "evening peak" in printed.out
    for row in ("ramp from minute to minute, mean", "ramp, 95th percentile", "autocorrelation of a house, 60 min"):
        assert f"mini-grid: {row}" in printed.out
    assert "12 households of a mini-grid over 2 days" in printed.err
    assert "PV" not in printed.out


@pytest.mark.slow
def test_all_statistics_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["twin", "statistics", "--houses", "30", "--days", "3"]) == 0
    out = capsys.readouterr().out
    for part in ("load factor", "car: charges", "heat pump", "PV: yield", "sky: days", "air: mean", "mini-grid"):
        assert part in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["readings", "--houses", "0"], "houses = 0"),
        (["readings", "--period", "0.5"], "period = 0.5"),
        (["readings", "--heat-pump-share", "2"], "heat_pump_share"),
        (["readings", "--feeder", "mini-grid", "--ev-share", "0.2"], "on a mini-grid"),
        (["feeder", "--houses", "0"], "houses = 0"),
        (["statistics", "--days", "0"], "days = 0"),
        (["statistics", "--houses", "0"], "houses = 0"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = [] if words[0] == "statistics" else ["--out", str(tmp_path / "out")]
    assert main(["twin", *words, *out]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("place", "why"), [("file", "there is a file of this name"), ("/proc/x", "No such file")])
@pytest.mark.parametrize("words", [["feeder", "--houses", "3"], ["readings", "--houses", "3", "--days", "0.01"]])
def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, words: list[str], place: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["twin", *words, "--out", str(tmp_path / place)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"edge-balancer twin {words[0]}: {tmp_path / place} cannot be written: {why}")
    assert said.endswith("; give --out a folder that can be written\n")
