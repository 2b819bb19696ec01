"""`dataset` and `train` from the command line, from end to end: on the twin, and on a site's own store."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.cli import main
from edge_balancer.learning import gather as gathering
from edge_balancer.learning import policy_search, training
from edge_balancer.learning import site as learning_site
from edge_balancer.learning.dataset import store_dataset
from edge_balancer.learning.errors import LearningError
from edge_balancer.learning.export import answers
from edge_balancer.learning.options import TrainOptions
from edge_balancer.learning.policy import INPUTS, Policy
from edge_balancer.learning.standings import BLEND
from edge_balancer.models.registry import Registry
from edge_balancer.progress import ProgressLine
from tests.learning.learning_cases import living, write_store

TWIN = ["--scenarios", "houses-20", "--seeds", "1001", "--days", "3", "--every", "31"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    assert main(["dataset", "--out", str(folder), *TWIN]) == 0
    return folder


def test_a_twins_data_set_has_a_card_and_is_not_made_twice(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = json.loads((data / "card.json").read_text())
    assert card["recipe"]["source"] == "twin"
    assert card["rows"] == sum(shard["rows"] for shard in card["shards"]) > 2000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "rows", None)
        assert main(["dataset", "--out", str(data), *TWIN]) == 0
    assert card["sha256"] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dataset", "--out", "X", "--seeds", "31"], "--seeds 31: seeds below 1000 are kept for judging"),
        (["dataset", "--out", "X", "--every", "0.5"], "--every 0.5: give 1 to 240 minutes"),
        (["dataset", "--out", "X", "--days", "2"], "--days 2: give 3 or more"),
        (["dataset", "--out", "X", "--scenarios", "moon"], "'moon' is no scenario"),
        (["train", "--out", "X", "--data", "X/none"], "no data set is there; make one with"),
        (["train", "--out", "X", "--data", "X", "--candidates", "oracle"], "--candidates oracle: give some of ridge"),
        (["train", "--out", "X", "--data", "X", "--name", "../x"], "--name '../x': give at most 48 letters, digits"),
        (["train", "--out", "X", "--data", "X", "--rows", "10"], "--rows 10: give 1000 or more"),
        (["train", "--out", "X", "--data", "X", "--loop-seeds", "7"], "--loop-seeds 7: seed 7 is kept for the bench"),
        (
            ["train", "--out", "X", "--data", "X", "--policy-seeds", "-1"],
            "--policy-seeds -1: give whole numbers from 0",
        ),
        (["train", "--out", "X", "--data", "X", "--loop-days", "2"], "--loop-days 2: give 3 or more"),
        (["train", "--out", "X", "--data", "X", "--generations", "-1"], "--generations -1: give 0 or more"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_remedy(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.replace("X", str(tmp_path / "x"), 1) for argument in arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_training_on_the_twin_judges_exports_and_goes_on_where_it_was(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["train", "--data", str(data), "--out", str(out), "--candidates", "ridge", "--rows", "2000",
               "--loop-scenarios", "houses-20", "--loop-seeds", "1101,1102", "--loop-days", "3", "--budgets", "2",
               "--policy-seeds", "1201", "--generations", "1"]  # fmt: skip
    assert main(command) == 0
    first = capsys.readouterr().out
    assert "| blend |" in first
    assert "| policy |" in first
    assert "Winner: **" in first
    files = {path.name: path.read_bytes() for path in (out / "candidates").iterdir()}
    assert set(files) == {"ridge.onnx", "imitation.onnx", "policy.onnx"}
    kept = (out / "loop.csv").read_bytes()
    assert main(command) == 0
    assert capsys.readouterr().out == first
    assert (out / "loop.csv").read_bytes() == kept
    (out / "candidates" / "ridge.onnx").unlink()
    assert main(command) == 0
    assert (out / "candidates" / "ridge.onnx").read_bytes() == files["ridge.onnx"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of a site with eight days of minutes of ten houses."""
    folder = tmp_path_factory.mktemp("site")
    houses = [f"h{n:02d}" for n in range(10)]
    load = living(10, 8 * 1440, 21)
    store = write_store(folder / "edge.db", load, np.zeros(load.shape, dtype=np.int8), houses)
    config = folder / "site.toml"
    tables = [f'[[houses]]\nid = "{name}"\nphase = "L{1 + k % 3}"\n' for k, name in enumerate(houses)]
    config.write_text('[mqtt]\nhost = "localhost"\n' + "".join(tables))
    return ["train", "--config", str(config), "--from-store", str(store), "--out", str(folder / "out"),
            "--candidates", "ridge", "--rows", "5000", "--activate"]  # fmt: skip


