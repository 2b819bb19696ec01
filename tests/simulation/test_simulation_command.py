"""`edge-balancer simulate`, as one calls it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edge_balancer.cli import main
from edge_balancer.models.registry import GRAPH, PACKAGED, Registry
from edge_balancer.simulation.example import example_toml
from edge_balancer.twin.grid.csv_files import save
from edge_balancer.twin.grid.generate import generate

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


BRIEF = TINY.replace("history_days = 1", "history_days = 0").replace(', "static"', "")


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
    for name in ("neutral-day", "neutral-duration", "voltages", "unbalance", "losses", "compared", "operations"):
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
        (["empty.toml"], "feeder/loads.csv: it has no houses"),
        (["tiny.toml", "--out", "tiny.toml"], "tiny.toml cannot be written: there is a file of this name; give --out"),
    ],
)
def test_what_cannot_be_used_is_refused(
    tiny: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    Path("broken.toml").write_text("[run\n", encoding="utf-8")
    Path("folder.toml").write_text('[feeder]\nsource = "csv"\nfolder = "no"\n', encoding="utf-8")
    Path("empty.toml").write_text('[feeder]\nsource = "csv"\nfolder = "feeder"\n', encoding="utf-8")
    save(generate("rural", 3, 1), Path("feeder"))
    Path("feeder/loads.csv").write_text("load,bus,phase\n", encoding="utf-8")
    assert main(["simulate", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_model_is_used_by_name_by_file_and_from_the_scenario_alike(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    tiny.write_text(BRIEF, encoding="utf-8")
    # What somebody has activated where the command happens to run is no matter of the scenario.
    Path("models").mkdir()
    Path("models/active.json").write_text('{"active": 5}')
    named = tiny.with_name("named.toml")
    named.write_text(BRIEF + '[controller.forecast]\nmodel = "none"\n', encoding="utf-8")
    runs = {
        "blend": [str(named)],
        "unsaid": [str(tiny)],
        "name": [str(named), "--model", "default"],
        "file": [str(named), "--model", str(PACKAGED / GRAPH)],
        "none": [str(tiny), "--model", "none"],
    }
    seen = {}
    for what, arguments in runs.items():
        assert main(["simulate", *arguments, "--days", "1", "--json"]) == 0
        seen[what] = json.loads(capsys.readouterr().out)
    assert seen["blend"]["forecast"] == seen["none"]["forecast"] == {}
    assert seen["blend"]["controllers"] == seen["none"]["controllers"]
    for what in ("unsaid", "name", "file"):
        told = seen[what]["forecast"]
        assert (told["use"], told["fault"]) == ("advises", "")
        assert told["calls"] > 50
        assert seen[what]["controllers"] == seen["name"]["controllers"]
    assert seen["name"]["scenario"]["controller"]["forecast"]["model"] == "default"


def test_a_model_of_the_site_is_found_beside_the_store_of_its_configuration(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    tiny.write_text(BRIEF, encoding="utf-8")
    packaged = Registry(tiny.parent / "none").read("default")
    Registry(tiny.parent / "state" / "models").install("site-1", packaged.onnx, packaged.card)
    config = tiny.with_name("site.toml")
    config.write_text(
        '[mqtt]\nhost = "localhost"\n[storage]\npath = "state/eb.db"\n[[houses]]\nid = "h1"\nphase = "L1"\n',
        encoding="utf-8",
    )
    command = ["simulate", str(tiny), "--days", "1", "--model", "site-1"]
    assert main([*command, "--config", str(config)]) == 0
    assert "learned forecast site-1 " in capsys.readouterr().out
    assert main(command) == 2
    assert "--model site-1: it is no .onnx file, and there is no folder models/site-1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("no.onnx", "--model no.onnx: No such file or directory; give an .onnx file"),
        ("noise.onnx", "--model noise.onnx: onnxruntime cannot read it"),
        (
            "nope",
            "--model nope: it is no .onnx file, and there is no folder models/nope; give the path of an .onnx file",
        ),
        (
            "broken",
            "--model broken: models/broken/card.json is missing; give the path of an .onnx file with --model, or `",
        ),
        ("two words", "controller.forecast.model"),
    ],
)
def test_a_model_that_the_daemon_would_not_use_is_refused(
    tiny: Path, model: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    Path("noise.onnx").write_bytes(b"noise" * 100)
    Path("models/broken").mkdir(parents=True)
    assert main(["simulate", str(tiny), "--model", model]) == 2
    assert words in capsys.readouterr().err


def test_a_model_of_the_scenario_is_named_by_its_key(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    tiny.write_text(BRIEF + '[controller.forecast]\nmodel = "nope"\n', encoding="utf-8")
    assert main(["simulate", str(tiny)]) == 2
    assert "forecast.model = 'nope': it is no .onnx file, and there is no folder" in capsys.readouterr().err
