"""Who forecasts better on this feeder: the errors of both, on what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_balancer.forecast.horizon import BLOCK_MINUTES
from edge_balancer.forecast.score import _KEPT, DAY, MUCH_WORSE, STEP_S, WEEK, WORSE, Score
from edge_balancer.types.kept import KeptHouses
from edge_balancer.types.phases import ROTATION
from tests.forecast_model.recorded import H

B = len(BLOCK_MINUTES)
HOUSES = 6
TURN = ROTATION[np.arange(HOUSES) % 3]
LOAD = np.linspace(200.0, 1200.0, HOUSES)


def errors(size_w: float, same: bool = False) -> NDArray[np.float64]:
    """Errors of the houses: opposite ones on each phase, or the same on all houses, which the phases cancel."""
    return np.full(HOUSES, size_w) if same else size_w * np.array([1.0, 1.0, -1.0, 1.0, -1.0, -1.0])


def run(
    score: Score,
    samples: int,
    model: NDArray[np.float64],
    blend: NDArray[np.float64],
    begin: int = 0,
    seen: NDArray[np.bool_] | None = None,
) -> list[str]:
    """The houses draw a constant load; both forecast it with constant errors. The verdicts at the days' ends."""
    found = []
    heard = np.ones(HOUSES, dtype=bool) if seen is None else seen
    for k in range(begin, begin + samples):
        now = 500.0 + k * STEP_S
        assert score.due(now)
        measured = (k * STEP_S * LOAD * heard, k * STEP_S * np.ones(HOUSES) * heard)
        told = [np.repeat((LOAD + error)[:, None], B, axis=1) for error in (model, blend)]
        if score.sample(now, told[0], told[1], TURN, measured):
            found.append(score.verdict())
    return found


def fresh(counts: NDArray[np.bool_] | None = None) -> Score:
    return Score(np.ones(HOUSES, dtype=bool) if counts is None else counts, H)


def test_nothing_is_judged_before_the_whole_horizon_has_come() -> None:
    score = fresh()
    run(score, _KEPT - 1, errors(100.0), errors(50.0))
    assert score.samples == 0
    run(score, 1, errors(100.0), errors(50.0), begin=_KEPT - 1)
    assert score.samples == 1


@pytest.mark.parametrize(
    ("model_w", "blend_w", "ratio", "demoted"),
    [(90.0, 100.0, 0.9, False), (100.0, 100.0, 1.0, False), (100.5, 100.0, 1.005, False), (103.0, 100.0, 1.03, True)],
)
def test_a_week_decides(model_w: float, blend_w: float, ratio: float, demoted: bool) -> None:
    score = fresh()
    verdicts = run(score, _KEPT - 1 + WEEK * DAY, errors(model_w), errors(blend_w))
    assert len(verdicts) == WEEK
    assert verdicts[:-1] == [""] * (WEEK - 1)
    assert bool(verdicts[-1]) == demoted == (ratio > WORSE)
    assert score.ratio(WEEK) == pytest.approx(ratio, rel=1e-3)
    assert score.ratio(WEEK, neutral=False) == pytest.approx(ratio, rel=1e-3)
    assert score.of_house[:, 0] == pytest.approx(score.of_house[:, 1] * ratio**2, rel=1e-3)


def test_a_disaster_does_not_wait_for_the_week() -> None:
    verdicts = run(fresh(), _KEPT - 1 + DAY, errors(200.0), errors(100.0))
    assert verdicts == ["over a day its error of the neutral current was 2.0 times that of the survival blend"]
    assert MUCH_WORSE < 2.0


def test_what_counts_is_the_sum_that_makes_the_neutral_current() -> None:
    """Errors that the phases cancel hurt nobody; the houses' own are told beside."""
    score = fresh()
    assert run(score, _KEPT - 1 + DAY, errors(300.0, same=True), errors(100.0)) == [""]
    assert score.ratio(1) == pytest.approx(0.0, abs=1e-6)
    assert score.ratio(1, neutral=False) == pytest.approx(3.0, rel=1e-3)


