"""`edge-balancer simulate`, as one calls it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edge_balancer.cli import main
from edge_balancer.simulation.example import example_toml

TINY = """
name = "tiny"
baselines = ["none", "static"]
[feeder]
houses = 3
[meters]
period_s = 900
transformer = false
[run]
history_days = 1
days = 3
burst_s = 60
series_step_s = 3600
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


def test_the_example_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--example"]) == 0
    assert capsys.readouterr().out == example_toml()


def test_a_run_writes_its_files_and_arguments_win_over_the_scenario(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    out = tiny.parent / "out"
    assert main(["simulate", str(tiny), "--out", str(out), "--days", "1", "--seed", "5", "--json"]) == 0
    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert (summary["days"], summary["seed"], summary["houses"]) == (1, 5, 3)
    assert set(summary["controllers"]) == {"ours", "none", "static"}
    assert json.loads((out / "summary.json").read_text()) == summary
    assert "edge-balancer[plots]" in said.err
    series = (out / "series.csv").read_text().splitlines()
    assert len(series) == 1 + 3 * 24
    assert (out / "operations.csv").read_text().startswith("t,house,from,to,reason\n")
    assert len((out / "houses.csv").read_text().splitlines()) == 4


def test_plots_are_written_where_matplotlib_is_there(tiny: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tiny.parent / "out"
    assert main(["simulate", str(tiny), "--out", str(out), "--days", "1"]) == 0
    for name in ("neutral-day", "neutral-duration", "voltages", "operations"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "</svg>" in (out / f"{name}.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--example"),
        (["nothing.toml"], "cannot be read"),
        (["tiny.toml", "--days", "0"], "run.days = 0"),
        (["broken.toml"], "is not valid TOML"),
        (["folder.toml"], "linecodes.csv"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tiny: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    Path("broken.toml").write_text("[run\n", encoding="utf-8")
    Path("folder.toml").write_text('[feeder]\nsource = "csv"\nfolder = "no"\n', encoding="utf-8")
    assert main(["simulate", *arguments]) == 2
    assert words in capsys.readouterr().err
