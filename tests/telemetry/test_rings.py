"""The rings: means, gaps, wrap-around, late readings, and memory to the byte."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.telemetry.rings import OPEN_SLOTS, HouseRing, PhaseRing, capacity_of, memory_bytes
from edge_balancer.types.snapshot import FeederState, PhaseState
from edge_balancer.types.switching import Mode

NAN = math.nan
GRID = 10.0


def add(ring: HouseRing, *readings: tuple[int, float, float, float]) -> None:
    """Add (house, at, p, q)."""
    house, at, p, q = zip(*readings, strict=True)
    ring.add_round(np.array(house, dtype=np.intp), np.array(p), np.array(q), np.array(at))


def same(found: Any, expected: Any) -> bool:
    return np.array_equal(np.asarray(found, dtype=float), np.asarray(expected, dtype=float), equal_nan=True)


def test_readings_of_one_slot_become_their_mean() -> None:
    ring = HouseRing(2, 1.0, GRID)
    add(ring, (0, 100.0, 1000.0, 10.0), (1, 101.0, 50.0, NAN))
    add(ring, (0, 109.9, 2000.0, NAN))
    window = ring.window(60.0)
    assert window.times.tolist() == [100.0]
    assert same(window.p, [[1500.0, 50.0]])
    assert same(window.q, [[10.0, NAN]]), "a reading without Q does not lower the mean of Q"


def test_a_house_twice_in_one_round_counts_twice() -> None:
    ring = HouseRing(1, 1.0, GRID)
    add(ring, (0, 100.0, 1.0, 0.0), (0, 101.0, 2.0, 0.0), (0, 102.0, 6.0, 0.0))
    assert same(ring.window(10.0).p, [[3.0]])


def test_what_was_not_heard_is_a_gap() -> None:
    ring = HouseRing(1, 1.0, GRID)
    add(ring, (0, 100.0, 5.0, 0.0))
    ring.advance(135.0)
    add(ring, (0, 131.0, 7.0, 0.0))
    window = ring.window(1e9)
    assert window.times.tolist() == [100.0, 110.0, 120.0, 130.0]
    assert same(window.p[:, 0], [5.0, NAN, NAN, 7.0])


@pytest.mark.parametrize(("seconds", "slots"), [(0.0, 0), (1.0, 1), (10.0, 1), (11.0, 2), (50.0, 5), (1e9, 6)])
def test_a_window_holds_the_slots_asked_for_up_to_the_capacity(seconds: float, slots: int) -> None:
    ring = HouseRing(1, 6 * GRID / 3600.0, GRID)
    for k in range(20):
        add(ring, (0, 10.0 * k, float(k), 0.0))
    window = ring.window(seconds)
    expected = list(range(20 - slots, 20))
    assert window.times.tolist() == [10.0 * k for k in expected]
    assert window.p[:, 0].tolist() == expected


def test_an_empty_ring_has_an_empty_window() -> None:
    ring = HouseRing(3, 1.0, GRID)
    assert ring.window(3600.0).p.shape == (0, 3)
    ring.add_round(np.empty(0, dtype=np.intp), np.empty(0), np.empty(0), np.empty(0))
    assert PhaseRing(1.0, GRID).window(60.0).v_min.shape == (0, 3)


@pytest.mark.parametrize("pause_s", [60.0, 61.0, 600.0, 1e9])
def test_after_a_pause_longer_than_the_ring_nothing_old_is_left(pause_s: float) -> None:
    ring = HouseRing(1, 6 * GRID / 3600.0, GRID)
    for k in range(9):
        add(ring, (0, 10.0 * k, 1.0, 1.0))
    ring.advance(80.0 + pause_s)
    window = ring.window(1e12)
    assert len(window.times) == 6
    assert same(window.p, np.full((6, 1), NAN))
    assert same(window.q, np.full((6, 1), NAN))


def test_a_late_reading_enters_the_slot_it_was_measured_in() -> None:
    ring = HouseRing(2, 1.0, GRID)
    add(ring, (0, 100.0, 2.0, 0.0))
    ring.advance(140.0)
    add(ring, (0, 109.0, 4.0, 0.0), (1, 115.0, 9.0, 0.0))
    assert same(ring.window(1e9).p, [[3.0, NAN], [NAN, 9.0], [NAN, NAN], [NAN, NAN], [NAN, NAN]])
    assert ring.too_late == 0


def test_a_reading_from_before_the_first_slot_opens_it() -> None:
    ring = HouseRing(2, 1.0, GRID)
    add(ring, (0, 120.0, 2.0, 0.0), (1, 99.0, 4.0, 0.0))
    window = ring.window(1e9)
    assert window.times.tolist() == [90.0, 100.0, 110.0, 120.0]
    assert same(window.p[0], [NAN, 4.0])


@pytest.mark.parametrize(("hours", "open_slots"), [(1.0, OPEN_SLOTS), (5 * GRID / 3600.0, 5)])
def test_a_reading_for_a_slot_closed_long_ago_is_counted_and_dropped(hours: float, open_slots: int) -> None:
    ring = HouseRing(1, hours, GRID)
    for k in range(open_slots + 1):
        add(ring, (0, 10.0 * k, float(k), 0.0))
    before = ring.window(1e9).p.copy()
    add(ring, (0, 0.0, 1e6, 0.0))
    assert (ring.too_late, same(ring.window(1e9).p, before)) == (1, True)
    add(ring, (0, 10.0, 3.0, 0.0), (0, 5.0, 1e6, 0.0))
    assert ring.too_late == 2
    assert ring.window(open_slots * GRID).p[0, 0] == 2.0


def test_a_backward_time_is_ignored_and_counted() -> None:
    ring = HouseRing(1, 1.0, GRID)
    add(ring, (0, 100.0, 5.0, 0.0))
    ring.advance(99.9)
    assert (ring.backward, ring.window(1e9).times.tolist()) == (1, [100.0])
    phases = PhaseRing(1.0, GRID)
    phases.add_state(100.0, state(230.0))
    phases.add_state(89.0, state(300.0))
    assert (phases.backward, same(phases.window(1e9).v_max, [[230.0] * 3])) == (1, True)


@pytest.mark.parametrize(
    ("houses", "hours", "grid_s"), [(55, 24.0, 10.0), (1, 0.1, 60.0), (200, 1.0, 1.0), (3, 0.001, 900.0)]
)
def test_memory_is_what_the_formula_says(houses: int, hours: float, grid_s: float) -> None:
    nbytes = HouseRing(houses, hours, grid_s).nbytes + PhaseRing(hours, grid_s).nbytes
    assert memory_bytes(houses, hours, grid_s) == nbytes
    capacity = capacity_of(hours, grid_s)
    assert nbytes == capacity * (8 * houses + 84) + min(64, capacity) * 24 * houses + 180


@pytest.mark.parametrize(("hours", "grid_s", "slots"), [(24.0, 10.0, 8640), (0.001, 900.0, 1), (0.1, 7.0, 52)])
def test_capacity(hours: float, grid_s: float, slots: int) -> None:
    assert capacity_of(hours, grid_s) == slots


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.floats(0.0, 2500.0), st.one_of(st.just(NAN), st.floats(-1e4, 1e4))),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 5),
)
def test_the_ring_equals_a_list_of_everything_that_came_in_time(
    readings: list[tuple[int, float, float]], round_size: int
) -> None:
    ring = HouseRing(3, 100 * GRID / 3600.0, GRID)
    kept: dict[tuple[int, int], list[float]] = {}
    newest = -1
    for k in range(0, len(readings), round_size):
        batch = readings[k : k + round_size]
        newest = max(newest, *(int(at // GRID) for _, at, _ in batch))
        for house, at, p in batch:
            if int(at // GRID) > newest - OPEN_SLOTS and not math.isnan(p):
                kept.setdefault((int(at // GRID), house), []).append(p)
        add(ring, *((house, at, p, p) for house, at, p in batch))
    window = ring.window(1e9)
    assert window.times[-1] == newest * GRID
    for row, time in enumerate(window.times.tolist()):
        for house in range(3):
            values = kept.pop((round(time / GRID), house), [])
            expected = sum(values) / len(values) if values else NAN
            assert window.p[row, house] == pytest.approx(expected, rel=1e-5, abs=1e-2, nan_ok=True)
    assert all(slot <= newest - 100 for slot, _ in kept)


def state(v: float | None, p: float = 100.0, houses: int = 4) -> FeederState:
    phase = PhaseState(p=p, q=p / 10, i=p / 230, v_min=v, v_mean=v, v_max=v, houses=houses, export_w=0.0)
    return FeederState(
        t=0.0,
        l1=phase,
        l2=phase,
        l3=phase,
        i_n=0.0,
        imbalance=0.0,
        coverage=1.0,
        mode=Mode.AUTO,
        houses_fresh=3 * houses,
        houses_total=12,
    )


def test_phases_keep_means_and_the_extremes_of_the_voltage() -> None:
    ring = PhaseRing(1.0, GRID)
    for at, v, p, houses in ((100.0, 230.0, 100.0, 4), (104.0, None, 200.0, 1), (109.0, 240.0, 300.0, 4)):
        ring.add_state(at, state(v, p, houses))
    ring.add_state(110.0, state(231.0, 900.0))
    window = ring.window(1e9)
    assert same(window.p, [[200.0] * 3, [900.0] * 3])
    assert same(window.q, [[20.0] * 3, [90.0] * 3])
    assert window.i[0, 0] == pytest.approx(200 / 230)
    assert same(window.v_min, [[230.0] * 3, [231.0] * 3])
    assert same(window.v_mean, [[235.0] * 3, [231.0] * 3])
    assert same(window.v_max, [[240.0] * 3, [231.0] * 3])
    assert same(window.houses, [[3.0] * 3, [4.0] * 3])


def test_a_feeder_of_which_nothing_is_heard_is_a_gap_in_the_phases() -> None:
    ring = PhaseRing(1.0, GRID)
    ring.add_state(100.0, state(None, 0.0, houses=0))
    ring.add_state(125.0, state(230.0))
    window = ring.window(1e9)
    assert same(window.p, [[NAN] * 3, [NAN] * 3, [100.0] * 3])
    assert same(window.houses, [[NAN] * 3, [NAN] * 3, [4.0] * 3])


def test_the_phases_wrap_around() -> None:
    ring = PhaseRing(4 * GRID / 3600.0, GRID)
    for k in range(11):
        ring.add_state(10.0 * k, state(200.0 + k))
    assert ring.window(1e9).v_mean[:, 0].tolist() == [207.0, 208.0, 209.0, 210.0]
    assert ring.window(20.0).times.tolist() == [90.0, 100.0]
