"""The feeder as it really is while the controller works on it: contacts, inverters, loads, voltages. Decides nothing.

Time is worked on in pieces of half an hour. A piece is solved with all that is known of it; when a contact will move in
it, it is solved again. So its past does not change (to a step of the loads), its future may, and meters are only asked
about the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.simulation.loads import Loads
from edge_balancer.simulation.physics import Steps, Stretch, over_steps, stretch
from edge_balancer.simulation.world import World
from edge_balancer.twin.devices.inverters import Inverters
from edge_balancer.twin.devices.switches import Contact
from edge_balancer.twin.grid.model import Bools, Floats
from edge_balancer.twin.grid.power_flow import DARK
from edge_balancer.twin.grid.topology import Ints

PIECE_S: Final = 1800
"""A multiple of ten minutes that fills a day."""
_LINES: Final = ((0, 1), (1, 2), (2, 0))


@dataclass(frozen=True, slots=True, eq=False)
class HouseMeans:
    """[n] true means over windows: W, var, V (while lit), and whether the house is lit at the window's end."""

    p: Floats
    q: Floats
    v: Floats
    lit: Bools


@dataclass(frozen=True, slots=True)
class BusMeans:
    """True means at the transformer over a window: [3] W, var, V, A, V between lines; A of the neutral."""

    p: Floats
    q: Floats
    v: Floats
    i: Floats
    v_ll: Floats
    i_n: float


