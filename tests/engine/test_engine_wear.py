"""A switch that has worked much is spared: of two houses that are alike the other one moves."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from edge_balancer.decision.price import DAY_S
from edge_balancer.engine import Engine
from edge_balancer.types.phases import Phase
from edge_balancer.types.ports import Inputs, Outputs, Restored
from edge_balancer.types.readings import Reading
from edge_balancer.types.switching import SwitchReport, SwitchRequest
from tests.support.configuration import make_config

WALL = 1_760_000_000.0
NOW = 500.0
PHASES = {"h1": Phase.L1, "h2": Phase.L1, "h3": Phase.L2}
"""h1 or h2 should go to L3; which of the two makes no difference."""


class Feeder:
    """Loads stand still; what is commanded is never sent, so each step decides anew."""

    def __init__(self, learned: dict[str, Any] | None = None) -> None:
        config = make_config(
            [{"id": name, "phase": str(phase)} for name, phase in PHASES.items()],
            decision={"neutral_trigger_a": 2.0, "max_moves": 1, "dwell_s": 0, "automatic": False},
        )
        self.now = NOW
        self.engine = Engine(config, uuid.UUID(int=3), Restored(wall=WALL, learned=learned or {}), NOW)
        said = [SwitchReport(name, phase, NOW, "", None, retained=True) for name, phase in PHASES.items()]
        self.step(0.0, reports=said)

    def step(self, seconds: float, **happened: Any) -> Outputs:
        self.now += seconds
        readings = [Reading(name, self.now, 4600.0, 0.0, 230.0) for name in PHASES]
        return self.engine.step(self.now, Inputs(wall=WALL + self.now - NOW, readings=readings, **happened))

    def chosen(self) -> str:
        for _ in range(30):
            for decision in self.step(1000.0).decisions:
                return decision.moves[0].house
        raise AssertionError("nobody is to be moved")


def worn(**owed: float) -> dict[str, Any]:
    """What an engine learned that has nothing to tell but who owes how much."""
    learned: dict[str, Any] = json.loads(json.dumps(Feeder().engine.learned()))
    learned["wear"] = [owed.get(name, 0.0) for name in PHASES]
    return learned


@pytest.mark.parametrize(("owed", "moves"), [({}, "h1"), ({"h1": 30.0}, "h2"), ({"h2": 30.0}, "h1")])
def test_of_two_houses_that_are_alike_the_less_worn_one_moves(owed: dict[str, float], moves: str) -> None:
    assert Feeder(worn(**owed)).chosen() == moves


def test_what_was_owed_is_paid_off_in_time() -> None:
    feeder = Feeder(worn(h1=30.0))
    for _ in range(30):
        feeder.step(DAY_S)
    assert feeder.engine.learned()["wear"][0] < 0.0
    assert feeder.chosen() == "h1"


def test_a_move_that_somebody_asked_for_is_paid_and_one_that_is_refused_is_not() -> None:
    feeder = Feeder()
    before = feeder.engine.learned()["wear"]
    feeder.step(1.0, requests=[SwitchRequest("h2", Phase.L1, "somebody", "already there")])
    assert feeder.engine.learned()["wear"] == pytest.approx(before, abs=0.01)
    feeder.step(1.0, requests=[SwitchRequest("h2", Phase.L3, "somebody", "")])
    assert feeder.engine.learned()["wear"] == pytest.approx([before[0], before[1] + 1.0, before[2]], abs=0.01)
