"""An inverter that trips with its house's move comes back within minutes. Until then the feeder looks unbalanced, and
nobody else must be moved for it."""

from __future__ import annotations

from typing import Any

from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Command, Mode, ModeRequest, SwitchReport, SwitchRequest, SwitchResult
from tests.engine.world import World
from tests.support.configuration import make_config

L1, L2, L3 = Phase
RECONNECT_S = 300.0
SUN = "sun"
LOADS = {SUN: -9000.0, "h1": 9000.0, "h2": 9000.0, "h3": 9000.0, "h4": 4500.0, "h5": 4500.0}
"""9 kW on each phase once the sun shines on L2."""
IDLE = {f"idle{k}": 20.0 for k in range(150)}
"""Where the typical house draws next to nothing, a move is cheap."""
HOUSES: list[dict[str, Any]] = [
    {"id": SUN, "phase": "L1", "pv_w": 10_000},
    {"id": "h1", "phase": "L1"},
    {"id": "h2", "phase": "L2"},
    {"id": "h3", "phase": "L3"},
    {"id": "h4", "phase": "L2"},
    {"id": "h5", "phase": "L2"},
    *({"id": name, "phase": str(Phase(k % 3)), "switchable": False} for k, name in enumerate(IDLE)),
]


def moved(*, pv_w: float = 10_000.0) -> World:
    """The roof was moved to L2 a moment ago, by an operator; a meter's word has confirmed it."""
    decision = {"operations_per_house_day": 100, "dwell_s": 60, "pv_reconnect_s": RECONNECT_S, "smoothing_s": 0}
    world = World(make_config([HOUSES[0] | {"pv_w": pv_w}, *HOUSES[1:]], decision={"mode": "hold", **decision}))
    world.announce_positions(tuple(LOADS))
    for _ in range(45):
        world.measure(60.0, LOADS | IDLE, 230.0)
    # In one step, or the controller would balance the feeder in another way first.
    modes, wishes = [ModeRequest(Mode.AUTO, "somebody")], [SwitchRequest(SUN, L2, "somebody", "because")]
    assert [command.house for command in world.step(0.1, modes=modes, requests=wishes).commands] == [SUN]
    answered(world, world.commands[-1])
    return world


def answered(world: World, command: Command) -> None:
    done = SwitchReport(command.house, command.phase, world.now, command.id, SwitchResult.DONE)
    world.step(0.2, sent=[command.id], reports=[done])


def watch(world: World, seconds: float, sun_w: float) -> set[str]:
    """Readings every ten seconds; the houses that were commanded meanwhile."""
    before = len(world.commands)
    for _ in range(round(seconds / 10.0)):
        for command in world.measure(10.0, LOADS | IDLE | {SUN: sun_w}, 230.0).commands:
            answered(world, command)
    return {command.house for command in world.commands[before:]}


def test_while_an_inverter_reconnects_no_other_house_is_moved_for_it() -> None:
    world = moved()
    assert watch(world, RECONNECT_S - 20.0, 0.0) == set()
    assert watch(world, 600.0, -9000.0) == set(), "it is back, and all is balanced"


def test_an_inverter_that_takes_a_little_longer_is_waited_for() -> None:
    world = moved()
    assert watch(world, RECONNECT_S + 20.0, 0.0) == set()
    assert watch(world, 600.0, -9000.0) == set()


def test_a_roof_that_stays_away_is_believed_in_the_end() -> None:
    world = moved()
    assert watch(world, RECONNECT_S - 20.0, 0.0) == set()
    assert watch(world, 1800.0, 0.0) != set()


def test_the_same_readings_of_a_house_without_a_roof_do_move_others() -> None:
    """So it is the inverter, and not something else, that holds the controller back."""
    assert watch(moved(pv_w=0.0), RECONNECT_S - 20.0, 0.0) != set()


def test_other_houses_are_balanced_on_meanwhile() -> None:
    world = moved()
    loads = LOADS | IDLE | {"h4": 18_000.0, "h5": 18_000.0}
    before = len(world.commands)
    for _ in range(28):
        for command in world.measure(10.0, loads | {SUN: 0.0}, 230.0).commands:
            answered(world, command)
    assert len(world.commands) > before