@pytest.mark.parametrize("wins", [True, False])
def test_a_site_learns_from_its_store_and_takes_only_what_won(
    wins: bool, site: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who wins hangs on chance on a day of ten houses; what follows must not."""
    monkeypatch.setattr(training, "winner", lambda _table, names: next(iter(names)) if wins else BLEND)
    monkeypatch.setenv("EDGE_BALANCER_FORECAST__MODEL", "none")
    assert main(site) == 0
    said = capsys.readouterr().out
    registry = Registry(Path(site[4]).parent / "models")
    assert "| ridge | 1 |" in said  # the one whole day that is judged
    assert "holds 8.0 days of minutes, which leaves 1 to judge on" in said
    assert "Set storage.minute_days to 35, and train again" in said
    if wins:
        active = registry.active
        assert active is not None
        assert f"installed and activated as {active.name}" in said
        assert 'once the configuration says forecast.model = "active": it says "none"' in said
        card = registry.read(active.name).card
        assert (card["kind"], card["against"]) == ("ridge", "blend")
        assert answers(registry.read(active.name).onnx)(np.zeros((2, 51), dtype=np.float32)).correction.shape == (2, 6)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(learning_site, "_now", lambda: dt.datetime(2031, 1, 1, tzinfo=dt.UTC))
            patch.setenv("EDGE_BALANCER_FORECAST__MODEL", "active")
            assert main(site) == 0
        assert "once the configuration" not in capsys.readouterr().out
        assert registry.active is not None
        assert registry.active.name == "site-20310101-000000"
        assert registry.rollback(dt.datetime.now(dt.UTC)) is not None
        assert registry.active.name == active.name
    else:
        assert "The blend stays: no model is installed." in said
        assert "activated" not in said


def test_a_site_learns_again_in_the_same_folder_when_its_store_has_grown(tmp_path: Path) -> None:
    """As a timer would have it, with a controller that goes on writing."""
    config = tmp_path / "site.toml"
    config.write_text('[mqtt]\nhost = "localhost"\n[[houses]]\nid = "h1"\nphase = "L1"\n')
    load, out = living(1, 5 * 1440 + 60, 3), tmp_path / "out"
    made = []
    for minutes in (5 * 1440, 5 * 1440 + 60):
        store = write_store(tmp_path / f"{minutes}.db", load[:minutes], np.zeros((minutes, 1), dtype=np.int8), ["h1"])
        made.append(store_dataset(store, config, out, 60.0, None, ProgressLine(1e9), anew=True).recipe["slots"])
    assert made == [5 * 1440, 5 * 1440 + 60]
    with pytest.raises(LearningError, match="made otherwise"):
        store_dataset(tmp_path / "7200.db", config, out, 60.0, None, ProgressLine(1e9))


def test_a_policy_that_says_nothing_is_no_candidate_and_what_was_learned_is_not_learned_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, speaking = Policy((0.0,) * len(INPUTS)), Policy((0.1,) * len(INPUTS))
    learned = []

    def learn(*_: object) -> tuple[Policy, Policy]:
        learned.append(1)
        return silent, speaking

    monkeypatch.setattr(policy_search, "learned_policies", learn)
    options = TrainOptions(data, tmp_path, rows=2000)
    for _ in range(2):
        run = training.Training(options, lambda _: None)
        run._learn_policy(BLEND)
        assert list(run._models) == ["policy"]
    assert len(learned) == 1
    assert [path.name for path in (tmp_path / "candidates").iterdir()] == ["policy.onnx"]
    run = training.Training(replace(options, generations=9), lambda _: None)
    run._learn_policy(BLEND)
    assert len(learned) == 2
