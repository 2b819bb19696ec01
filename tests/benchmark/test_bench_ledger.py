"""What was computed is not computed again, and what a row came from decides whether it is good."""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import pytest

from edge_balancer.benchmark import commands, ledger
from edge_balancer.benchmark.commands import balance_command
from edge_balancer.benchmark.ledger import Ledger, fingerprint, key_of
from edge_balancer.benchmark.options import BenchOptions, add_balance_arguments
from edge_balancer.benchmark.pool import Job, run_jobs
from edge_balancer.benchmark.results import Result
from edge_balancer.benchmark.scenarios import scenario


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
        assert replace(known, gain=None, p95_ratio=None, worse=None) == row
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
    first = {name: fingerprint(what, name, options) for name in ("static", "ours", "foresight")}

    def changed(other: BenchOptions = options, scene: str = "houses-20") -> set[str]:
        return {name for name in first if fingerprint(scenario(scene), name, other) != first[name]}

    assert changed(replace(options, budgets=(3.0,), seeds=(5,), controllers=("ours",), workers=2)) == set()
    assert changed(replace(options, rounds=7)) == {"foresight"}
    assert changed(replace(options, days=9)) == set(first)
    assert changed(scene="even-ev") == set(first)
    monkeypatch.setattr(ledger, "_engine_source", lambda: "another engine")
    assert changed() == {"ours"}


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_balance_arguments(parser)
    return parser.parse_args(argv)


def test_only_what_is_missing_is_computed_and_the_table_shows_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Job, ...]] = []

    def run(jobs, options, found, progress):  # type: ignore[no-untyped-def]
        asked.append(tuple(jobs))
        for job in jobs:
            for controller, budget in job.todo:
                found(of(controller, budget, {"static": 4.0, "ours": 3.0 + len(asked), "foresight": 2.0}[controller]))

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


@pytest.mark.slow
def test_two_workers_find_what_one_finds(tmp_path: Path) -> None:
    jobs = [Job(scenario("houses-20"), seed, (("static", None), ("greedy", 2.0))) for seed in (1, 2, 3)]
    found: list[list[Result]] = [[], []]
    for workers, rows in zip((1, 2), found, strict=True):
        run_jobs(jobs, BenchOptions(days=1, workers=workers), rows.append, lambda _what: lambda _text: None)
    one, two = ({key_of(row): row for row in rows} for rows in found)
    assert len(one) == 6
    assert one == two
