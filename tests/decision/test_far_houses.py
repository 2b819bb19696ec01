"""Where the houses' distances are known, the far end of the feeder is balanced too."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.decision.planner import Outlook, Planner, Proposal
from edge_balancer.forecast.horizon import horizon
from edge_balancer.types.decisions import Move
from edge_balancer.types.phases import Phase
from tests.decision.cases import guarded, situation

H = horizon(30.0)
LOADS = [2300.0, 2300.0, 2300.0, 460.0, 460.0]
"""Two houses on L1, one of which should move to L3; the rest is alike whichever it is."""
PHASES = ("L1", "L1", "L2", "L2", "L1")


def plan(distance: list[float] | None, *, weight: float = 0.15, error_a: float = 2.0, price: float = 60.0) -> Proposal:
    houses = [{"id": f"h{k}", "phase": phase} for k, phase in enumerate(PHASES, start=1)]
    config, roster, guard = guarded(houses, decision={"distance_weight": weight, "max_moves": 1})
    now_a = np.array(LOADS, dtype=np.complex128) / np.complex128(230.0)
    forecast = np.repeat(now_a[:, None], len(H.weights_min), axis=1)
    far = None if distance is None else np.array(distance)
    outlook = Outlook(H, forecast, now_a, 0j, np.full(len(H.weights_min), error_a), price, np.ones(len(now_a)), far)
    return Planner(config, roster, guard).propose(outlook, situation(config, roster, LOADS))


NEAR_FAR = [0.5, 2.5, 1.0, 1.0, 1.0]
FAR_NEAR = [2.5, 0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("distance", "weight", "house"),
    [
        pytest.param(None, 0.15, "h1", id="not known: the first of two that are alike"),
        pytest.param(NEAR_FAR, 0.15, "h2", id="the far one"),
        pytest.param(FAR_NEAR, 0.15, "h1", id="the far one is the other"),
        pytest.param(NEAR_FAR, 0.0, "h1", id="distance does not count"),
        pytest.param([1.0] * 5, 0.15, "h1", id="all alike"),
    ],
)
def test_of_two_houses_that_are_alike_the_far_one_moves(
    distance: list[float] | None, weight: float, house: str
) -> None:
    assert plan(distance, weight=weight).moves == (Move(house, Phase.L1, Phase.L3),)


def test_a_feeder_whose_houses_are_all_as_far_is_decided_as_if_nothing_were_known() -> None:
    """The weights sum up to the same, so that a price keeps its meaning."""
    unknown, alike = plan(None), plan([1.0] * 5)
    assert alike.gain == pytest.approx(unknown.gain)
    assert [c.gain for c in alike.candidates] == pytest.approx([c.gain for c in unknown.candidates])
    assert plan([1.0] * 5, price=unknown.gain * 1.01).moves == ()
    assert plan([1.0] * 5, price=unknown.gain * 0.99).moves != ()


def test_the_neutral_current_on_record_is_the_transformers_whatever_the_distance() -> None:
    unknown, known = plan(None), plan(NEAR_FAR)
    assert known.neutral_before_a == pytest.approx(unknown.neutral_before_a)
    assert [b.neutral_before_a for b in known.blocks] == pytest.approx([b.neutral_before_a for b in unknown.blocks])
    assert len(known.blocks) == len(H.weights_min)
