"""Where houses stand, and the operations that count."""

from __future__ import annotations

import pytest

from edge_balancer.switching.roster import Roster
from edge_balancer.types.phases import Phase
from tests.support.configuration import make_config


def roster() -> Roster:
    return Roster(make_config([{"id": "a", "phase": "L2"}, {"id": "mill", "three_phase": True}]).houses)


def test_it_begins_with_the_configured_phases_and_believes_none_of_them() -> None:
    r = roster()
    assert [r.phase_of(k) for k in range(2)] == [Phase.L2, None]
    assert not r.known.any()
    assert r.movable == 1


def test_the_first_reason_of_a_lock_stands_until_it_is_cleared() -> None:
    r = roster()
    assert r.lock(0, "first")
    assert not r.lock(0, "second")
    assert r.lock_reason == {0: "first"}
    r.clear(0)
    assert not r.locked[0]
    assert r.lock_reason == {}
    assert r.lock(0, "third")


@pytest.mark.parametrize(
    ("now", "day", "hour"),
    [(0.0, 2, 2), (3599.0, 2, 2), (3600.0, 2, 1), (3700.0, 2, 0), (86_399.0, 2, 0), (86_400.0, 1, 0), (86_500.0, 0, 0)],
)
def test_operations_count_for_a_day_of_their_house_and_an_hour_of_the_feeder(now: float, day: int, hour: int) -> None:
    r = roster()
    r.record_operation(0, 0.0)
    r.record_operation(0, 100.0)
    r.forget(now)
    assert (r.operations_day[0], r.operations_hour) == (day, hour)
    assert r.last_move[0] == 100.0, "dwell counts from the last move, however long ago"
