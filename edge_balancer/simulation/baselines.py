"""The best fixed phases that a history gives: what the controller must beat. It sees what the houses truly drew."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.benchmark.case import Case
from edge_balancer.benchmark.static import best_fixed
from edge_balancer.simulation.physics import Complexes
from edge_balancer.simulation.world import World
from edge_balancer.twin.grid.model import Floats
from edge_balancer.twin.grid.topology import Ints

_MOST_CELLS: Final = 1_200_000
"""Slots times houses that are kept; of longer histories, evenly spread slots."""
_TAG: Final = 92


class History:
    """Takes the history's days in order; remembers as much as the search can use."""

    def __init__(self, world: World) -> None:
        self._world = world
        steps = world.scenario.run.history_days * 86_400 // world.scenario.run.step_s
        self._every = max(1, -(-steps * len(world.names) // _MOST_CELLS))
        self._seen = 0
        self._rows: list[Complexes] = []

    def add(self, drawn: Complexes, pv: Floats) -> None:
        """Powers [T, H] of a day."""
        first = -self._seen % self._every
        # What a three-phase house draws is on all phases alike: no assignment changes it.
        self._rows.append((drawn[first :: self._every] - pv[first :: self._every]) * ~self._world.three_phase)
        self._seen += len(drawn)

    def best(self) -> Ints:
        """[H] phases."""
        world = self._world
        power = np.concatenate(self._rows)
        case = Case(
            power=power,
            pv_w=np.zeros(power.shape),
            switchable=world.switchable,
            initial=world.phases.astype(np.int8),
            step_s=float(world.scenario.run.step_s * self._every),
            start=float(world.start),
            judged=0,
            nominal_v=world.nominal_v,
            transformer_kva=world.config.feeder.transformer_kva,
        )
        rng = np.random.default_rng([world.scenario.run.seed, _TAG])
        return best_fixed(case, slice(0, case.slots), rng, case.movable).astype(np.int64)
