"""Requests that come all at once are decided upon in several steps, and a `hold` goes before what is left of them."""

from __future__ import annotations

import json

from edge_balancer.telemetry.batch import REQUESTS_A_STEP
from edge_balancer.telemetry.intake import Intake
from edge_balancer.types.decisions import VetoReason
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Mode
from tests.engine.test_engine_feeder import NAMES, WALL, Feeder

BASE = "phase-balance/f"
MANY = 3 * REQUESTS_A_STEP + 7


def say(intake: Intake, topic: str, payload: object) -> None:
    intake.message(f"{BASE}/{topic}", json.dumps(payload).encode(), False, 0.0, WALL, True)


def ask(intake: Intake, count: int) -> list[str]:
    """Requests for houses to stay where they are, each by somebody else: the operators."""
    operators = [f"anna{n}" for n in range(count)]
    for n, operator in enumerate(operators):
        house = n % len(NAMES)
        wish = {"phase": str(Phase(house % 3)), "operator": operator}
        say(intake, f"switch/{NAMES[house]}/request", wish)
    return operators


def test_a_step_takes_so_many_requests_and_the_rest_waits_in_its_order() -> None:
    intake = Intake(Feeder().config)
    operators = ask(intake, MANY)
    taken: list[str] = []
    while intake.orders_wait:
        batch = intake.drain(REQUESTS_A_STEP)
        assert len(batch.requests) == min(REQUESTS_A_STEP, MANY - len(taken))
        taken += [wish.operator for wish in batch.requests]
    assert taken == operators


def test_all_else_that_waits_is_taken_at_once_and_so_is_all_where_it_is_the_end() -> None:
    intake = Intake(Feeder().config)
    ask(intake, MANY)
    for _ in range(MANY):
        say(intake, f"switch/{NAMES[0]}/clear", {"operator": "anna"})
        say(intake, "mode/set", {"mode": "hold"})
    batch = intake.drain(REQUESTS_A_STEP)
    assert (len(batch.clears), len(batch.modes)) == (MANY, MANY)
    assert len(intake.drain().requests) == MANY - REQUESTS_A_STEP
    assert not intake.orders_wait


def test_a_hold_goes_before_requests_that_came_earlier_and_wait() -> None:
    feeder = Feeder()
    feeder.run(20.0)
    intake = Intake(feeder.config)
    ask(intake, REQUESTS_A_STEP)
    say(intake, f"switch/{NAMES[1]}/request", {"phase": "L3", "operator": "thief"})
    first = intake.drain(REQUESTS_A_STEP)
    assert len(feeder.step(0.1, requests=first.requests, modes=first.modes).decisions) == REQUESTS_A_STEP
    say(intake, "mode/set", {"mode": "hold", "operator": "anna"})
    second = intake.drain(REQUESTS_A_STEP)
    outputs = feeder.step(0.1, requests=second.requests, modes=second.modes)
    assert feeder.engine.mode is Mode.HOLD
    assert [(d.operator, [veto.reason for veto in d.vetoes]) for d in outputs.decisions] == [
        ("thief", [VetoReason.MODE])
    ]
    assert not intake.orders_wait
