"""Inverters trip with their house's supply and come back within their range, each by its own chance."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.twin.devices.inverters import Inverters


def test_all_feed_in_until_one_trips_and_only_that_one_stays_away() -> None:
    some = Inverters(4, (60.0, 300.0), seed=1)
    assert (some.back == -np.inf).all()
    back = some.trip(2, 1000.0)
    assert 1060.0 <= back <= 1300.0
    assert some.back.tolist() == [-np.inf, -np.inf, back, -np.inf]


def test_a_second_trip_begins_the_wait_anew() -> None:
    some = Inverters(1, (100.0, 100.0), seed=1)
    some.trip(0, 0.0)
    some.trip(0, 90.0)
    assert some.back.tolist() == [190.0]


def test_a_houses_chance_hangs_on_its_own_trips_alone() -> None:
    alone, among = Inverters(3, (60.0, 300.0), seed=5), Inverters(3, (60.0, 300.0), seed=5)
    own = [alone.trip(1, t) - t for t in (0.0, 1000.0, 2000.0)]
    seen = []
    for t in (0.0, 1000.0, 2000.0):
        among.trip(0, t)
        seen.append(among.trip(1, t) - t)
        among.trip(2, t)
    assert seen == own
    assert len(set(own)) == 3
    assert Inverters(3, (60.0, 300.0), seed=6).trip(1, 0.0) != own[0]


@pytest.mark.parametrize("wrong", [(-1.0, 5.0), (300.0, 60.0), (0.0, float("inf")), (float("nan"), 5.0)])
def test_a_range_that_is_none_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="reconnect_s"):
        Inverters(1, wrong, seed=1)
