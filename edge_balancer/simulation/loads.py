"""What the houses draw and what their roofs would give, a day at a time; moves interrupt what runs. No voltages."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.simulation.world import World
from edge_balancer.twin.grid.model import Floats
from edge_balancer.twin.households import Dark
from edge_balancer.twin.households.house_types import appliances_of
from edge_balancer.twin.households.interruption import interrupted
from edge_balancer.twin.households.kinds import return_of
from edge_balancer.twin.households.pulses import Pulses, step_means

DAY_S: Final = 86_400
_SHOWS_S: Final = 2 * DAY_S
"""An interruption shows for at most two days."""


class Loads:
    """The loads of one local day; arrays of shape [steps, H]."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.step_s: Final = world.scenario.run.step_s
        self.start = world.start
        self._dark: dict[int, list[Dark]] = {}
        self._return_of = partial(return_of, table=appliances_of(world.population.options.mix))
        houses = len(world.names)
        nothing = np.zeros((0, houses))
        self.undisturbed: NDArray[np.complex128] = nothing.astype(np.complex128)
        """VA that are drawn where nothing is ever interrupted."""
        self.drawn: NDArray[np.complex128] = self.undisturbed
        """VA that are drawn with the interruptions so far; PV not taken off."""
        self.pv: Floats = nothing
        """W that the roofs give while their inverters feed in."""
        self._pulses: Pulses | None = None
        self._bounds = np.zeros(houses + 1, dtype=np.int64)

    @property
    def steps(self) -> int:
        return DAY_S // self.step_s

    def open_day(self, start: int) -> None:
        """Go to the local day that begins at `start` (Unix s)."""
        world = self._world
        self.start = start
        profiles = world.population.power(start, DAY_S, self.step_s)
        self.undisturbed = profiles.p + 1j * profiles.q
        self.drawn = self.undisturbed.copy()
        self.pv = np.zeros_like(profiles.p)
        self.pv[:, world.roof_house] = world.fleet.power(start, DAY_S, self.step_s)
        self._pulses = None
        recent = {h: [d for d in darks if d.end > start - _SHOWS_S] for h, darks in self._dark.items()}
        self._dark = {h: darks for h, darks in recent.items() if darks}
        for house in self._dark:
            self._redraw(house)

    def interrupt(self, house: int, at: float) -> None:
        """The supply of a house is gone for a moment at `at`.

        What has to wait before it comes back waits; the energy that the dead time itself costs is the power flow's.
        """
        self._dark.setdefault(house, []).append(Dark(house, at, at))
        self._redraw(house)

    def _redraw(self, house: int) -> None:
        own = self._pulses_of(house)
        changed = interrupted(own, self._dark[house], self._return_of)
        alone = replace(changed, house=np.zeros_like(changed.house))
        p, q = step_means(alone, 1, self.start, self.steps, self.step_s)
        self.drawn[:, house] = p[:, 0] + 1j * q[:, 0]

    def _pulses_of(self, house: int) -> Pulses:
        """Everything of a house that may show today: yesterday's, today's, and tomorrow's, which leaves room or not."""
        if self._pulses is None:
            population = self._world.population
            day = population.site.local_day(self.start)
            joined = Pulses.join([population.day_pulses(d) for d in (day - 1, day, day + 1)])
            order = np.argsort(joined.house, kind="stable")
            self._pulses = joined.take(order)
            self._bounds = np.searchsorted(self._pulses.house, np.arange(len(self._world.names) + 1))
        return self._pulses.take(np.arange(self._bounds[house], self._bounds[house + 1]))
