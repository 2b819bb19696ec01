"""Small scenarios, and what they come to."""

from __future__ import annotations

from typing import Any

from edge_balancer.simulation.loop import Loop
from edge_balancer.simulation.scenario import Scenario
from edge_balancer.simulation.scenario_file import parse
from edge_balancer.simulation.simulate import Result, simulate
from edge_balancer.simulation.world import World, build

QUICK: dict[str, Any] = {
    "feeder": {"houses": 6},
    "sun": {"pv_share": 0.7, "pv_skew": 0.8},
    "people": {"ev_share": 0.5},
    "meters": {"period_s": 240.0, "transformer": False},
    "run": {"history_days": 0, "days": 1, "burst_s": 60.0, "step_s": 60, "series_step_s": 3600},
    "baselines": ["none"],
}


def scenario(**sections: Any) -> Scenario:
    """The quick one with these keys of its sections changed."""
    data = {name: dict(value) if isinstance(value, dict) else value for name, value in QUICK.items()}
    for name, value in sections.items():
        data[name] = {**data.get(name, {}), **value} if isinstance(value, dict) else value
    return parse(data)


def world(**sections: Any) -> World:
    return build(scenario(**sections))


def run(what: Scenario, loop: Loop | None = None) -> Result:
    return simulate(what, lambda _: None, loop)
