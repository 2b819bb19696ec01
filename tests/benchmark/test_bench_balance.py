"""Scenarios, the engine on them, and the command as people call it."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_balancer.benchmark.commands import balance_command
from edge_balancer.benchmark.meters import Metered
from edge_balancer.benchmark.network import Network
from edge_balancer.benchmark.options import add_balance_arguments, read_options
from edge_balancer.benchmark.ours import configuration, run_engine
from edge_balancer.benchmark.results import result
from edge_balancer.benchmark.scenarios import SCENARIOS, Meters, Scenario, Switches, households, make_case, scenario
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
    if what.meters == Meters() and what.switches.sound
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


def test_in_winter_heat_pumps_run_and_the_sun_is_low() -> None:
    what = scenario("heat-pumps")
    people = households(what, 3)
    assert sum(house.heat_pump is not None for house in people.houses) == 22
    case = make_case(what, 3, 1)
    assert case.start == people.site.midnight_of(dt.date(2025, 1, 6))
    summer = make_case(scenario("even-ev"), 3, 1)
    assert case.pv_w.sum() < 0.4 * summer.pv_w.sum()
    assert (case.power.real + case.pv_w).mean() > 1.2 * (summer.power.real + summer.pv_w).mean()


def test_a_seed_makes_the_same_feeder_and_another_another() -> None:
    what = scenario("houses-20")
    one, same, other = make_case(what, 1, 1), make_case(what, 1, 1), make_case(what, 2, 1)
    assert np.array_equal(one.power, same.power)
    assert np.array_equal(one.initial, same.initial)
    assert not np.array_equal(one.power, other.power)


def test_no_two_scenarios_share_their_houses() -> None:
    assert len({what.drawn(seed) for what in SCENARIOS for seed in range(50)}) == 50 * len(SCENARIOS)
    little = Scenario("little", "little", houses=3)
    one, other = make_case(little, 1, 1), make_case(replace(little, name="another"), 1, 1)
    assert not np.array_equal(one.power, other.power)


def test_what_the_controller_is_told_of_roofs_knows_nothing_of_the_future() -> None:
    case = make_case(Scenario("little", "little", houses=6), 1, 1)
    config = configuration(case, 2.0)
    assert case.roof_w is not None
    assert [house.pv_w for house in config.houses] == case.roof_w.tolist()
    assert (case.pv_w.max(axis=0) <= case.roof_w + 1.0).all()
    assert ((case.roof_w > 0.0) == (case.pv_w.max(axis=0) > 0.0)).all()
    cloudy = replace(case, pv_w=case.pv_w * np.float32(0.3))
    assert configuration(cloudy, 2.0) == config


def test_meters_have_errors_of_their_class_in_power_and_voltage() -> None:
    case = small_case(40, 600, seed=1)
    metered = Metered(case, Meters(period_s=60.0, resolution_w=1e-3), 1)
    ratio = metered.value.real / case.power.real
    own = np.median(ratio, axis=0) - 1.0
    assert 0.005 < np.abs(own).max() < 0.0125
    assert 0.001 < np.std(ratio - ratio.mean(axis=0), axis=0).mean() < 0.003
    true = np.full(40, 231.27)
    shown = np.array([metered.shown_v(slot, true) for slot in range(600)])
    assert shown * 10.0 == pytest.approx(np.round(shown * 10.0), abs=1e-6)
    own_v = shown.mean(axis=0) - 231.27
    assert 0.2 < np.abs(own_v).max() < 0.5
    assert 0.05 < np.std(shown, axis=0).mean() < 0.15
    again = Metered(case, Meters(period_s=60.0, resolution_w=1e-3), 1)
    assert np.array_equal(again.shown_v(599, true), shown[599])
    assert np.array_equal(again.value, metered.value)


def test_meters_report_means_over_their_period_and_lose_some() -> None:
    case = small_case(3, 60, seed=1)
    exact = Meters(accuracy_pct=0.0)
    slow = Metered(case, replace(exact, period_s=900.0), 1)
    due = np.flatnonzero(slow.arrives[:, 0])
    assert len(due) == 4
    assert (np.diff(due) == 15).all()
    assert slow.value[due[1], 0].real == pytest.approx(case.power[due[1] - 14 : due[1] + 1, 0].real.mean(), abs=0.51)
    assert (slow.heard()[due[1] : due[2], 0] == slow.value[due[1], 0]).all()
    assert (slow.heard()[: due[0], 0] == 0.0).all()
    lossy = Metered(case, replace(exact, period_s=60.0, loss=0.5), 1)
    assert 50 < lossy.arrives.sum() < 130
    coarse = Metered(case, replace(exact, period_s=60.0, resolution_w=100.0), 1)
    assert (coarse.value.real % 100.0 == 0.0).all()
    with pytest.raises(ValueError, match="90 s: give a whole number of slots"):
        Metered(case, Meters(period_s=90.0), 1)


@pytest.mark.parametrize("period_s", [60.0, 180.0])
def test_a_tripped_inverter_shows_in_its_own_meter_until_it_is_back(period_s: float) -> None:
    case = small_case(3, 60, seed=1, pv_w=1000.0)
    still, moved = (Metered(case, Meters(period_s, loss=0.1, resolution_w=0.01, accuracy_pct=0.0), 1) for _ in range(2))
    moved.moved(1, 20)
    more = (moved.value - still.value).real
    assert (more[:, [0, 2]] == 0.0).all()
    # Away for five slots of a minute; a mean over three sees it for two longer.
    away = np.arange(60)
    many = period_s / 60.0
    wanted = 1000.0 * np.clip(np.minimum(away - 19, 25 + many - 1 - away), 0, min(many, 5)) / many
    assert more[:, 1] == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param(Switches(), id="sound", marks=pytest.mark.slow),
        pytest.param(Switches(failing=0.25, silent=0.25), id="failing"),
        pytest.param(Switches(sticking=1.0, repair_h=0.2), id="sticking", marks=pytest.mark.slow),
        pytest.param(Switches(lying=1.0, repair_h=0.2), id="lying"),
    ],
)
def test_the_engine_balances_within_its_cap_whatever_switches_do(switches: Switches) -> None:
    day = make_case(Scenario("little", "little", houses=12, transformer_kva=50.0, switchable=8), 5, 1)
    noon = slice(3960, 4320)
    # All on one phase: there is something to do at once.
    case = replace(
        day,
        power=day.power[noon],
        pv_w=day.pv_w[noon],
        initial=np.zeros_like(day.initial),
        start=day.start + 660 * 60.0,
        judged=1,
    )
    config = configuration(case, 8.0, voltages=True)
    volts = HouseVoltages(Network(case, Style.RURAL, 5).flow)
    one = run_engine(case, config, Meters(), switches, 5, lambda _: None, volts)
    if switches.silent:
        same = run_engine(case, config, Meters(), switches, 5, lambda _: None, volts)
        assert np.array_equal(one.schedule.phase, same.schedule.phase)
        assert one.schedule.late == same.schedule.late
    moved = one.schedule.operations(case)
    assert (moved.sum() > 0) == (switches.sticking + switches.lying == 0.0)
    assert (moved[~case.switchable] == 0).all()
    assert moved.max() <= config.decision.max_operations_per_house_day
    # Who is lied to may find out later than within this hour.
    assert (one.failed > 0) == (switches.failing + switches.sticking > 0.0)
    assert one.lock_outs <= one.failed
    if switches.sound:
        ours, none = (result(case, "little", 5, "ours", 8.0, it) for it in (one.schedule, case.initial))
        assert ours.still_a < none.still_a


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
    "controllers",
    [
        "none,static",
        pytest.param("static,greedy,threshold", marks=pytest.mark.slow),
        pytest.param("static,foresight", marks=pytest.mark.slow),
    ],
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
    other = rows["none" if "none" in rows else "static"]
    assert float(best["mean_a"]) < float(other["mean_a"])
    assert best["gain"] == ("1.0" if "foresight" in rows else "")
    assert "20 houses: 1 days judged" in capsys.readouterr().out
