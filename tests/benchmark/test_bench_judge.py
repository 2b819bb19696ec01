"""What is judged: moves inside slots, moves at the border of the judged time, trips that reach into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_balancer.benchmark.case import Case
from edge_balancer.benchmark.judge import currents
from edge_balancer.benchmark.results import result
from edge_balancer.benchmark.schedule import Schedule, Writing
from tests.benchmark.bench_cases import small_case

MANY = 6


def finer(case: Case) -> Case:
    """The same with every slot in six parts."""
    return replace(
        case,
        power=np.repeat(case.power, MANY, axis=0),
        pv_w=np.repeat(case.pv_w, MANY, axis=0),
        step_s=case.step_s / MANY,
        judged=case.judged * MANY,
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_move_inside_a_slot_counts_from_its_instant(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = small_case(4, 40, seed=seed, history=10, step_s=60.0, pv_w=1500.0)
    fine = finer(case)
    coarsely, finely = Writing(case), Writing(fine)
    # Every 9th to 13th minute somebody moves; now and then two within the same minute.
    for slot in range(2, 50, 9):
        for house in rng.choice(4, 2, replace=False).tolist():
            instant = case.start + 60.0 * slot + 10.0 * int(rng.integers(0, 6))
            phase = int(rng.integers(0, 3))
            for writing in (coarsely, finely):
                writing.move(house, phase, *writing.place(instant))
    assert not finely.schedule().late
    one, same = currents(case, coarsely.schedule()), currents(fine, finely.schedule())
    assert one[0].mean() == pytest.approx(same[0].mean(), rel=1e-12)
    # An inverter that returns inside a slot is spread over it: that much is approximate.
    assert one[1].mean() == pytest.approx(same[1].mean(), rel=2e-3)
    assert one[2].sum() * 60.0 == pytest.approx(same[2].sum() * 10.0, rel=1e-5)
    ours, theirs = (result(c, "some", 1, "ours", 2.0, w.schedule()) for c, w in ((case, coarsely), (fine, finely)))
    assert ours.operations == pytest.approx(theirs.operations)


def test_two_moves_in_one_slot_are_judged_in_their_order() -> None:
    case = replace(small_case(2, 4, seed=1), power=np.full((4, 2), 2300.0 + 0j), initial=np.zeros(2, dtype=np.int8))
    writing = Writing(case)
    # Together 20 A; for half a slot only one has gone; then they are together again elsewhere.
    writing.move(0, 1, 2, 0.25)
    writing.move(1, 1, 2, 0.75)
    still, seen, _ = currents(case, writing.schedule())
    assert still == pytest.approx([20.0, 20.0, 0.5 * 20.0 + 0.5 * 10.0, 20.0])
    assert np.array_equal(still, seen)


def test_no_instant_inside_a_slot_is_better_than_both_of_its_borders() -> None:
    for seed in range(20):
        case = small_case(3, 6, seed=seed)
        house, phase = seed % 3, (int(case.initial[seed % 3]) + 1) % 3
        costs = []
        for part in (0.0, 0.3, 0.7, 1.0):
            writing = Writing(case)
            writing.move(house, phase, *((3, part) if part < 1.0 else (4, 0.0)))
            costs.append(float(currents(case, writing.schedule())[0].mean()))
        assert min(costs[0], costs[-1]) <= min(costs) + 1e-12
        assert costs[1] == pytest.approx(0.7 * costs[0] + 0.3 * costs[-1])


@pytest.mark.parametrize(
    ("moved_s", "operations", "lost_s"),
    # The judged time begins at 1200 s; an inverter is away for 300 s.
    [
        (800.0, 0, 0.0),
        (1080.0, 0, 180.0),
        (1170.0, 0, 270.0),
        (1200.0, 1, 300.0),
        (1230.0, 1, 300.0),
        (1440.0, 1, 300.0),
    ],
)
def test_what_began_in_the_history_counts_for_what_lies_in_the_judged_time(
    moved_s: float, operations: int, lost_s: float
) -> None:
    case = small_case(2, 20, seed=1, history=20, step_s=60.0, pv_w=2000.0)
    writing = Writing(case)
    writing.move(1, (int(case.initial[1]) + 1) % 3, *writing.place(case.start + moved_s))
    one = result(case, "some", 1, "ours", 2.0, writing.schedule())
    assert one.pv_lost_kwh == pytest.approx(2.0 * lost_s / 3600.0, rel=1e-5)
    assert one.operations * 2 * case.judged_days == pytest.approx(operations)


def test_where_a_schedule_begins_with_the_judged_time_its_begin_is_free() -> None:
    case = small_case(2, 20, seed=1, history=20)
    elsewhere = np.repeat(((case.initial + 1) % 3)[np.newaxis], 20, axis=0)
    assert result(case, "some", 1, "foresight", 2.0, elsewhere).operations == 0.0
    history = np.repeat(case.initial[np.newaxis], 20, axis=0)
    whole = np.concatenate([history, elsewhere])
    assert result(case, "some", 1, "ours", 2.0, whole).operations * case.judged_days == pytest.approx(1.0)


def test_clocks_in_floating_point_make_no_parts_of_slots() -> None:
    writing = Writing(replace(small_case(1, 50_000, seed=1, step_s=10.0), start=1_746_396_000.0))
    for slot in (1, 7, 12_345, 49_999):
        assert writing.place(1_746_396_000.0 + slot * 10.0) == (slot, 0.0)
        assert writing.place(1_746_396_000.0 + slot * 10.0 - 1e-7) == (slot, 0.0)
        at, part = writing.place(1_746_396_000.0 + slot * 10.0 + 3.0)
        assert at == slot
        assert part == pytest.approx(0.3, abs=1e-6)


def test_phases_alone_are_a_schedule_with_moves_on_borders() -> None:
    case = small_case(2, 5, seed=1, history=3)
    phases = np.repeat(case.initial[np.newaxis], 8, axis=0)
    phases[6:, 0] = (phases[6:, 0] + 1) % 3
    for given in (phases, phases[3:]):
        (move,) = Schedule.of(case, given).moves()
        assert (move.slot, move.house, move.part) == (6, 0, 0.0)
    assert not list(Schedule.of(case, case.initial).moves())
