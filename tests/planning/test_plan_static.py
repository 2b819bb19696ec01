"""The fixed plan as a whole: work order, days held back, voltages, and who stays where he is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_balancer.planning.errors import PlanningError
from edge_balancer.planning.history import History
from edge_balancer.planning.options import StaticOptions
from edge_balancer.planning.static import StaticPlan, make_plan
from edge_balancer.planning.voltages import VoltageModel
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.types.phases import Phase
from tests.planning.planning_cases import drawn_history, history_of, quiet

FEEDER = FeederSettings()


def plan(history: History, **options: object) -> StaticPlan:
    return make_plan(history, FEEDER, StaticOptions(**{"holdout": 0.0, **options}), quiet)  # type: ignore[arg-type]


def test_the_work_order_ends_where_little_is_left_to_gain() -> None:
    currents = [[30.0, 20.0, 25.0, 25.0, 25.0, 0.1]] * 50
    made = plan(history_of(currents, [Phase.L1, Phase.L1, Phase.L2, Phase.L3, Phase.L3, Phase.L1]))
    # 50.1, 25 and 50 A become 30.1, 45 and 50 A, the best that there is but for h6, which is not worth a visit.
    (step,) = made.order
    assert (step.change.house, step.change.target) == ("h2", Phase.L2)
    assert step.seen.mean_a == pytest.approx(math.sqrt((14.9**2 + 5.0**2 + 19.9**2) / 2), rel=1e-4)
    assert made.curve[-1].seen.mean_a == pytest.approx(step.seen.mean_a, abs=0.2)


def test_the_work_order_does_the_most_useful_first_and_brings_most_of_the_gain() -> None:
    made = plan(drawn_history(5, houses=16, slots=150), changes=8)
    means = [made.curve[0].seen.mean_a, *(step.seen.mean_a for step in made.order)]
    assert 2 <= len(made.order) <= 8
    assert means == sorted(means, reverse=True)
    assert means[1] == pytest.approx(min(_after_each_alone(made)))
    assert means[0] - means[-1] >= 0.95 * (means[0] - made.curve[-1].seen.mean_a) - 1e-4


def _after_each_alone(made: StaticPlan) -> list[float]:
    names = [member.id for member in made.seen.members]
    means = []
    for step in made.order:
        phase = made.seen.now.copy()
        phase[names.index(step.change.house)] = step.change.target
        means.append(float(np.abs(made.seen.neutral(phase)).mean()))
    return means


def test_the_work_order_names_where_each_house_is_and_shall_be() -> None:
    made = plan(history_of([[10.0, 10.0, 10.0]] * 5, [Phase.L2] * 3))
    assert {step.change.origin for step in made.order} == {Phase.L2}
    assert {step.change.target for step in made.order} == {Phase.L1, Phase.L3}
    assert made.order[-1].seen.mean_a == pytest.approx(0.0, abs=1e-4)
    assert sorted(made.phase.tolist()) == [0, 1, 2]


@pytest.mark.parametrize(("wanted", "steps"), [(1, 1), (2, 2), (None, 2)])
def test_as_many_changes_as_are_wanted(wanted: int | None, steps: int) -> None:
    made = plan(history_of([[10.0, 10.0, 10.0]] * 5, [Phase.L2] * 3), order=wanted)
    assert len(made.order) == steps


def test_days_held_back_do_not_enter_the_plan_and_tell_when_it_does_not_carry_over() -> None:
    """In the first part h1 and h2 load L1; in what is held back they are away and h3 alone draws, on L2."""
    seen, rest = [[20.0, 20.0, 0.0]] * 70, [[0.0, 0.0, 20.0]] * 30
    made = plan(history_of(seen + rest, [Phase.L1, Phase.L1, Phase.L2]), holdout=0.3)
    (step,) = made.order
    assert step.change.house in {"h1", "h2"}
    assert (len(made.seen.t), len(made.rest.t)) == (70, 30)
    assert made.curve[0].seen.mean_a == pytest.approx(40.0)
    assert step.seen.mean_a == pytest.approx(20.0)
    assert step.rest is not None
    assert step.rest.mean_a == pytest.approx(20.0), "not a bit better on the rest"
    other = plan(history_of(seen + [[9.0, 1.0, 5.0]] * 30, [Phase.L1, Phase.L1, Phase.L2]), holdout=0.3)
    assert [s.change for s in other.order] == [s.change for s in made.order]


def test_without_days_held_back_nothing_is_said_of_them() -> None:
    made = plan(history_of([[10.0, 10.0]] * 5, [Phase.L1] * 2))
    assert made.curve[0].rest is None
    assert made.order[0].rest is None


def test_who_may_not_be_moved_stays() -> None:
    history = drawn_history(1, houses=9, slots=100, movable=[k % 3 == 0 for k in range(9)])
    made = plan(history)
    moved = {change.house for point in made.curve for change in point.changes}
    assert moved
    assert moved <= {"h1", "h4", "h7"}
    with pytest.raises(PlanningError, match="may be moved"):
        plan(history_of([[1.0]], [Phase.L1], movable=[False]))


def test_a_balanced_feeder_gets_no_work() -> None:
    made = plan(history_of([[10.0, 10.0, 10.0]] * 5, list(Phase)))
    assert made.order == ()
    assert made.phase.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("l2_volts", "target"),
    [pytest.param(208.0, Phase.L3, id="L2 is low already"), pytest.param(230.0, None, id="L2 is well")],
)
def test_a_change_that_would_take_a_voltage_out_of_its_limits_is_not_made(
    l2_volts: float, target: Phase | None
) -> None:
    """h1 and h2 load L1; h3 shows how low L2 is. The limit is 207 V, the impedance 0.25 ohm."""
    currents = [[20.0, 20.0, 0.0, 1.0]] * 90
    volts = [[230.0, 230.0, l2_volts, 230.0]] * 90
    made = plan(history_of(currents, [Phase.L1, Phase.L1, Phase.L2, Phase.L3], volts=volts), order=1)
    (step,) = made.order
    if target is None:
        # L3 carries one ampere already, so L2 is the better place.
        assert (step.change.target, made.forbidden) == (Phase.L2, ())
    else:
        assert step.change.target is target
        assert {phase for _, phase in made.forbidden} == {Phase.L2}
    before = made.curve[0].voltages
    assert before is not None
    for point in made.curve:
        assert point.voltages is not None
        assert point.voltages.beyond_h <= before.beyond_h


def _unequal(z_ohm: float) -> History:
    """A feeder whose phases sink by exactly `z_ohm` times their load, under a supply that wanders."""
    rng = np.random.default_rng(1)
    phases = [Phase.L1, Phase.L1, Phase.L2, Phase.L3]
    own = rng.uniform(0.0, 40.0, (400, 4))
    supply = 235.0 + rng.normal(0.0, 3.0, (400, 1))
    loads = np.stack([own[:, [k for k, p in enumerate(phases) if p is phase]].sum(axis=1) for phase in Phase], axis=1)
    volts = supply - z_ohm * loads[:, [int(p) for p in phases]]
    return history_of(own.tolist(), phases, volts=volts.tolist())


def test_the_impedance_is_learned_from_the_record_and_foretells_the_voltages() -> None:
    history = _unequal(0.2)
    model = VoltageModel(history, FEEDER)
    assert model.learned
    assert model.z_ohm == pytest.approx(0.2, rel=1e-3)
    moved = np.array([0, 1, 1, 2], dtype=np.int8)
    loads = np.abs(history.own[:, 0]), np.abs(history.own[:, 1] + history.own[:, 2])
    supply = history.volts[:, 3] + 0.2 * np.abs(history.own[:, 3])
    estimate = model.estimate(moved)
    assert estimate[:, 0] == pytest.approx(supply - 0.2 * loads[0], abs=1e-2)
    assert estimate[:, 1] == pytest.approx(supply - 0.2 * loads[1], abs=1e-2)
    assert model.estimate(history.now) == pytest.approx(history.volts, abs=1e-3)


def test_where_the_record_does_not_show_an_impedance_the_configured_one_counts() -> None:
    model = VoltageModel(history_of([[10.0, 5.0]] * 90, [Phase.L1, Phase.L2], volts=[[230.0, 231.0]] * 90), FEEDER)
    assert (model.learned, model.z_ohm) == (False, FEEDER.source_impedance_ohm)


def test_without_voltages_nothing_is_said_of_them() -> None:
    made = plan(history_of([[10.0, 10.0]] * 5, [Phase.L1] * 2))
    assert all(point.voltages is None for point in made.curve)
