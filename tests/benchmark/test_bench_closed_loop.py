"""The controller in closed loop against the best that an electrician could do without it."""

from __future__ import annotations

import pytest

from edge_balancer.benchmark.options import BenchOptions
from edge_balancer.benchmark.results import Result, with_gains
from edge_balancer.benchmark.runs import run_feeder
from edge_balancer.benchmark.scenarios import Meters, Scenario
from edge_balancer.twin.grid.generate import Style


def quiet(_text: str) -> None:
    pass


@pytest.mark.slow
def test_ours_beats_the_best_fixed_phases_on_what_nobody_has_seen() -> None:
    what = Scenario(
        "closed-loop",
        "closed loop",
        houses=12,
        ev_share=0.3,
        transformer_kva=63.0,
        style=Style.RURAL,
        step_s=60,
        meters=Meters(period_s=60.0),
    )
    rows: list[Result] = []
    failed = run_feeder(what, 1, [("static", None), ("ours", 4.0)], BenchOptions(days=2), rows.append, quiet)
    assert not failed
    static, ours = with_gains(rows)
    assert ours.mean_a < 0.95 * static.mean_a
    assert ours.p95_ratio is not None
    assert ours.p95_ratio < 1.0
    assert 1.0 < ours.operations <= 8.0
