"""The coming hours as blocks."""

from __future__ import annotations

import math

import pytest

from edge_balancer.forecast.horizon import horizon, patience_for


def test_blocks_follow_each_other_without_a_gap() -> None:
    h = horizon(30.0, (5.0, 10.0, 15.0))
    assert h.starts_s.tolist() == [0.0, 300.0, 900.0]
    assert h.ends_s.tolist() == [300.0, 900.0, 1800.0]
    assert h.minutes.tolist() == [5.0, 10.0, 15.0]


@pytest.mark.parametrize("patience", [3.0, 30.0, 60.0])
def test_the_weight_of_a_block_is_the_integral_of_the_discount(patience: float) -> None:
    h = horizon(patience, (5.0, 10.0))
    by_hand = [
        sum(math.exp(-(start + (k + 0.5) / 100) / patience) / 100 for k in range(minutes * 100))
        for start, minutes in ((0, 5), (5, 10))
    ]
    assert h.weights_min.tolist() == pytest.approx(by_hand, rel=1e-5)
    assert (h.weights_min < h.minutes).all()


def test_the_more_moves_to_come_the_shorter_the_view() -> None:
    patience = [patience_for(budget) for budget in (0.01, 1.0, 2.0, 8.0, 100.0)]
    assert patience == sorted(patience, reverse=True)
    assert all(3.0 <= minutes <= 60.0 for minutes in patience)


def test_a_restless_hour_looks_less_far_ahead_and_a_calm_night_farther() -> None:
    patience = [patience_for(2.0, unrest) for unrest in (0.3, 0.7, 1.0, 1.5, 3.0)]
    assert patience == sorted(patience, reverse=True)
    assert len(set(patience)) == len(patience)
    assert patience[2] == patience_for(2.0)
    assert patience[0] > 2.0 * patience[2] > 4.0 * patience[4]
    assert all(3.0 <= minutes <= 60.0 for minutes in (patience_for(0.1, 0.3), patience_for(100.0, 3.0)))


def test_a_move_looks_ahead_for_as_long_as_meters_take_to_report() -> None:
    assert patience_for(2.0, 1.0, 900.0) == 15.0
    assert patience_for(2.0, 1.0, 60.0) == patience_for(2.0)
    assert patience_for(2.0, 1.0, 86_400.0) == 60.0
