"""A recording replayed with a learned forecast: the same class, the same answers, every time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_balancer.cli import main
from edge_balancer.models.serving import registry_of
from tests.daemon.service import write_config
from tests.forecast_model import onnx_files as made
from tests.replay.records import T0, write


def _replay(folder: Path, model: str, out: str) -> int:
    config = write_config(
        folder / "c.toml",
        {
            "storage": {"path": str(folder / "eb.db")},
            "forecast": {"model": model, "deadline_ms": 1.0},
            "decision": {"operations_per_house_day": 20, "max_operations_per_house_day": 20, "neutral_trigger_a": 5.0},
        },
    )
    rows = "t,house,p,q,v\n" + "".join(
        f"{T0 + 60 * minute},h{k:02d},{4600 if k in (1, 4) else 100},0,230\n"
        for minute in range(30)
        for k in range(1, 7)
    )
    readings = write(folder / "r.csv", rows)
    return main(["replay", "--config", str(config), "--readings", str(readings), "--out", str(folder / out)])


def test_a_replay_uses_the_configured_model_and_can_be_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.put(registry_of(tmp_path / "eb.db"), "site", made.good(0.05))
    for out in ("a", "b"):
        assert _replay(tmp_path, "site", out) == 0
    assert "learned forecast site: advises" in capsys.readouterr().out
    assert (tmp_path / "a" / "moves.csv").read_bytes() == (tmp_path / "b" / "moves.csv").read_bytes()
    assert (tmp_path / "a" / "summary.json").read_bytes() == (tmp_path / "b" / "summary.json").read_bytes()
    told = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert told["forecast"]["model"]["calls"] > 0
    assert told["operations"] > 0
    assert "site 7" in (tmp_path / "a" / "moves.csv").read_text()


def test_a_replay_without_its_model_goes_by_the_blend_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _replay(tmp_path, "gone", "a") == 0
    told = capsys.readouterr().out
    assert "learned forecast gone: set aside: " in told
    assert "is missing" in told
