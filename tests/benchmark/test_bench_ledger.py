"""What was computed is not computed again, and what a row came from decides whether it is good."""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import pytest

from edge_balancer.benchmark import commands, ledger, pool, runs, sources
from edge_balancer.benchmark.commands import balance_command
from edge_balancer.benchmark.ledger import Ledger, fingerprint, key_of
from edge_balancer.benchmark.options import CONTROLLERS, EXTRA, BenchOptions, add_balance_arguments
from edge_balancer.benchmark.pool import Job, run_jobs
from edge_balancer.benchmark.results import Result, uncompared
from edge_balancer.benchmark.scenarios import scenario
from edge_balancer.benchmark.sources import closure, source_hash


def of(controller: str, budget: float | None, mean_a: float, seed: int = 1) -> Result:
    return Result("houses-20", seed, controller, budget, mean_a, 30.0, 12.0, mean_a, budget or 0.0, 1.5, 0.1 + 0.2)


ROWS = [of("static", None, 10.0 / 3.0), of("ours", 2.0, 2.5), of("foresight", 2.0, 5.0 / 3.0), of("ours", 2.0, 2.0, 7)]


def test_rows_come_back_from_disk_to_the_last_bit(tmp_path: Path) -> None:
    kept = Ledger(tmp_path)
    for row in ROWS:
        kept.add(row, "abc")
    again = Ledger(tmp_path)
    for row in ROWS:
        known = again.find(key_of(row), "abc")
        assert known is not None
        assert uncompared(known) == row
    text = (tmp_path / "results.csv").read_text()
    again.save()
    assert (tmp_path / "results.csv").read_text() == text
    with (tmp_path / "results.csv").open() as stream:
        gains = {(row["controller"], row["seed"]): row["gain"] for row in csv.DictReader(stream)}
    assert float(gains["ours", "1"]) == pytest.approx(0.5)
    assert gains["ours", "7"] == ""


def test_a_row_that_came_from_something_else_is_not_found(tmp_path: Path) -> None:
    kept = Ledger(tmp_path)
    kept.add(ROWS[0], "abc")
    assert kept.find(key_of(ROWS[0]), "def") is None
    assert kept.find(key_of(ROWS[1]), "abc") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("scenario,seed\nx,1\n", "it has no column computed_from, so it is none of ours"),
        ("scenario,seed,controller,mean_a,computed_from\nx,one,ours,1.0,abc\n", "line 2: invalid literal"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        Ledger(tmp_path)


def test_a_row_hangs_on_what_it_is_computed_from_and_on_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    what, options = scenario("houses-20"), BenchOptions()
    source = ledger._source
    first = {name: fingerprint(what, name, options) for name in ("static", "ours", "foresight")}

    def changed(other: BenchOptions = options, scene: str = "houses-20") -> set[str]:
        return {name for name in first if fingerprint(scenario(scene), name, other) != first[name]}

    assert changed(replace(options, budgets=(3.0,), seeds=(5,), controllers=("ours",), workers=2)) == set()
    assert changed(replace(options, rounds=7)) == {"foresight"}
    assert changed(replace(options, days=9)) == set(first)
    assert changed(scene="even-ev") == set(first)
    monkeypatch.setattr(ledger, "_source", lambda name: "another engine" if name == "ours" else source(name))
    assert changed() == {"ours"}


def test_each_result_hangs_on_the_source_of_what_computes_it() -> None:
    def of_all(*roots: str) -> frozenset[str]:
        return frozenset().union(*(closure(f"edge_balancer.benchmark.{name}") for name in roots))

    judged = of_all(*ledger._ALL)
    for name in ("benchmark.case", "benchmark.judge", "benchmark.trips", "planning.figures", "twin.households.cars",
                 "twin.weather.clouds", "twin.grid.power_flow", "twin.medium_voltage", "types.phases"):  # fmt: skip
        assert f"edge_balancer.{name}" in judged
    ours, foresight = of_all(*ledger._OWN["ours"]), of_all(*ledger._OWN["foresight"])
    for name in ("engine", "decision.search", "forecast.blend", "switching.desk", "telemetry.rings", "settings.policy",
                 "twin.devices.switches", "twin.devices.accuracy", "benchmark.meters"):  # fmt: skip
        assert f"edge_balancer.{name}" in ours
    assert "firmware_bridge.settings.base" in ours
    assert not any(name.startswith(("edge_balancer.decision", "edge_balancer.engine")) for name in judged | foresight)
    assert {"edge_balancer.benchmark.joint", "edge_balancer.planning.chains"} <= foresight
    assert set(ledger._OWN) == {*CONTROLLERS, *EXTRA}


def test_a_changed_source_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "edge_balancer"
    (package / "part").mkdir(parents=True)
    for name, text in (
        ("__init__.py", ""),
        ("part/__init__.py", ""),
        ("part/one.py", "def late():\n    from edge_balancer.part import two\n    return two\n"),
        ("part/two.py", "import numpy\nfrom edge_balancer.three import x\n"),
        ("three.py", "x = 1\n"),
        ("other.py", "y = 1\n"),
    ):
        (package / name).write_text(text)
    monkeypatch.setattr(sources, "_ROOT", tmp_path)

    def hashed() -> str:
        sources._imported.cache_clear()
        return source_hash(["edge_balancer.part.one"])

    try:
        first = hashed()
        assert hashed() == first
        (package / "other.py").write_text("y = 2\n")
        assert hashed() == first
        (package / "three.py").write_text("x = 2\n")
        assert hashed() != first
        with pytest.raises(ValueError, match=r"edge_balancer\.none is no module"):
            source_hash([], ["edge_balancer.none"])
    finally:
        sources._imported.cache_clear()


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_balance_arguments(parser)
    return parser.parse_args(argv)


def test_only_what_is_missing_is_computed_and_the_table_shows_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Job, ...]] = []

    def run(jobs, options, found, progress, ended):  # type: ignore[no-untyped-def]
        asked.append(tuple(jobs))
        for job in jobs:
            for controller, budget in job.todo:
                found(of(controller, budget, {"static": 4.0, "ours": 3.0 + len(asked), "foresight": 2.0}[controller]))
        return []

    monkeypatch.setattr(commands, "run_jobs", run)
    base = ("--scenarios", "houses-20", "--budgets", "2", "--out", str(tmp_path))

    def called(*argv: str) -> tuple[list[str], str]:
        asked.clear()
        assert balance_command(parsed(*base, *argv)) == 0
        return [name for jobs in asked for job in jobs for name, _ in job.todo], capsys.readouterr().out

    assert called("--controllers", "static,foresight")[0] == ["static", "foresight"]
    ran, shown = called("--controllers", "ours")
    assert ran == ["ours"]
    assert "foresight" in shown
    assert " 0.00 " in shown  # ours is as good as static
    assert called("--controllers", "static,ours,foresight")[0] == []
    assert called("--controllers", "ours", "--fresh")[0] == ["ours"]
    shown = called("--controllers", "ours", "--markdown")[1]
    assert "| scenario | seeds | controller |" in shown


