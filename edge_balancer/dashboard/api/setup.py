"""Routes of setting up: phase identification, and the checklist."""

from __future__ import annotations

from edge_balancer.dashboard.api.model import name_of
from edge_balancer.dashboard.api.route import Call
from edge_balancer.dashboard.api.setup_model import Commissioning, Identification, RecordDoubt
from edge_balancer.dashboard.checklist import checklist


async def get_identification(call: Call) -> Identification:
    view = call.context.hub.catch_up()
    doubts = (
        RecordDoubt(d.house, name_of(d.recorded), name_of(d.phase), d.confidence, round(d.hours, 2), d.moved)
        for d in view.doubts
    )
    return Identification(call.context.config.switching.voltage_evidence, tuple(doubts))


async def get_commissioning(call: Call) -> Commissioning:
    context = call.context
    moved = await context.past.ever_moved() | context.hub.moved
    steps = checklist(
        context.config, context.hub.catch_up(), context.hub.houses(), moved, context.access.figures().operators
    )
    return Commissioning(tuple(steps))
