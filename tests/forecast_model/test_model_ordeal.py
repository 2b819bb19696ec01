"""A runtime that ends the process ends control a few times, and then not again before the next boot."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_balancer.clock import SystemClock, boot_of
from edge_balancer.doctor import others
from edge_balancer.doctor.findings import Finding, Level
from edge_balancer.forecast.interface import MissingModel
from edge_balancer.models import ordeal
from edge_balancer.models.ordeal import FILE, MOST, Ordeal
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

BOOT = "this boot"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "eb.db"


def died(database: Path, times: int = MOST, identity: str = "one:1:", boot: str = BOOT) -> None:
    """So many starts that laid the mark and never took it away."""
    for _ in range(times):
        assert Ordeal(database, boot).begin(identity) == ""


def test_three_starts_that_died_are_enough_until_the_machine_boots(database: Path) -> None:
    died(database)
    assert Ordeal(database, BOOT).against("one:1:") == "", "the third may be alive"
    for _ in range(3):
        told = Ordeal(database, BOOT).begin("one:1:")
        assert told.startswith("3 times in a row the controller came to a sudden end within 10 minutes of loading it")
        assert Ordeal(database, BOOT).against("one:1:") == told
    assert Ordeal(database, "next boot").against("one:1:") == ""
    died(database, boot="next boot")
    assert Ordeal(database, "next boot").begin("one:1:")


def test_power_cuts_are_no_crashes(database: Path) -> None:
    for boot in range(10):
        died(database, 1, boot=f"boot {boot}")


def test_one_that_ended_in_order_starts_the_count_anew(database: Path) -> None:
    died(database, MOST - 1)
    last = Ordeal(database, BOOT)
    assert last.begin("one:1:") == ""
    last.end()
    assert not (database.parent / FILE).exists()
    died(database)
    refused = Ordeal(database, BOOT)
    assert refused.begin("one:1:")
    refused.end()
    assert Ordeal(database, BOOT).begin("one:1:"), "the end of a run without the model proves nothing"


def test_another_model_another_activation_and_another_runtime_are_tried(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    died(database)
    assert Ordeal(database, BOOT).begin("one:1:")
    assert Ordeal(database, BOOT).against("one:1:2026-11-23") == ""
    assert Ordeal(database, BOOT).against("one:1:")
    monkeypatch.setattr(ordeal, "version", lambda _name: "99.0")
    assert Ordeal(database, BOOT).begin("one:1:") == ""


@pytest.mark.parametrize("content", [b"", b"{", b'{"identity": 5}'], ids=["empty", "cut", "nonsense"])
def test_half_a_mark_is_none(content: bytes, database: Path) -> None:
    (database.parent / FILE).write_bytes(content)
    died(database)
    assert Ordeal(database, BOOT).begin("one:1:")


@pytest.mark.parametrize("marks", [0, MOST])
def test_a_full_disk_neither_keeps_a_model_away_nor_forgets_that_it_crashed(
    marks: int, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    died(database, marks)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for _ in range(MOST + 2):
        assert bool(Ordeal(database, BOOT).begin("one:1:")) is bool(marks)
    assert len(list(database.parent.iterdir())) == bool(marks), "nothing half written is left"


def test_where_no_mark_can_be_laid_the_model_is_loaded_all_the_same(tmp_path: Path) -> None:
    serving = Serving(ForecastSettings(), tmp_path / "gone" / "eb.db", BOOT)
    for _ in range(MOST + 1):
        assert isinstance(serving.load(), OnnxModel)
    serving.close()


def test_after_ten_minutes_the_model_is_proven(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordeal, "PROVEN_S", 0.05)
    one = Ordeal(database, BOOT)
    one.begin("one:1:")
    one.survived_loading()
    assert one._timer is not None
    one._timer.join()
    assert not (database.parent / FILE).exists()
    # What another run has laid since is not for this one to take away.
    died(database, 1)
    one.end()
    assert (database.parent / FILE).exists()


def test_a_run_that_has_ended_takes_no_later_mark_away(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordeal, "PROVEN_S", 0.2)
    first = Ordeal(database, BOOT)
    first.begin("one:1:")
    first.survived_loading()
    first.end()
    died(database, 1)
    assert first._timer is not None
    first._timer.join()
    first.survived_loading()
    assert not first._timer.is_alive(), "loaded after the end: no new timer"
    assert (database.parent / FILE).exists()


def test_the_mark_lies_while_a_model_serves_and_not_where_none_does(database: Path) -> None:
    mark = database.parent / FILE
    serving = Serving(ForecastSettings(), database, BOOT)
    assert isinstance(serving.load(), OnnxModel)
    assert mark.exists()
    serving.close()
    assert not mark.exists()
    made.put(registry_of(database), "bad", b"no model")
    refused = Serving(ForecastSettings(model="bad"), database, BOOT)
    assert isinstance(refused.load(), MissingModel)
    assert not mark.exists(), "refused in order: nothing crashed"
    assert Serving(ForecastSettings(model="none"), database, BOOT).load() is None
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
    boot = boot_of(SystemClock(), uuid.uuid4())
    died(database, identity=identity, boot=boot)
    assert finding(database, "one").level is Level.OK, "the third start may be alive"
    assert Ordeal(database, boot).begin(identity)
    found = finding(database, "one")
    assert found.level is Level.WARN
    assert "where it dies without a word" in found.remedy
    assert found.says.startswith("one is set aside: 3 times in a row")


def test_the_doctor_tells_of_a_model_that_was_set_aside(database: Path) -> None:
    registry = Registry(database.parent / "models")
    identity = f"default:{registry.read('default').sha256[:16]}:"
    assert "default is whole" in finding(database, "active").says
    with Store.open(database, StorageSettings()) as store:
        fault = {"identity": identity, "fault": "worse than the blend", "blame": "unfit"}
        store.save_state("learned", {"model": fault})
    found = finding(database, "active")
    assert (found.level, found.says) == (Level.WARN, "default is set aside: worse than the blend")
    assert "activate default" in found.remedy
    registry.activate("default", NOON)
    assert finding(database, "active").level is Level.OK
    assert finding(database, "gone").level is Level.FAIL
    assert "none is configured" in finding(database, "none").says
