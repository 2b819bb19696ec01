"""A runtime that ends the process ends control a few times, and then never again that day."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_balancer.doctor import others
from edge_balancer.doctor.findings import Finding, Level
from edge_balancer.forecast.interface import MissingModel
from edge_balancer.models import ordeal
from edge_balancer.models.ordeal import AGAIN_S, FILE, MOST, Ordeal
from edge_balancer.models.registry import Registry
from edge_balancer.models.runtime import OnnxModel
from edge_balancer.models.serving import Serving, registry_of
from edge_balancer.settings.forecast import ForecastSettings
from edge_balancer.settings.root import Configuration
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.store import Store
from tests.daemon.daemon_cases import sections
from tests.daemon.service import ROOT, write_config
from tests.forecast_model import onnx_files as made
from tests.forecast_model.test_model_in_daemon import NOON, PROBE


class Wall:
    def __init__(self) -> None:
        self.at = 1.8e9

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "eb.db"


def died(database: Path, wall: Wall, times: int = MOST, identity: str = "one:1:") -> None:
    """So many starts that laid the mark and never took it away."""
    for _ in range(times):
        assert Ordeal(database, wall).begin(identity) == ""


def test_three_starts_that_died_are_enough_for_a_day_and_then_one_more_is_tried(database: Path, wall: Wall) -> None:
    died(database, wall)
    told = Ordeal(database, wall).begin("one:1:")
    assert told.startswith("3 times in a row the controller came to a sudden end within 10 minutes of loading it")
    wall.at += AGAIN_S - 1.0
    assert Ordeal(database, wall).begin("one:1:")
    wall.at += 2.0
    assert Ordeal(database, wall).begin("one:1:") == ""
    assert Ordeal(database, wall).begin("one:1:").startswith("4 times")


def test_one_that_ended_in_order_starts_the_count_anew(database: Path, wall: Wall) -> None:
    died(database, wall, MOST - 1)
    last = Ordeal(database, wall)
    assert last.begin("one:1:") == ""
    last.end()
    assert not (database.parent / FILE).exists()
    died(database, wall)
    assert Ordeal(database, wall).begin("one:1:")


def test_another_model_another_activation_and_another_runtime_are_tried(
    database: Path, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    died(database, wall)
    assert Ordeal(database, wall).against("one:1:2026-11-23") == ""
    assert Ordeal(database, wall).against("one:1:")
    monkeypatch.setattr(ordeal, "version", lambda _name: "99.0")
    assert Ordeal(database, wall).begin("one:1:") == ""


@pytest.mark.parametrize("step_s", [-10.0 * AGAIN_S, 10.0 * AGAIN_S])
def test_a_clock_that_steps_costs_one_start_and_not_a_loop(step_s: float, database: Path, wall: Wall) -> None:
    died(database, wall)
    wall.at += step_s
    died(database, wall, 1)
    assert Ordeal(database, wall).begin("one:1:")


@pytest.mark.parametrize("content", [b"", b"{", b'{"identity": 5}'], ids=["empty", "cut", "nonsense"])
def test_half_a_mark_is_none(content: bytes, database: Path, wall: Wall) -> None:
    (database.parent / FILE).write_bytes(content)
    assert Ordeal(database, wall).begin("one:1:") == ""
    died(database, wall, MOST - 1)
    assert Ordeal(database, wall).begin("one:1:")


def test_where_no_mark_can_be_laid_the_model_is_loaded_all_the_same(tmp_path: Path, wall: Wall) -> None:
    Ordeal(tmp_path / "gone" / "eb.db", wall).begin("one:1:")
    serving = Serving(ForecastSettings(), tmp_path / "gone" / "eb.db")
    assert isinstance(serving.load(), OnnxModel)
    serving.close()


def test_after_ten_minutes_the_model_is_proven(database: Path, wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordeal, "PROVEN_S", 0.05)
    one = Ordeal(database, wall)
    one.begin("one:1:")
    one.survived_loading()
    assert one._timer is not None
    one._timer.join()
    assert not (database.parent / FILE).exists()


def test_the_mark_lies_while_a_model_serves_and_not_where_none_does(database: Path) -> None:
    mark = database.parent / FILE
    serving = Serving(ForecastSettings(), database)
    assert isinstance(serving.load(), OnnxModel)
    assert mark.exists()
    serving.close()
    assert not mark.exists()
    made.put(registry_of(database), "bad", b"no model")
    refused = Serving(ForecastSettings(model="bad"), database)
    assert isinstance(refused.load(), MissingModel)
    assert not mark.exists(), "refused in order: nothing crashed"
    assert Serving(ForecastSettings(model="none"), database).load() is None
    assert not mark.exists()


@pytest.fixture
def crashing(tmp_path: Path) -> Path:
    """A folder with an onnxruntime that ends the process, as one may that was built for another processor."""
    package = tmp_path / "broken" / "onnxruntime"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import os\nos.abort()\n")
    return package.parent


def starts(config: Path, crashing: Path) -> Iterator[subprocess.CompletedProcess[str]]:
    """The controller as a process, again and again, until it is up; then it ends in order."""
    environment = {**os.environ, "PYTHONPATH": f"{crashing}{os.pathsep}{ROOT}"}
    while True:
        yield subprocess.run(
            [sys.executable, "-c", PROBE, str(config)],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )


def test_the_controller_lives_with_a_runtime_that_crashes(free_port: int, database: Path, crashing: Path) -> None:
    made.put(registry_of(database), "site", made.good())
    keys = sections(free_port, "test/alone", database, forecast={"model": "site"})
    config = write_config(database.parent / "c.toml", keys)
    seen = starts(config, crashing)
    for _ in range(MOST):
        assert next(seen).returncode == -signal.SIGABRT
    alive = next(seen)
    assert alive.returncode == 0, alive.stderr
    assert "the learned forecast cannot be used" in alive.stdout
    assert next(seen).returncode == 0, "also at the next start"
    # A person who activates it anew wants it tried.
    registry_of(database).activate("site", NOON)
    assert next(seen).returncode == -signal.SIGABRT


def finding(database: Path, model: str) -> Finding:
    config = Configuration.model_validate(sections(1883, "test/alone", database, forecast={"model": model}))
    (found,) = others.model(config)
    return found


def test_the_doctor_tells_of_a_model_that_is_not_loaded_any_more(database: Path) -> None:
    registry = Registry(database.parent / "models")
    made.put(registry, "one", made.good())
    identity = f"one:{registry.read('one').sha256[:16]}:"
    assert finding(database, "one").level is Level.OK
    died(database, Wall(), identity=identity)
    assert finding(database, "one").level is Level.OK, "of long ago by the machine's clock"
    for _ in range(MOST):
        Ordeal(database).begin(identity)
    found = finding(database, "one")
    assert found.level is Level.FAIL
    assert "came to a sudden end" in found.says


def test_the_doctor_tells_of_a_model_that_was_set_aside(database: Path) -> None:
    registry = Registry(database.parent / "models")
    identity = f"default:{registry.read('default').sha256[:16]}:"
    assert "default is whole" in finding(database, "active").says
    with Store.open(database, StorageSettings()) as store:
        store.save_state("learned", {"model": {"identity": identity, "fault": "worse than the blend"}})
    found = finding(database, "active")
    assert (found.level, found.says) == (Level.WARN, "default was set aside: worse than the blend")
    assert "activate default" in found.remedy
    registry.activate("default", NOON)
    assert finding(database, "active").level is Level.OK
    assert finding(database, "gone").level is Level.FAIL
    assert "none is configured" in finding(database, "none").says
