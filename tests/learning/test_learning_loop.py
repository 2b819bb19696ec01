"""The closed loop in small, and what is made of its results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_balancer.forecast.horizon import BLOCK_MINUTES, horizon, patience_for
from edge_balancer.forecast.interface import Outputs
from edge_balancer.learning.feeders import STRETCH_MIN, Asked, Ready, days_judged, own_loop
from edge_balancer.learning.imitation import examples, imitating
from edge_balancer.learning.loop import Advice, LoopFeeder, run_loop, run_stretches
from edge_balancer.learning.policy import INPUTS
from edge_balancer.learning.standings import BLEND, LoopRow, as_csv, from_csv, standings, winner
from edge_balancer.learning.walk import Walk
from tests.learning.learning_cases import living, recording_of

MINUTES = 2 * 1440


def feeder(houses: int = 8, roof_w: float = 0.0) -> LoopFeeder:
    """All on one phase; the forecast is that nothing changes."""
    load = living(houses, MINUTES, 11).astype(np.complex64)
    pv = np.full(load.shape, roof_w, dtype=np.float32)
    load -= pv
    forecast = np.repeat(load[:, :, np.newaxis], len(BLOCK_MINUTES), axis=2)
    error = np.full((MINUTES, len(BLOCK_MINUTES)), 300.0, dtype=np.float32)
    phases, calm = np.zeros(houses, dtype=np.int8), np.ones(MINUTES, dtype=np.float32)
    return LoopFeeder("made", load, pv, np.full(houses, roof_w), phases, forecast, error, calm, 0, 1440)


def truth(made: LoopFeeder) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """What would have to be added to the forecast."""
    looking = horizon(patience_for(2.0))
    sums = np.concatenate([np.zeros((1, made.load.shape[1])), np.cumsum(made.load.real, axis=0, dtype=np.float64)])
    minute = np.arange(MINUTES)
    out = np.zeros(made.forecast.shape, dtype=np.float32)
    for block, (start, end) in enumerate(zip(looking.starts_s / 60, looking.ends_s / 60, strict=True)):
        a = np.minimum(minute + 1 + int(start), MINUTES - 1)
        b = np.maximum(np.minimum(minute + 1 + int(end), MINUTES), a + 1)
        out[:, :, block] = (sums[b] - sums[a]) / (b - a)[:, np.newaxis] - made.load.real
    return out


def test_who_sees_the_future_does_better_and_both_keep_to_the_budget() -> None:
    made = feeder()
    blind, seeing = run_loop(made, [Advice("blend"), Advice("oracle", truth(made))], 2.0)
    # It needs a fifth fewer operations as well; what these are worth is told by the power that current falls with them.
    assert seeing.operations < 0.9 * blind.operations
    assert seeing.mean_a * seeing.operations**0.17 < 0.95 * blind.mean_a * blind.operations**0.17
    assert seeing.mean_a < 0.97 * blind.mean_a
    blind_4, seeing_4 = run_loop(made, [Advice("blend"), Advice("oracle", truth(made))], 4.0)
    assert seeing_4.mean_a < 0.95 * blind_4.mean_a
    assert seeing_4.operations < blind_4.operations
    unmoved = float(np.abs((np.conj(made.load) / 230.0).sum(axis=1))[1440:].mean())
    assert blind.mean_a < 0.7 * unmoved
    assert 1.0 < blind.operations <= 4.0
    assert len(blind.daily_a) == 1
    assert blind.daily_a[0] == pytest.approx(blind.mean_a)


def test_advisors_side_by_side_do_as_they_do_alone() -> None:
    made = feeder(6)
    together = run_loop(made, [Advice("a"), Advice("b", truth(made))], 4.0)
    assert together[0] == run_loop(made, [Advice("a")], 4.0)[0]
    assert together[1] == run_loop(made, [Advice("b", truth(made))], 4.0)[0]


def test_stretch_by_stretch_it_decides_as_on_the_whole_at_all_budgets() -> None:
    made, oracle = feeder(6, 1500.0), truth(feeder(6, 1500.0))
    found = run_stretches(
        (
            (
                replace(made, load=made.load[a:b], pv_w=made.pv_w[a:b], forecast=made.forecast[a:b],
                        error_va=made.error_va[a:b], first=a, last=b == MINUTES),
                [Advice("blend"), Advice("oracle", oracle[a:b])],
            )
            for a, b in ((0, 333), (333, 1500), (1500, MINUTES))
        ),
        [2.0, 4.0],
    )  # fmt: skip
    for budget in (2.0, 4.0):
        assert found[budget] == run_loop(made, [Advice("blend"), Advice("oracle", oracle)], budget)
        assert found[budget][0].operations > 0.5
    with pytest.raises(ValueError, match="no minutes"):
        run_stretches([], [2.0])


def test_a_price_that_no_move_is_worth_keeps_houses_where_they_are() -> None:
    made = feeder()
    factor = np.ones((MINUTES, 8), dtype=np.float32)
    factor[:, 3:] = 1e9
    free, one, none = run_loop(
        made, [Advice("free"), Advice("some", price_factor=factor), Advice("none", price_factor=factor * 1e9)], 2.0
    )
    assert 0.0 < one.operations <= 3.0 * 4.0 / 8.0
    assert one.mean_a > free.mean_a
    assert none.operations == 0.0


def test_an_inverter_that_trips_costs_current() -> None:
    """With all export alike the moves are alike, and what they lose shows."""
    calm, sunny = feeder(), feeder(roof_w=3000.0)
    assert run_loop(sunny, [Advice("x")], 2.0)[0].operations < run_loop(calm, [Advice("x")], 2.0)[0].operations


def row(advisor: str, place: str, mean_a: float, budget: float = 2.0, operations: float = 2.0) -> LoopRow:
    return LoopRow(advisor, "", place, budget, 0, mean_a, 2.0 * mean_a, operations)


def test_the_winner_is_better_for_certain_or_it_is_the_blend() -> None:
    places = ("a", "b", "c", "d")
    rows = [row(BLEND, place, 10.0 + k) for k, place in enumerate(places)]
    sure = [row("sure", place, (10.0 + k) * (0.95 + 0.002 * k)) for k, place in enumerate(places)]
    lucky = [
        row("lucky", place, (10.0 + k) * one)
        for k, (place, one) in enumerate(zip(places, (0.7, 1.1, 0.9, 1.0), strict=True))
    ]
    found = {one.advisor: one for one in standings([*rows, *sure, *lucky])}
    assert found["sure"].change == pytest.approx(-0.047, abs=0.001)
    assert found["sure"].wins
    assert found["lucky"].change < found["sure"].change
    assert not found["lucky"].wins
    assert winner(found.values(), ["sure", "lucky"]) == "sure"
    assert winner(found.values(), ["lucky"]) == BLEND
    assert winner(standings([*rows[:1], *sure[:1]]), ["sure"]) == BLEND


def test_operations_saved_are_read_off_the_curve() -> None:
    rows = []
    for place in ("a", "b"):
        for budget in (1.0, 2.0, 4.0):
            rows.append(row(BLEND, place, 10.0 * budget**-0.2, budget, budget))
            rows.append(row("better", place, 0.95 * 10.0 * budget**-0.2, budget, budget))
    (found,) = standings(rows)
    assert found.saved is not None
    assert found.saved[0] == pytest.approx(1.0 - 0.95**5, abs=1e-6)
    assert list(found.by_budget) == [1.0, 2.0, 4.0]


def test_rows_come_back_from_disk() -> None:
    rows = [row("x", "a", 1.0 / 3.0), row(BLEND, "b", 0.1)]
    assert from_csv(as_csv(rows)) == rows


def test_foresight_gives_examples_of_moves_and_of_what_stayed() -> None:
    made = feeder(5)
    kept = np.zeros((MINUTES, 5, len(INPUTS)), dtype=np.float32)
    kept[:, :, 0] = made.load.real / 1000.0
    ready = Ready(made, [Advice(BLEND)], kept)
    found = examples(ready, None, 2.0, lambda _: None)
    assert len(found.inputs) == len(found.gain) == len(found.moved)
    assert 0 < found.moved.sum() <= 2.0 * 5 * 1.01
    assert (~found.moved).sum() > found.moved.sum()
    assert found.gain[found.moved].mean() > found.gain[~found.moved].mean()
    assert len(imitating([found]).weights) == len(INPUTS)


def test_a_sites_record_is_judged_in_stretches_that_follow_one_another() -> None:
    """However long it is, no more than one of them is in memory; its last quarter is what counts."""
    load = living(3, 7 * 1440, 6)
    recording = recording_of(load)
    asked = [Asked(BLEND), Asked("nought", lambda inputs: Outputs(np.zeros((len(inputs), 6), dtype=np.float32)))]
    stretches = list(own_loop(recording, np.array([0, 1, 2], dtype=np.int8), asked, lambda _: None))
    feeders = [one.feeder for one in stretches]
    assert max(len(one.load) for one in feeders) == STRETCH_MIN
    assert [one.first for one in feeders] == [STRETCH_MIN * k for k in range(len(feeders))]
    assert [one.last for one in feeders] == [False] * (len(feeders) - 1) + [True]
    judged = len(load) - 2 * 1440 - int(0.75 * 5 * 1440)
    np.testing.assert_allclose(
        np.concatenate([one.load for one in feeders]), load[-judged - 1440 :].astype(np.complex64)
    )
    told = [one.unrest for one in Walk(recording, horizon(patience_for(2.0)), 60.0).instants(len(load) - judged - 1439)]
    np.testing.assert_allclose(np.concatenate([one.unrest for one in feeders]), told, rtol=1e-6)
    assert max(told) > 1.2 * min(told)
    assert feeders[0].judged == 1440
    assert days_judged(recording) == 1
    blend, nought = run_stretches([(one.feeder, one.advice) for one in stretches], [2.0])[2.0]
    assert nought.mean_a == blend.mean_a
    assert len(blend.daily_a) == 1


def test_the_loop_looks_less_far_ahead_where_the_feeder_is_restless() -> None:
    made = feeder()
    usual, calm, restless = (
        run_loop(replace(made, unrest=np.full(MINUTES, unrest, dtype=np.float32)), [Advice("blend")], 2.0)[0]
        for unrest in (1.0, 0.3, 3.0)
    )
    assert len({usual.mean_a, calm.mean_a, restless.mean_a}) == 3
