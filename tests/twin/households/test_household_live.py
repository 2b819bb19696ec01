"""Households that are interrupted while they are looked at: the same as if all had been known beforehand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from edge_balancer.twin.households import Dark, Population, PopulationOptions
from edge_balancer.twin.households.live import WINDOW_S, LiveHouseholds

OPTIONS = PopulationOptions(houses=6, ev_share=0.5, heat_pump_share=0.5)
MIDNIGHT = OPTIONS.site.midnight_of(dt.date(2025, 1, 14))
EVENING = MIDNIGHT + 18 * 3600


def darks(count: int, first: int, last: int, seed: int = 1) -> list[Dark]:
    """Short and longer interruptions of random houses, in the order of time."""
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.uniform(first, last, count))
    return [Dark(int(rng.integers(6)), float(t), float(t + rng.choice([0.2, 3.0, 70.0]))) for t in starts]


def live(*interruptions: Dark) -> LiveHouseholds:
    made = LiveHouseholds(Population(OPTIONS, 3))
    for one in interruptions:
        made.interrupt(one)
    return made


def expected(start: int, interruptions: list[Dark]) -> tuple[np.ndarray, np.ndarray]:
    whole = Population(OPTIONS, 3).power(start, WINDOW_S, 1, dark=interruptions)
    return whole.p, whole.q


def test_an_evening_played_forward_is_what_foreknowledge_gives() -> None:
    interruptions = darks(25, MIDNIGHT + 16 * 3600, MIDNIGHT + 20 * 3600)
    made, left = live(), list(interruptions)
    for start in range(MIDNIGHT + 16 * 3600, MIDNIGHT + 21 * 3600, WINDOW_S):
        made.window(start)
        while left and left[0].start < start + WINDOW_S:
            made.interrupt(left.pop(0))
        p, q = expected(start, interruptions)
        window = made.window(start + WINDOW_S - 1)
        assert np.array_equal(window.p, p)
        assert np.array_equal(window.q, q)


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_in_which_interruptions_are_told_is_no_matter(order: int) -> None:
    interruptions = darks(12, EVENING - 3600, EVENING + 600)
    made = live()
    made.window(EVENING)
    for one in interruptions[::order]:
        made.interrupt(one)
    assert np.array_equal(made.window(EVENING).p, expected(EVENING, interruptions)[0])


def test_windows_may_be_asked_in_any_order() -> None:
    interruptions = darks(12, EVENING - 7200, EVENING)
    starts = [EVENING, EVENING - 86400, EVENING + 6 * 3600, EVENING + 3600, EVENING]
    made = live(*interruptions)
    seen = [made.window(start).p.copy() for start in starts]
    for start, p in zip(starts, seen, strict=True):
        assert np.array_equal(p, expected(start, interruptions)[0])
    assert np.array_equal(seen[0], seen[-1])


def test_an_interruption_changes_its_house_alone_and_leaves_the_other_world_as_it_was() -> None:
    made = live()
    before = made.window(EVENING).p.copy()
    made.interrupt(Dark(2, EVENING + 100.0, EVENING + 400.0))
    window = made.window(EVENING)
    assert np.array_equal(window.p_without, before)
    assert not window.p[100:400, 2].any()
    others = [k for k in range(6) if k != 2]
    assert np.array_equal(window.p[:, others], before[:, others])
    assert np.array_equal(window.p[:100], before[:100])
