"""Where switches pay: what foresight makes of a switch, the order in which to buy them, and what sets of them bring."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_balancer.forecast.interface import FunctionModel, ModelCard, Outputs
from edge_balancer.planning.confidence import gain_over
from edge_balancer.planning.dynamic import DynamicRun, run_controller
from edge_balancer.planning.figures import Figures, figures
from edge_balancer.planning.foresight import Schedules
from edge_balancer.planning.history import History
from edge_balancer.planning.order import Placed, purchase_order
from edge_balancer.planning.siting import Siting, Stretch, run_count, site
from edge_balancer.types.phases import ROTATION, Phase
from tests.planning.planning_cases import drawn_history, history_of, quiet
from tests.support.configuration import make_config

DECISION = {"operations_per_house_day": 20, "max_operations_per_house_day": 20, "neutral_trigger_a": 2.0, "dwell_s": 60}


def changing(slots: int = 120) -> History:
    """h1 and h4 draw 20 A in turn, half an hour each, on top of steady loads: h2, h3 and h5 never pay for a switch."""
    currents = [
        [20.0 if slot // 30 % 2 else 0.0, 5.0, 5.0, 0.0 if slot // 30 % 2 else 20.0, 5.0] for slot in range(slots)
    ]
    return history_of(currents, [Phase.L1, Phase.L1, Phase.L2, Phase.L1, Phase.L3])


def stretch(history: History, days: int = 1) -> Stretch:
    """The history as if it were so many days."""
    return Stretch(history, (np.arange(len(history.t)) * days // len(history.t)).astype(np.intp))


def schedules_of(history: History, price: float, days: int = 1) -> Schedules:
    made = Schedules(history, history.now, stretch(history, days).day)
    made.price = price
    return made


@pytest.mark.parametrize("price", [0.5, 5.0, 40.0])
def test_a_lone_switch_gains_what_the_best_of_all_its_schedules_gains(price: float) -> None:
    history = drawn_history(7, houses=4, slots=8)
    rest = history.neutral(history.now) - history.own[:, 0] * ROTATION[history.now[0]]
    best = min(
        float(np.abs(rest + history.own[:, 0] * ROTATION[list(way)]).sum())
        + price * np.count_nonzero(np.diff([history.now[0], *way]))
        for way in itertools.product(range(3), repeat=8)
    )
    trial = schedules_of(history, price).trial(0)
    assert trial.net == pytest.approx(float(np.abs(history.neutral(history.now)).sum()) - best, abs=1e-3)


def test_an_improved_pair_is_never_worse_than_each_alone_and_its_gain_is_what_it_takes_off() -> None:
    history = drawn_history(8, houses=6, slots=300)
    made = schedules_of(history, 20.0, days=3)
    alone = [made.trial(h).net for h in (0, 1)]
    made.add([0, 1])
    before = made.mean_a
    made.improve((0, 1))
    gained = (before - made.mean_a) * 300 - made.price * made.operations
    assert gained >= max(alone) - 1e-3
    assert made.gain_by_day().mean() == pytest.approx(before - made.mean_a, abs=1e-4)


@pytest.mark.parametrize("budget", [0.5, 4.0, 40.0])
def test_schedules_keep_to_the_budget(budget: float) -> None:
    history = drawn_history(9, houses=5, slots=720)
    made = schedules_of(history, 1.0)
    made.add([0, 1, 2])
    made.meet(budget, 4)
    assert made.operations <= 1.02 * budget * 3 * made.days


def order_of(history: History, *, most: int = 20, budget: float = 60.0, days: int = 5) -> tuple[Placed, ...]:
    eligible = [h for h, member in enumerate(history.members) if member.eligible]
    return purchase_order(history, history.now, stretch(history, days).day, eligible, budget, most, quiet)


def turning() -> History:
    """h1 on L1 draws 20 A and feeds in as much by turns of half an hour; h2 to h9 draw 5 A, half on L2, half on L3.

    While it draws all is balanced; while it feeds in, 40 A are left, or 20 if it goes to L2 or L3.
    """
    currents = [[-20.0 if slot // 30 % 2 else 20.0, *(5.0 for _ in range(8))] for slot in range(600)]
    return history_of(currents, [Phase.L1, *[Phase.L2] * 4, *[Phase.L3] * 4])


def test_the_house_that_turns_comes_first_with_what_it_takes_off() -> None:
    placed = order_of(turning())
    assert placed[0].house == "h1"
    assert placed[0].further == placed[0].alone
    assert placed[0].alone.mean_a == pytest.approx(10.0, abs=1e-3)
    assert placed[0].alone.within_a == pytest.approx(0.0, abs=1e-3), "every day is the same"
    assert placed[0].operations_per_day == pytest.approx(19 / (600 / 1440))
    assert {item.house for item in placed} == {f"h{k}" for k in range(1, 10)}
    assert all(item.alone.mean_a < 4.0 for item in placed[1:])


def test_houses_alike_are_as_good_as_one_another_and_the_better_one_stands_alone() -> None:
    first, second, *_ = order_of(turning())
    assert first.as_good == ()
    alike = ({f"h{k}" for k in range(2, 6)}, {f"h{k}" for k in range(6, 10)})
    mine = next(houses for houses in alike if second.house in houses)
    assert mine - {second.house} <= set(second.as_good)


def test_the_order_is_the_same_each_time_and_no_house_is_in_it_twice() -> None:
    history = drawn_history(11, houses=12, slots=400)
    placed = order_of(history, most=6)
    assert placed == order_of(history, most=6)
    assert len({item.house for item in placed}) == 12
    assert [item.further is not None for item in placed] == [k < 6 for k in range(12)]


@pytest.mark.parametrize(
    ("days", "mean", "within"),
    [([], 0.0, None), ([2.0], 2.0, None), ([1.0, 3.0], 2.0, None), ([1.0, 2.0, 3.0], 2.0, 4.303 / 3**0.5)],
)
def test_an_interval_needs_three_days(days: list[float], mean: float, within: float | None) -> None:
    gain = gain_over(np.array(days))
    assert gain.mean_a == mean
    assert gain.within_a == (None if within is None else pytest.approx(within))
    assert not gain.sure


def test_a_gain_on_every_day_alike_is_sure() -> None:
    assert gain_over(np.array([1.0, 1.1, 0.9, 1.0])).sure


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


def test_the_controller_is_advised_by_the_model_that_it_is_given() -> None:
    history = changing()
    asked: list[int] = []

    def function(rows: NDArray[np.float32]) -> Outputs:
        asked.append(len(rows))
        return Outputs(np.zeros((len(rows), 6)))

    model = FunctionModel("hand", ModelCard("7", "by hand"), function)
    run_controller(history, make_config(5, decision=DECISION), history.now, frozenset({"h1", "h4"}), model=model)
    assert len(asked) > 5
    assert set(asked) == {5}


def test_what_the_controller_does_while_it_learns_is_not_counted() -> None:
    history = changing(90)
    config = make_config(5, decision=DECISION)
    whole = run_controller(history, config, history.now, frozenset({"h1", "h4"}))
    said: list[str] = []
    later = run_controller(history, config, history.now, frozenset({"h1", "h4"}), warm_up=40, progress=said.append)
    assert (later.phase == whole.phase[40:]).all()
    assert later.days == pytest.approx(50 / 1440)
    assert later.operations.sum() <= whole.operations.sum()
    assert said[-1] == "100%"


def test_the_houses_begin_on_the_plans_phases() -> None:
    history = changing(40)
    start = np.array([2, 1, 0, 2, 1], dtype=np.int8)
    run = run_controller(history, make_config(5, decision=DECISION), start, frozenset())
    assert (run.phase == start).all()
    assert run.operations.sum() == 0


def test_sets_are_the_first_of_the_order_and_more_switches_gain_no_less() -> None:
    history, judged = drawn_history(3, houses=14, slots=400), drawn_history(4, houses=14, slots=300)
    asked: list[frozenset[str]] = []

    def run(houses: frozenset[str]) -> DynamicRun:
        """A controller that never moves."""
        asked.append(houses)
        phase = np.tile(judged.now, (len(judged.t), 1))
        return DynamicRun(phase, np.zeros(14, dtype=np.int64), 1.0, Figures(1.0, 2.0))

    grown: list[Siting] = [*site(stretch(history, 4), stretch(judged, 3), judged.now, 20.0, run, quiet, held_back=True)]
    siting = grown[-1]
    assert [item.size for item in siting.curve] == [3, 5, 10, 14]
    names = [item.house for item in siting.placed]
    assert [item.houses for item in siting.curve] == [tuple(names[: item.size]) for item in siting.curve]
    gains = [item.best.mean_a for item in siting.curve]
    assert gains[0] > 0.0
    assert all(more >= 0.97 * fewer for fewer, more in itertools.pairwise(gains))
    assert siting.whole.size == 14
    assert all(item.best.within_a is not None for item in siting.curve)
    # Each step adds one answer of the controller's, all houses first.
    assert len(asked[0]) == 14
    assert len(asked) == 4 <= run_count(14)
    assert [sum(item.controller is not None for item in one.curve) for one in grown] == [0, 1, 2, 3, 4]
    answers = [item.controller.gain.mean_a for item in siting.curve if item.controller is not None]
    assert answers == pytest.approx([0.0] * 4, abs=1e-4)


def test_foresight_gains_no_less_than_the_controller() -> None:
    history = changing(120)
    config = make_config(5, decision=DECISION)
    judged = stretch(history, 2)

    def run(houses: frozenset[str]) -> DynamicRun:
        return run_controller(history, config, history.now, houses)

    *_, siting = site(judged, judged, history.now, 20.0, run, quiet, held_back=False)
    whole = siting.whole
    assert whole.controller is not None
    assert 0.0 < whole.controller.gain.mean_a <= whole.best.mean_a + 1e-6
    assert not any(item.today for item in siting.curve), "every house has its switch today"