class Truth:
    def __init__(self, world: World, back_s: float) -> None:
        """`back_s`: how long before the present piece means may be asked for."""
        self._world = world
        self.loads = Loads(world)
        sun = world.scenario.sun
        self.inverters = Inverters(
            len(world.names), (sun.reconnect_min_s, sun.reconnect_max_s), world.scenario.run.seed
        )
        self._back_s = back_s
        self._phase: Ints = world.phases.copy()
        """At the beginning of the piece."""
        self._changes: list[tuple[float, int, int]] = []
        """(s, house, phase or DARK), in this piece or later."""
        self._away: list[tuple[int, float, float]] = []
        """(house, from, to): when its inverter is gone."""
        self._begin = world.start
        self._piece: Stretch | None = None
        houses = len(world.names)
        self._edges: Floats = np.array([float(world.start)])
        self._house: Floats = np.zeros((1, 4, houses))
        """Integrals at the edges: W s, var s, V s and s while lit."""
        self._bus: Floats = np.zeros((1, 16))
        self._kept = 0
        """Index of the edge at which the piece begins."""

    def open(self, begin: int) -> None:
        """Go to the piece that begins at `begin`; the one before must be closed."""
        self._begin = begin
        if begin == self.loads.start or not len(self.loads.drawn) or begin >= self.loads.start + 86_400:
            self.loads.open_day(begin)
        self._away = [one for one in self._away if one[2] > begin]
        self._piece = None

    def plan(self, contact: Contact, house: int) -> None:
        """A contact will move; not before the time up to which means were asked for."""
        self._changes += [(contact.opens, house, DARK), (contact.closes, house, int(contact.phase))]
        self.loads.interrupt(house, contact.opens)
        back = self.inverters.trip(house, contact.closes)
        self._away = [(h, a, min(b, contact.opens) if h == house else b) for h, a, b in self._away]
        self._away.append((house, contact.opens, back))
        self._piece = None

    def close(self) -> Steps:
        """End the piece: its means over each step."""
        piece = self._solved()
        end = self._begin + PIECE_S
        for _, house, phase in sorted(change for change in self._changes if change[0] < end):
            self._phase[house] = phase
        self._changes = [change for change in self._changes if change[0] >= end]
        first = max(0, int(np.searchsorted(self._edges, end - self._back_s, side="right")) - 1)
        self._edges, self._house, self._bus = self._edges[first:], self._house[first:], self._bus[first:]
        self._kept = len(self._edges) - 1
        return over_steps(piece)

    def house_means(self, house: Ints, begin: Floats, end: Floats) -> HouseMeans:
        """Means of single houses over windows that have passed."""
        self._solved()
        whole = self._at(end, house) - self._at(begin, house)
        length = end - begin
        last = np.clip(np.searchsorted(self._edges, end, side="left") - 1, 0, len(self._edges) - 2)
        lit = self._house[last + 1, 3, house] > self._house[last, 3, house]
        with np.errstate(invalid="ignore", divide="ignore"):
            v = whole[:, 2] / whole[:, 3]
        return HouseMeans(whole[:, 0] / length, whole[:, 1] / length, np.nan_to_num(v), lit)

    def bus_means(self, begin: float, end: float) -> BusMeans:
        """Means at the transformer over a window that has passed."""
        self._solved()
        t = np.array([begin, end])
        k, part = self._place(t)
        low = self._bus[k]
        whole = low + part[:, None] * (self._bus[k + 1] - low)
        mean = (whole[1] - whole[0]) / (end - begin)
        return BusMeans(mean[0:3], mean[3:6], mean[6:9], mean[9:12], mean[12:15], float(mean[15]))

    def _place(self, t: Floats) -> tuple[Ints, Floats]:
        k = np.clip(np.searchsorted(self._edges, t, side="right") - 1, 0, len(self._edges) - 2)
        return k, (t - self._edges[k]) / (self._edges[k + 1] - self._edges[k])

    def _at(self, t: Floats, house: Ints) -> Floats:
        """[n, 4] integrals of the houses at instants."""
        k, part = self._place(t)
        low = self._house[k, :, house]
        return np.asarray(low + part[:, None] * (self._house[k + 1, :, house] - low))

    def _solved(self) -> Stretch:
        if self._piece is None:
            self._piece = self._solve()
            self._integrate(self._piece)
        return self._piece

    def _solve(self) -> Stretch:
        loads, begin, end = self.loads, self._begin, self._begin + PIECE_S
        now = sorted(change for change in self._changes if begin <= change[0] < end)
        grid = np.arange(begin, end + 1, loads.step_s, dtype=np.float64)
        edges = np.unique(np.concatenate([grid, [change[0] for change in now]])) if now else grid
        step = np.searchsorted(grid, edges[:-1], side="right") - 1
        row = step + (begin - loads.start) // loads.step_s
        phases = self._phase.copy()
        if now:
            phases = np.repeat(phases[None], len(step), axis=0)
            for at, house, phase in now:
                phases[np.searchsorted(edges, at) :, house] = phase
        away = np.zeros((len(step), len(self._phase)))
        for house, gone, back in self._away:
            covered = np.minimum(edges[1:], back) - np.maximum(edges[:-1], gone)
            away[:, house] += np.maximum(covered, 0.0) / np.diff(edges)
        return stretch(self._world, edges, step, loads.drawn[row], loads.pv[row], np.minimum(away, 1.0), phases)

    def _integrate(self, piece: Stretch) -> None:
        s, length = piece.solution, piece.length_s
        k = self._kept
        lit = piece.lit.astype(np.float64)
        rate = np.stack([s.house_s.real, s.house_s.imag, np.abs(s.house_v) * lit, lit], axis=1)
        house = self._house[k] + np.cumsum(rate * length[:, None, None], axis=0)
        line = np.stack([s.bus_v[:, a] - s.bus_v[:, b] for a, b in _LINES], axis=1)
        power = s.bus_s
        columns = [power.real, power.imag, *map(np.abs, (s.bus_v, s.bus_i, line)), np.abs(s.neutral)[:, None]]
        bus = self._bus[k] + np.cumsum(np.concatenate(columns, axis=1) * length[:, None], axis=0)
        self._edges = np.concatenate([self._edges[: k + 1], piece.edges[1:]])
        self._house = np.concatenate([self._house[: k + 1], house])
        self._bus = np.concatenate([self._bus[: k + 1], bus])
