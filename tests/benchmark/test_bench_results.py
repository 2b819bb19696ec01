"""What is made of schedules: figures, gains, tables, the Pareto front."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from edge_balancer.benchmark.results import Result, gain, half_interval, means, result, with_gains
from edge_balancer.benchmark.tables import as_markdown, as_text, pareto, pareto_svg, pareto_table, results_table
from edge_balancer.planning.tables import as_csv
from edge_balancer.types.phases import ROTATION
from tests.benchmark.bench_cases import small_case


@pytest.mark.parametrize(
    ("static", "ours", "best", "wanted"),
    [(14.7, 12.3, 7.0, 2.4 / 7.7), (10.0, 10.0, 5.0, 0.0), (10.0, 5.0, 5.0, 1.0), (10.0, 12.0, 5.0, -0.4)],
)
def test_g_is_the_share_of_what_foresight_gains(static: float, ours: float, best: float, wanted: float) -> None:
    assert gain(static, ours, best) == pytest.approx(wanted)


def test_where_foresight_gains_nothing_there_is_no_share() -> None:
    assert gain(5.0, 5.0, 5.0) is None


def of(controller: str, budget: float | None, mean_a: float, seed: int = 1, bound_a: float | None = None) -> Result:
    one = Result("some", seed, controller, budget, mean_a, 3 * mean_a, 1.2 * mean_a, mean_a, budget or 0.0, 1.5, 0.0)
    return replace(one, bound_a=bound_a)


SOME = [
    of("static", None, 10.0),
    of("ours", 2.0, 8.0),
    of("ours", 4.0, 6.0),
    of("foresight", 2.0, 5.0, bound_a=4.9),
    of("foresight", 4.0, 4.0, bound_a=3.9),
    of("static", None, 20.0, seed=2),
    of("ours", 2.0, 14.0, seed=2),
    of("foresight", 2.0, 10.0, seed=2),
]


def test_gains_compare_within_a_seed_and_a_budget() -> None:
    gains = [one.gain for one in with_gains(SOME)]
    assert gains == [
        None,
        *(pytest.approx(g) for g in (2 / 5, 4 / 6, 1.0, 1.0)),
        None,
        *(pytest.approx(g) for g in (6 / 10, 1.0)),
    ]


def test_means_are_over_seeds_and_a_bound_needs_all_of_them() -> None:
    table = {(one.controller, one.budget): one for one in means(with_gains(SOME))}
    ours = table["ours", 2.0]
    assert (ours.seed, ours.mean_a) == (2, 11.0)
    assert ours.gain == pytest.approx(0.5)
    assert table["foresight", 2.0].bound_a is None
    assert table["foresight", 4.0].bound_a == 3.9


@pytest.mark.parametrize(
    ("values", "wanted"),
    # Two, three and many values; against tables of Student's t.
    [([1.0], None), ([0.0, 2.0], 12.706), ([1.0, 2.0, 3.0], 4.303 / np.sqrt(3.0)), ([0.0, 2.0] * 60, 1.980 * 0.0917)],
)
def test_the_interval_of_a_mean_is_students(values: list[float], wanted: float | None) -> None:
    assert half_interval(values) == (None if wanted is None else pytest.approx(wanted, rel=2e-3))


def test_worse_than_static_is_flagged_by_seed() -> None:
    rows = [of("static", None, 10.0), of("ours", 2.0, 9.0), of("static", None, 10.0, 2), of("ours", 2.0, 11.0, 2)]
    compared = with_gains(rows)
    assert [one.worse for one in compared] == [0.0, 0.0, 0.0, 1.0]
    assert [one.p95_ratio for one in compared] == [1.0, 0.9, 1.0, pytest.approx(1.1)]
    table = as_text(results_table("means", "Title", means(compared), seeds=False))
    assert "in 50%" in table.splitlines()[-1]
    assert "in 50%" not in table.splitlines()[-2]
    assert "| in 50% |" in as_markdown(results_table("means", "Title", means(compared), seeds=False))


def test_the_table_says_where_a_budget_was_not_used() -> None:
    rows = [
        of("static", None, 10.0),
        of("foresight", 2.0, 5.0),
        *(replace(of("ours", 2.0, 7.0, seed), operations=used) for seed, used in ((1, 1.7), (2, 1.9), (3, 2.2))),
    ]
    table = results_table("results", "Title", with_gains(rows), seeds=True)
    column = {key: k for k, key in enumerate(table.columns)}
    assert [row[column["of_budget"]] for row in table.rows] == [None, "100%", "85% LOW", "95%", "110% OVER"]
    assert table.rows[2][column["foresight_operations"]] == 2.0
    assert "85% LOW" in as_markdown(table)
    assert "PAIRS" not in as_text(table).splitlines()[1]


def test_a_smaller_budget_s_best_is_known_for_a_larger_one_too() -> None:
    rows = [of("static", None, 10.0), of("foresight", 2.0, 5.0), of("foresight", 4.0, 5.5), of("ours", 4.0, 7.5)]
    assert with_gains(rows)[-1].gain == pytest.approx(0.5)


def test_the_mean_gain_comes_with_its_interval() -> None:
    ours = next(one for one in means(with_gains(SOME)) if (one.controller, one.budget) == ("ours", 2.0))
    assert ours.gain_ci == pytest.approx(12.706 * 0.1, rel=1e-3)  # of 0.4 and 0.6


def test_only_the_judged_part_counts() -> None:
    case = small_case(3, 40, seed=1, history=20, step_s=864.0, pv_w=1200.0, switchable=(0, 1))
    schedule = np.repeat(case.initial[np.newaxis], 60, axis=0)
    schedule[5:, 1] = (schedule[5:, 1] + 1) % 3  # history
    schedule[30:, 0] = (schedule[30:, 0] + 1) % 3
    schedule[31:, 0] = (schedule[31:, 0] + 1) % 3
    schedule[50:, 1] = (schedule[50:, 1] + 1) % 3
    one = result(case, "some", 1, "ours", 2.0, schedule)
    still = case.rows(slice(20, None), schedule[20:])
    assert one.still_a == pytest.approx(np.abs(still).mean())
    # An inverter that is away for 300 of a slot's 864 s leaves that part of its current to the feeder.
    for slot, house in ((30, 0), (31, 0), (50, 1)):
        still[slot - 20] += 1200.0 * 300.0 / 864.0 / 230.0 * ROTATION[schedule[slot, house]]
    current = np.abs(still)
    assert one.mean_a == pytest.approx(current.mean())
    assert one.rms_a == pytest.approx(np.sqrt((current**2).mean()))
    # Three operations of two houses in 0.4 days, two of them of one house.
    assert one.operations == pytest.approx(3 / 2 / 0.4)
    assert one.wear == pytest.approx(2 / 1.5)
    # 1.2 kW gone for five minutes, three times.
    assert one.pv_lost_kwh == pytest.approx(3 * 1.2 * 5 / 60)
    assert result(case, "some", 1, "ours", 2.0, schedule[20:]) == one


def test_a_fixed_assignment_has_no_operations() -> None:
    case = small_case(3, 40, seed=1)
    one = result(case, "some", 1, "static", None, case.initial)
    assert (one.operations, one.wear, one.pv_lost_kwh) == (0.0, 1.0, 0.0)


def test_the_tables_show_small_currents_and_leave_the_unknown_empty() -> None:
    table = results_table("means", "Title", [of("ours", 2.0, 0.0412)], seeds=False)
    text = as_text(table)
    assert "0.0412" in text
    assert text.splitlines()[0] == "Title"
    header, row = as_csv(table).splitlines()
    cells = dict(zip(header.split(","), row.split(","), strict=True))
    assert (cells["budget"], cells["mean_a"], cells["bound_a"], cells["gain"]) == ("2", "0.041", "", "")


def test_currents_below_an_ampere_have_three_figures() -> None:
    rows = [of("static", None, 0.25), of("ours", 2.0, 0.11), of("foresight", 2.0, 0.05), of("none", None, 12.5)]
    table = results_table("means", "Title", with_gains(rows), seeds=False)
    for shown in (as_text(table), as_markdown(table)):
        words = shown.replace("|", " ").split()
        assert {"0.110", "0.330", "0.132", "0.0500", "12.50"} <= set(words)
        # A share of what could be gained is not known so well.
        assert "0.70" in words


def test_the_pareto_front_has_a_point_for_each_budget_and_bound() -> None:
    points = pareto(means(with_gains(SOME)))
    assert [(p.budget, p.mean_a) for p in points if p.controller == "bound"] == [(4.0, 3.9)]
    assert [(p.operations, p.mean_a) for p in points if p.controller == "ours"] == [(2.0, 11.0), (4.0, 6.0)]
    assert len(pareto_table(points).rows) == len(points)
    drawn = pareto_svg("a < b", points)
    assert re.match(r'<svg xmlns="http://www.w3.org/2000/svg" [^<>]*aria-label="a &lt; b: [^<>]*">', drawn)
    # Static, ours, foresight and the bound.
    assert drawn.count("<polyline ") == 4
    assert drawn.count("</svg>") == 1