def test_a_controller_that_fails_is_told_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("the greedy rule has lost its way")

    monkeypatch.setattr(runs, "greedy_schedule", broken)
    argv = ("--scenarios", "houses-20", "--days", "1", "--budgets", "2", "--out", str(tmp_path))
    assert balance_command(parsed(*argv, "--controllers", "none,greedy,static")) == 1
    told = capsys.readouterr()
    assert "failed: houses-20, seed 1, greedy at 2 operations per house-day:" in told.err
    assert "the greedy rule has lost its way" in told.err
    assert "static" in told.out
    with (tmp_path / "results.csv").open() as stream:
        assert [row["controller"] for row in csv.DictReader(stream)] == ["none", "static"]


@pytest.mark.slow
def test_two_workers_find_what_one_finds(tmp_path: Path) -> None:
    jobs = [Job(scenario("houses-20"), seed, (("static", None), ("greedy", 2.0))) for seed in (1, 2, 3)]
    found: list[list[Result]] = [[], []]
    for workers, rows in zip((1, 2), found, strict=True):
        run_jobs(
            jobs, BenchOptions(days=1, workers=workers), rows.append, lambda _what: lambda _text: None, lambda: None
        )
    one, two = ({key_of(row): row for row in rows} for rows in found)
    assert len(one) == 6
    assert one == two


def test_who_stops_it_has_the_tables_of_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def feeder(what, seed, todo, options, found, progress):  # type: ignore[no-untyped-def]
        if seed == 2:
            seen.append((tmp_path / "means.csv").read_text())
        found(replace(of("static", None, 4.0), seed=seed))
        if seed == 2:
            raise KeyboardInterrupt
        return []

    monkeypatch.setattr(pool, "run_feeder", feeder)
    with pytest.raises(KeyboardInterrupt):
        balance_command(
            parsed("--scenarios", "houses-20", "--controllers", "static", "--seeds", "1-3", "--out", str(tmp_path))
        )
    assert {path.name for path in tmp_path.iterdir()} == {
        "means.csv", "means.md", "pareto-houses-20.svg", "pareto.csv", "results.csv",
    }  # fmt: skip
    # After the first feeder, and what the second had by then.
    assert "houses-20,1,static" in seen[0]
    assert "houses-20,2,static" in (tmp_path / "means.csv").read_text()
