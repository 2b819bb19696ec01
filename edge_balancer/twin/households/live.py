"""What the households draw second by second while some of them are interrupted now and then. No switches, no network.

For whoever plays a feeder forward in time: an interruption costs the work for one house, not for all of them. Who knows
all interruptions beforehand hands them to `Population.power`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from edge_balancer.twin.households.house_types import appliances_of
from edge_balancer.twin.households.interruption import Dark, interrupted
from edge_balancer.twin.households.kinds import return_of
from edge_balancer.twin.households.population import Population
from edge_balancer.twin.households.pulses import Pulses, step_means
from edge_balancer.twin.noise import Floats

WINDOW_S: Final = 900


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """Seconds from `start`, each value the mean of its second; arrays (WINDOW_S, houses) in W and var."""

    start: int
    p: Floats
    q: Floats
    p_without: Floats
    """Had there never been an interruption."""
    q_without: Floats


class LiveHouseholds:
    """A population whose houses can be interrupted. The same interruptions give the same windows, asked in any order.

    What a house draws follows from its interruptions since the midnight before the last. At most one window is kept.
    """

    def __init__(self, population: Population) -> None:
        self._population = population
        self._return_of = partial(return_of, table=appliances_of(population.options.mix))
        self._dark: dict[int, list[Dark]] = {}
        self._window: LiveWindow | None = None
        self._day: int | None = None
        self._pulses: dict[int, Pulses] = {}
        """Of the houses that were interrupted, as they became: from the day before `_day` to the day after."""

    def interrupt(self, dark: Dark) -> None:
        """A house was without supply."""
        before = self._dark.setdefault(dark.house, [])
        last = before[-1] if before else None
        before.append(dark)
        if last is not None and (dark.start, dark.end) < (last.start, last.end):
            before.sort(key=lambda d: (d.start, d.end))
            self._pulses.pop(dark.house, None)
        elif dark.house in self._pulses and self._is_near(dark):
            self._pulses[dark.house] = interrupted(self._pulses[dark.house], [dark], self._return_of)
        if self._window is not None and dark.start < self._window.start + WINDOW_S:
            self._write(self._window, dark.house)

    def window(self, wall: float) -> LiveWindow:
        """The window that holds an instant. Its arrays change with the next interruption."""
        start = int(wall // WINDOW_S) * WINDOW_S
        if self._window is None or self._window.start != start:
            whole = self._population.power(start, WINDOW_S, 1)
            self._window = LiveWindow(start, whole.p.copy(), whole.q.copy(), whole.p, whole.q)
            for house in self._dark:
                self._write(self._window, house)
        return self._window

    def _is_near(self, dark: Dark) -> bool:
        """Whether it can show on the day that `_pulses` stands for."""
        assert self._day is not None  # noqa: S101 - there are no pulses without it
        site = self._population.site
        return site.local_midnight(self._day - 1) <= dark.end and dark.start < site.local_midnight(self._day + 1)

    def _write(self, window: LiveWindow, house: int) -> None:
        """The house's part of the window, as its interruptions have made it."""
        day = self._population.site.local_day(window.start)
        if day != self._day:
            self._day, self._pulses = day, {}
        near = [dark for dark in self._dark[house] if self._is_near(dark)]
        if not near:
            window.p[:, house], window.q[:, house] = window.p_without[:, house], window.q_without[:, house]
            return
        pulses = self._pulses.get(house)
        if pulses is None:
            pulses = self._pulses[house] = interrupted(self._undisturbed(house, day), near, self._return_of)
        alone = Pulses(
            np.zeros_like(pulses.house), pulses.kind, pulses.session, pulses.start, pulses.end, pulses.p, pulses.q
        )
        p, q = step_means(alone, 1, window.start, WINDOW_S, 1)
        window.p[:, house], window.q[:, house] = p[:, 0], q[:, 0]

    def _undisturbed(self, house: int, day: int) -> Pulses:
        # Nothing lasts beyond the day after the one that it began on; what is made up depends on the room that is left
        # before the next use, so the day after counts too.
        days = [self._population.day_pulses(d) for d in range(day - 1, day + 2)]
        return Pulses.join([pulses.take(pulses.house == house) for pulses in days])