def test_an_error_is_turned_by_where_the_house_stood_when_it_was_forecast() -> None:
    """All houses stood on one phase at the second sample alone: only there do equal errors add up."""
    score = fresh()
    for k in range(_KEPT + 1):
        now = 500.0 + k * STEP_S
        assert score.due(now)
        told = np.repeat((LOAD + 100.0)[:, None], B, axis=1)
        turn = np.ones(HOUSES, dtype=complex) if k == 1 else TURN
        score.sample(now, told, told, turn, (k * STEP_S * LOAD, k * STEP_S * np.ones(HOUSES)))
    assert score.samples == 2
    assert score._today[0] == pytest.approx((HOUSES * 100.0) ** 2, rel=1e-4)


def test_a_bad_week_is_forgotten_after_a_good_one() -> None:
    score = fresh()
    run(score, _KEPT - 1 + WEEK * DAY, errors(103.0), errors(100.0))
    verdicts = run(score, WEEK * DAY, errors(90.0), errors(100.0), begin=_KEPT - 1 + WEEK * DAY)
    assert verdicts[-1] == ""
    assert score.ratio(WEEK) == pytest.approx(0.9, rel=1e-2)


def test_houses_that_were_not_measured_are_left_out_and_too_few_judge_nothing() -> None:
    seen = np.arange(HOUSES) < 4
    score = fresh()
    run(score, _KEPT + 10, errors(100.0), errors(50.0), seen=seen)
    assert score.samples == 11
    assert (score.of_house[~seen] == 0.0).all()
    few = fresh()
    run(few, _KEPT + 10, errors(100.0), errors(50.0), seen=np.arange(HOUSES) < 2)
    assert few.samples == 0


def test_houses_that_do_not_count_are_left_out() -> None:
    score = fresh(np.arange(HOUSES) < 3)
    model = np.where(np.arange(HOUSES) < 3, errors(50.0), 9e3)
    run(score, _KEPT - 1 + DAY, model, errors(100.0))
    assert score.ratio(1, neutral=False) == pytest.approx(0.5, rel=1e-3)


def test_a_gap_begins_the_record_anew_and_keeps_the_days() -> None:
    score = fresh()
    run(score, _KEPT - 1 + DAY + 5, errors(50.0), errors(100.0))
    run(score, _KEPT - 1, errors(50.0), errors(100.0), begin=5000)
    assert (score.days, score.samples) == (1, 5)


def test_a_restart_forgets_nothing_that_was_judged() -> None:
    score, again = fresh(), fresh()
    run(score, _KEPT - 1 + 3 * DAY + 7, errors(90.0), errors(100.0))
    assert again.relearn(score.learned(), KeptHouses.same(HOUSES))
    assert (again.days, again.samples) == (3, 7)
    assert again.ratio(3) == score.ratio(3)
    assert again.of_house == pytest.approx(score.of_house, rel=1e-6)


@pytest.mark.parametrize(
    "changed",
    [
        {"days": [[1.0, 2.0]]},
        {"days": "x"},
        {"days": [[float("nan")] * 4]},
        {"days": [[-1.0] * 4]},
        {"today": [1.0]},
        {"samples": -1},
        {"samples": DAY},
        {"samples": 1.5},
        {"houses": "AAAA"},
        {"houses": None},
    ],
)
def test_nonsense_is_left_aside(changed: dict[str, Any]) -> None:
    score = fresh()
    run(score, _KEPT - 1 + DAY + 7, errors(90.0), errors(100.0))
    learned = {**score.learned(), **changed}
    assert not score.relearn(learned, KeptHouses.same(HOUSES))
    assert (score.days, score.samples) == (1, 7)
    assert not score.relearn(None, KeptHouses.same(HOUSES))
