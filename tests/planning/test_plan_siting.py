"""Where switches pay: shares that add up, sets that grow, and the real controller on small histories."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.planning.dynamic import DynamicRun, run_controller
from edge_balancer.planning.figures import Figures, figures
from edge_balancer.planning.history import History, Phases
from edge_balancer.planning.siting import run_count, shapley_values, site
from edge_balancer.types.phases import Phase
from tests.planning.planning_cases import drawn_history, history_of
from tests.support.configuration import make_config

DECISION = {"operations_per_house_day": 20, "max_operations_per_house_day": 20, "neutral_trigger_a": 2.0, "dwell_s": 60}


def changing(slots: int = 120) -> History:
    """h1 and h4 draw 20 A in turn, half an hour each, on top of steady loads: h2 and h3 never pay for a switch."""
    currents = [
        [20.0 if slot // 30 % 2 else 0.0, 5.0, 5.0, 0.0 if slot // 30 % 2 else 20.0, 5.0] for slot in range(slots)
    ]
    return history_of(currents, [Phase.L1, Phase.L1, Phase.L2, Phase.L1, Phase.L3])


def test_the_shares_add_up_to_the_whole_gain_and_who_did_not_move_has_none() -> None:
    history = drawn_history(1, houses=7, slots=200)
    rng = np.random.default_rng(2)
    phase = np.tile(history.now, (200, 1))
    phase[80:, 1], phase[20:150, 3], phase[:, 6] = 2, 1, (history.now[6] + 1) % 3
    values = shapley_values(history, phase, history.now, rng)
    stayed, went = (float(np.abs(history.neutral(p)).mean()) for p in (history.now, phase))
    assert values.sum() == pytest.approx(stayed - went, abs=1e-4)
    assert values[[0, 2, 4, 5]].tolist() == [0.0] * 4
    assert np.count_nonzero(values) == 3


def test_a_lone_move_has_the_gain_as_its_share() -> None:
    history = history_of([[10.0, 10.0]] * 10, [Phase.L1, Phase.L1])
    phase = np.tile(history.now, (10, 1))
    phase[5:, 1] = 1
    # 20 A in the first half, |10 + 10 at 120 degrees| = 10 A in the second.
    values = shapley_values(history, phase, history.now, np.random.default_rng(1))
    assert values == pytest.approx([0.0, 5.0], abs=1e-4)


def test_the_controller_moves_only_houses_with_a_switch_and_its_gain_is_counted_from_the_next_slot_on() -> None:
    history = changing()
    config = make_config(5, decision=DECISION)
    run = run_controller(history, config, history.now, frozenset({"h1", "h4"}))
    assert run.operations[[0, 3]].sum() > 0
    assert run.operations[[1, 2, 4]].tolist() == [0, 0, 0]
    assert (run.phase[0] == history.now).all(), "the first slot's mean is known at its end"
    assert run.neutral == figures(history.neutral(run.phase.astype(np.intp)))
    assert run.neutral.mean_a < figures(history.neutral(history.now)).mean_a
    assert run.days == pytest.approx(120 / 1440)
    again = run_controller(history, config, history.now, frozenset({"h1", "h4"}))
    assert (again.phase == run.phase).all()


def test_the_houses_begin_on_the_plans_phases() -> None:
    history = changing(40)
    start = np.array([2, 1, 0, 2, 1], dtype=np.int8)
    run = run_controller(history, make_config(5, decision=DECISION), start, frozenset())
    assert (run.phase == start).all()
    assert run.operations.sum() == 0


class Controller:
    """A controller to which every switch is worth what it was told: what `site` must choose is then known."""

    def __init__(self, history: History, start: Phases, worth: dict[str, float]) -> None:
        self._history = history
        self._start = start
        self._worth = worth
        self.asked: list[frozenset[str]] = []

    def __call__(self, houses: frozenset[str]) -> DynamicRun:
        self.asked.append(houses)
        history = self._history
        phase = np.tile(self._start, (len(history.t), 1))
        for h, member in enumerate(history.members):
            if member.id in houses:
                phase[:, h] = (self._start[h] + 1) % 3
        neutral = figures(history.neutral(self._start))
        gain = sum(self._worth.get(house, 0.0) for house in houses)
        operations = np.array([int(m.id in houses) for m in history.members], dtype=np.int64)
        return DynamicRun(phase, operations, 1.0, Figures(neutral.mean_a - gain, neutral.p95_a))


def test_sets_grow_by_what_the_controller_makes_of_them_and_are_judged_elsewhere() -> None:
    history = drawn_history(3, houses=14, slots=100)
    judged = drawn_history(4, houses=14, slots=50)
    worth = {f"h{k}": 0.1 * k for k in range(1, 15)}
    choosing, judging = Controller(history, history.now, worth), Controller(judged, history.now, worth)
    siting = site(history, judged, history.now, choosing, judging, np.random.default_rng(1))
    assert [item.size for item in siting.curve] == [3, 5, 10, 14]
    assert siting.curve[-1].share == pytest.approx(1.0)
    assert siting.curve[-1].everywhere
    for item in siting.curve:
        assert item.share == pytest.approx(sum(worth[h] for h in item.houses) / sum(worth.values()))
    assert len(choosing.asked) + len(judging.asked) <= run_count(14)
    for size in (3, 5, 10):
        tried = [asked for asked in choosing.asked if len(asked) == size]
        chosen = next(item for item in siting.curve if item.size == size)
        assert frozenset(chosen.houses) == max(tried, key=lambda houses: sum(worth[h] for h in houses))
    assert {w.house for w in siting.worth} == set(worth)


def test_where_nothing_is_gained_no_share_is_claimed() -> None:
    history = drawn_history(3, houses=5, slots=60)
    controller = Controller(history, history.now, {})
    siting = site(history, history, history.now, controller, controller, np.random.default_rng(1))
    assert [item.share for item in siting.curve] == [0.0, 0.0]


def test_the_house_that_changes_is_worth_a_switch_and_the_steady_one_is_not() -> None:
    history = changing()
    config = make_config(5, decision=DECISION)

    def run(houses: frozenset[str]) -> DynamicRun:
        return run_controller(history, config, history.now, houses)

    siting = site(history, history, history.now, run, run, np.random.default_rng(1))
    assert {siting.worth[0].house, siting.worth[1].house} & {"h1", "h4"}
    first = siting.curve[0]
    assert (first.size, siting.curve[-1].size) == (3, 5)
    assert set(first.houses) & {"h1", "h4"}
    assert siting.today is None, "every house has its switch today"
    assert siting.curve[-1].neutral.mean_a < siting.fixed.mean_a
