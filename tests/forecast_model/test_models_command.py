"""`edge-balancer models`: what it prints, and its exit codes."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest

from edge_balancer.cli import main
from edge_balancer.models import serving
from edge_balancer.models.registry import GRAPH, Registry
from edge_balancer.settings.services import StorageSettings
from edge_balancer.storage.store import Store
from tests.daemon.service import write_config
from tests.forecast_model import onnx_files as made


class Site:
    """A configuration, its store's folder and the models in it; none came with the program."""

    def __init__(self, folder: Path, model: str = "active") -> None:
        self.database = folder / "eb.db"
        self.config = write_config(
            folder / "c.toml", {"storage": {"path": str(self.database)}, "forecast": {"model": model}}, 2
        )
        self.registry = serving.registry_of(self.database)
        self.folder = self.registry.folder

    def run(self, *words: str) -> int:
        return main(["models", "--config", str(self.config), *words])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(
        serving, "registry_of", lambda database: Registry(database.parent / "models", tmp_path / "none")
    )
    monkeypatch.setattr("edge_balancer.models.commands.registry_of", serving.registry_of)
    return Site(tmp_path)


def test_without_models_it_says_so(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run("list") == 0
    assert "There are no models in" in capsys.readouterr().out


def test_list_tells_what_is_there_and_what_is_in_use(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two", "three"):
        made.put(site.registry, name, made.good())
    (site.folder / "three" / GRAPH).write_bytes(b"cut")
    assert site.run("activate", "one") == 0
    assert site.run("activate", "two") == 0
    capsys.readouterr()
    assert site.run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "VERSION", "KIND", "KB", "CREATED"]
    by_name = {line.split()[0]: line for line in lines[1:4]}
    assert "by hand" in by_name["one"]
    assert by_name["one"].endswith("active before, 1 back")
    assert "active since 20" in by_name["two"]
    assert "cannot be used" in by_name["three"]
    assert lines[4] == "The configuration uses the active one, which is two (forecast.model = active)."


def test_list_tells_of_a_model_that_was_set_aside(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    made.put(site.registry, "one", made.good())
    identity = f"one:{site.registry.read('one').sha256[:16]}:"
    with Store.open(site.database, StorageSettings()) as store:
        store.save_state("learned", {"model": {"identity": identity, "fault": "it failed: badly"}})
    assert site.run("list") == 0
    assert "is set aside: it failed: badly" in capsys.readouterr().out


def test_verify_runs_all_of_them_and_fails_for_one_that_is_no_good(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    made.put(site.registry, "fine", made.good())
    assert site.run("verify") == 0
    assert "fine: good, by hand 7" in capsys.readouterr().out
    made.put(site.registry, "bad", made.wrong_shape())
    assert site.run("verify") == 1
    out = capsys.readouterr().out
    assert "bad: REFUSED: on a trial its output `correction` has the shape 3 x 5" in out
    assert site.run("verify", "fine") == 0
    assert site.run("verify", "gone") == 1


def test_verify_holds_the_card_against_the_file(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.registry.install("odd", made.good(), {"version": "8", "kind": "by hand"})
    assert site.run("verify") == 1
    assert "its card tells of by hand 8, its file of by hand 7" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gone", "bad", "../etc", "none"])
def test_what_is_no_good_is_not_activated(name: str, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    made.put(site.registry, "bad", made.good(float("nan")))
    assert site.run("activate", name) == 2
    assert capsys.readouterr().err.startswith("models activate: ")
    assert site.registry.active is None


def test_activating_tells_how_it_comes_into_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(tmp_path, "none")
    made.put(site.registry, "one", made.good())
    assert site.run("activate", "one") == 0
    out = capsys.readouterr().out
    assert "one is active (by hand 7" in out
    assert 'The configuration says forecast.model = "none", so this changes nothing yet: set it to "active".' in out
    assert "systemctl reload edge-balancer" in out


def test_rollback_goes_back_and_then_to_the_one_of_the_program(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        made.put(site.registry, name, made.good())
        site.run("activate", name)
    assert site.run("rollback") == 0
    assert "one is active again." in capsys.readouterr().out
    assert site.run("rollback") == 0
    assert "forecast.model = active means the one that came with the program again." in capsys.readouterr().out
    assert site.run("rollback") == 2
    assert "there is nothing to go back from" in capsys.readouterr().err


def test_rollback_to_a_model_that_is_no_good_any_more_says_what_else_can_be_done(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    # As after an upgrade of the program to another interface: the file is what it was, and no longer fits.
    made.put(site.registry, "one", made.wrong_shape())
    site.registry.activate("one", dt.datetime.now(dt.UTC))
    made.put(site.registry, "two", made.good())
    site.run("activate", "two")
    assert site.run("rollback") == 2
    said = capsys.readouterr().err
    assert "shape 3 x 5" in said
    assert 'activate another one, or set forecast.model = "none"' in said
    active = site.registry.active
    assert active is not None
    assert active.name == "two"


def test_the_store_may_be_named_instead_of_a_configuration(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    made.put(site.registry, "one", made.good())
    assert main(["models", "--database", str(site.database), "list"]) == 0
    assert "one" in capsys.readouterr().out


def test_a_store_that_cannot_be_read_costs_the_list_nothing(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    made.put(site.registry, "one", made.good())
    sqlite3.connect(site.database).close()
    site.database.write_bytes(json.dumps({}).encode() * 100)
    assert site.run("list") == 0
    assert "one" in capsys.readouterr().out
