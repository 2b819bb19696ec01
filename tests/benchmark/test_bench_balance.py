"""Scenarios, the engine on them, and the command as people call it."""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.benchmark.case import operations_of
from edge_balancer.benchmark.commands import balance_command
from edge_balancer.benchmark.meters import Metered
from edge_balancer.benchmark.network import Network
from edge_balancer.benchmark.options import add_balance_arguments, read_options
from edge_balancer.benchmark.ours import configuration, run_engine
from edge_balancer.benchmark.scenarios import SCENARIOS, Meters, Scenario, Switches, make_case, scenario
from edge_balancer.benchmark.volts import HouseVoltages
from edge_balancer.twin.grid.generate import Style
from tests.benchmark.bench_cases import small_case


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_balance_arguments(parser)
    return parser.parse_args(argv)


# The others differ from one of these in their meters or switches alone.
FEEDERS = [
    pytest.param(what, id=what.name, marks=[pytest.mark.slow] if what.houses > 100 else [])
    for what in SCENARIOS
    if what.meters == Meters() and what.switches == Switches()
]


@pytest.mark.parametrize("what", FEEDERS)
def test_every_scenario_is_the_feeder_that_it_says(what: Scenario) -> None:
    case = make_case(what, 3, 1)
    a_day = 86400 // what.step_s
    assert case.power.shape == (2 * a_day, what.houses)
    assert case.judged == a_day
    assert len(case.movable) == (what.switchable or what.houses)
    counts = np.bincount(case.initial, minlength=3)
    assert counts.max() - counts.min() <= 1
    roofs = case.pv_w.max(axis=0) > 0.0
    assert roofs.sum() == round(what.pv_share * what.houses)
    if roofs.any():
        share = np.bincount(case.initial[roofs], minlength=3).max() / roofs.sum()
        assert share == pytest.approx(what.pv_skew, abs=0.06)


def test_a_seed_makes_the_same_feeder_and_another_another() -> None:
    what = scenario("houses-20")
    one, same, other = make_case(what, 1, 1), make_case(what, 1, 1), make_case(what, 2, 1)
    assert np.array_equal(one.power, same.power)
    assert np.array_equal(one.initial, same.initial)
    assert not np.array_equal(one.power, other.power)


def test_meters_report_means_over_their_period_and_lose_some() -> None:
    case = small_case(3, 60, seed=1)
    slow = Metered(case, Meters(period_s=900.0), 1)
    due = np.flatnonzero(slow.arrives[:, 0])
    assert len(due) == 4
    assert (np.diff(due) == 15).all()
    assert slow.value[due[1], 0].real == pytest.approx(case.power[due[1] - 14 : due[1] + 1, 0].real.mean(), abs=0.51)
    assert (slow.heard()[due[1] : due[2], 0] == slow.value[due[1], 0]).all()
    assert (slow.heard()[: due[0], 0] == 0.0).all()
    lossy = Metered(case, Meters(period_s=60.0, loss=0.5), 1)
    assert 50 < lossy.arrives.sum() < 130
    coarse = Metered(case, Meters(period_s=60.0, resolution_w=100.0), 1)
    assert (coarse.value.real % 100.0 == 0.0).all()
    with pytest.raises(ValueError, match="90 s: give a whole number of slots"):
        Metered(case, Meters(period_s=90.0), 1)


@pytest.mark.parametrize("period_s", [60.0, 180.0])
def test_a_tripped_inverter_shows_in_its_own_meter_until_it_is_back(period_s: float) -> None:
    case = small_case(3, 60, seed=1, pv_w=1000.0)
    still, moved = (Metered(case, Meters(period_s, loss=0.1, resolution_w=0.01), 1) for _ in range(2))
    moved.moved(1, 20)
    more = (moved.value - still.value).real
    assert (more[:, [0, 2]] == 0.0).all()
    # Away for five slots of a minute; a mean over three sees it for two longer.
    away = np.arange(60)
    many = period_s / 60.0
    wanted = 1000.0 * np.clip(np.minimum(away - 19, 25 + many - 1 - away), 0, min(many, 5)) / many
    assert more[:, 1] == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("failures", [0.0, 0.5])
def test_the_engine_balances_within_its_cap_and_the_same_each_time(failures: float) -> None:
    day = make_case(Scenario("little", "little", houses=12, transformer_kva=50.0, switchable=8), 5, 1)
    noon = slice(3960, 4320)
    case = replace(day, power=day.power[noon], pv_w=day.pv_w[noon], start=day.start + 660 * 60.0, judged=1)
    config = configuration(case, 8.0, voltages=True)
    volts = HouseVoltages(Network(case, Style.RURAL, 5).flow)
    one, same = (
        run_engine(case, config, Meters(), Switches(failures=failures), 5, lambda _: None, volts) for _ in range(2)
    )
    assert np.array_equal(one.schedule, same.schedule)
    moved = operations_of(one.schedule)
    assert moved.sum() > 0
    assert (moved[~case.switchable] == 0).all()
    assert moved.max() <= config.decision.max_operations_per_house_day
    assert (one.failed > 0) == (failures > 0.0)
    assert one.lock_outs <= one.failed
    if not failures:
        whole = slice(0, None)
        assert np.abs(case.rows(whole, one.schedule)).mean() < np.abs(case.rows(whole, case.initial)).mean()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--controllers", "ours,magic"), "--controllers magic: give some of none, static"),
        (("--seeds", "3-1"), "--seeds 3-1: the range is empty"),
        (("--seeds", "x"), "--seeds x: give whole numbers"),
        (("--budgets", "2,0"), "--budgets 2,0: give numbers above 0"),
        (("--budgets", "nan"), "--budgets nan: give numbers above 0"),
        (("--days", "0"), "--days 0: give 1 or more"),
        (("--workers", "0"), "--workers 0: give 1 to 64"),
        (("--rounds", "-1"), "--rounds -1: give 0 or more"),
        (("--scenarios", "moon"), "'moon' is no scenario: give one of skewed-pv, "),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_remedy(
    argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert balance_command(parsed(*argv)) == 2
    assert message in capsys.readouterr().err


def test_seeds_and_budgets_are_read_as_lists_and_ranges() -> None:
    options = read_options(parsed("--seeds", "4,11-13", "--budgets", "8,2", "--scenarios", "houses-20"))
    assert (options.seeds, options.budgets, options.scenarios) == ((4, 11, 12, 13), (2.0, 8.0), ("houses-20",))


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert balance_command(parsed("--scenarios", "list")) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [one.name for one in SCENARIOS]


@pytest.mark.parametrize(
    "controllers", ["none,static,greedy,threshold", pytest.param("static,foresight", marks=pytest.mark.slow)]
)
def test_the_command_writes_the_same_files_twice(
    controllers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ("--scenarios", "houses-20", "--controllers", controllers, "--days", "1", "--budgets", "4", "--rounds", "1")
    for name in ("one", "two"):
        assert balance_command(parsed(*argv, "--out", str(tmp_path / name))) == 0
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["means.csv", "means.md", "pareto-houses-20.svg", "pareto.csv", "results.csv"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    with (tmp_path / "one" / "results.csv").open() as stream:
        rows = {row["controller"]: row for row in csv.DictReader(stream)}
    assert sorted(rows) == sorted(controllers.split(","))
    best = rows[controllers.rsplit(",", maxsplit=1)[-1]]
    assert float(best["mean_a"]) < float(rows["static"]["mean_a"])
    assert best["gain"] == ("1.0" if "foresight" in rows else "")
    assert "20 houses: 1 days judged" in capsys.readouterr().out
