"""The unbalanced power flow of a feeder: powers and phases of the houses in, voltages, currents and losses out.

A port-Thevenin fixed point in numpy: the impedance between the houses' connections is worked out once, so an instant
costs a few products with it. Constant power, constant series impedances, one transformer, no shunts but the neutral's
electrodes. The same inputs give the same outputs; nothing is remembered between calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.grid.fixed_point import currents, solve
from edge_balancer.twin.grid.impedance import Complexes
from edge_balancer.twin.grid.model import Feeder, Floats
from edge_balancer.twin.grid.solution import Solution, joined
from edge_balancer.twin.grid.thevenin import Ports, ports
from edge_balancer.twin.grid.topology import Ints
from edge_balancer.types.phases import ROTATION

DARK: Final = -1
"""In `phases`: the house is connected to nothing."""
FLOOR_PU: Final = 0.6
"""Below this voltage a load is a constant impedance: motors have stalled and power supplies have given up by then."""
_CHUNK: Final = 1 << 17
"""Ports times instants of a chunk: 2 MB an array, which stays in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Some instants, on the ports that are in use in them."""

    port: Ints
    """[P] index among all ports."""
    lookup: Ints
    """[H, 3] index among the chunk's ports; 0 where a port is unused."""
    s: Complexes
    """[T, P]"""


class PowerFlow:
    """The power flow of one feeder. `watch` names buses whose voltages are wanted too; a house's bus may be one."""

    def __init__(
        self, feeder: Feeder, explicit_neutral: bool = False, *, watch: Sequence[str] = (), floor_pu: float = FLOOR_PU
    ) -> None:
        if not 0.0 < floor_pu < 1.0:
            raise ValueError(f"floor_pu = {floor_pu}: give a fraction of the no-load voltage between 0 and 1")
        self.feeder = feeder
        self.explicit_neutral = explicit_neutral
        self.watch = tuple(watch)
        watched = np.array([feeder.bus_index(name) for name in watch], dtype=np.int64)
        self._ports: Ports = ports(feeder, watched, explicit_neutral=explicit_neutral)
        self._nominal_v = feeder.transformer.no_load_v
        self._floor_v = floor_pu * self._nominal_v

    @property
    def port_ohm(self) -> Complexes:
        """[H, 3, H, 3]: volts that (house, phase) drops by ampere drawn at (house, phase), transformer included."""
        n = len(self.feeder.houses)
        return self._ports.z.reshape(n, 3, n, 3)

    def solve(
        self, s: NDArray[np.inexact], phases: Ints | None = None, source: NDArray[np.inexact] | float | None = None
    ) -> Solution:
        """The feeder's state for powers `s` ([T, H] or [H] VA, import positive).

        `phases` ([H] or [T, H]; 0, 1, 2, or -1 for dark) defaults to those of the feeder; of a three-phase house, which
        draws a third on each phase, only -1 counts. `source` multiplies the no-load voltage: a scalar, [T], or [T, 3]
        for each phase, complex where its angle matters. A single instant has T = 1 in the solution.
        """
        houses = self.feeder.houses
        power = np.atleast_2d(np.asarray(s, dtype=np.complex128))
        if power.ndim != 2 or power.shape[1] != len(houses):
            raise ValueError(f"s has shape {np.shape(s)}: give (instants, {len(houses)}), a column for each house")
        if not np.isfinite(power).all():
            t, h = np.argwhere(~np.isfinite(power))[0]
            raise ValueError(f"s[{t}, {h}] = {power[t, h]}, house {houses.names[h]}: fill gaps before the power flow")
        where = self._checked_phases(phases, len(power))
        emf = self._emf(source, len(power))
        step = max(1, _CHUNK // max(1, len(houses)))
        parts = []
        for begin in range(0, max(1, len(power)), step):
            some = slice(begin, begin + step)
            at = where if len(where) == 1 else where[some]
            parts.append(self._solve(power[some], at, emf[some]))
        return joined(parts)

    def _checked_phases(self, phases: Ints | None, instants: int) -> Ints:
        """[1 or T, H]"""
        houses = self.feeder.houses
        where = np.atleast_2d(np.asarray(houses.phase if phases is None else phases))
        if not np.issubdtype(where.dtype, np.integer):
            raise ValueError(f"phases are of type {where.dtype}: give integers")
        if where.shape not in {(1, len(houses)), (instants, len(houses))}:
            raise ValueError(f"phases has shape {where.shape}: give ({len(houses)},) or ({instants}, {len(houses)})")
        # One value for all that a three-phase house may have, so that it is judged and found alike.
        where = np.where(houses.three_phase & (where != DARK), 0, where).astype(np.int64)
        bad = np.argwhere((where < DARK) | (where > 2))
        if len(bad):
            t, h = bad[0]
            raise ValueError(f"phases[{t}, {h}] = {where[t, h]}, house {houses.names[h]}: give 0, 1, 2, or -1 for dark")
        return where

    def _emf(self, source: NDArray[np.inexact] | float | None, instants: int) -> Complexes:
        """[T, 3] V without load."""
        pu = np.asarray(1.0 if source is None else source, dtype=np.complex128)
        if pu.shape not in {(), (instants,), (instants, 3)}:
            raise ValueError(f"source has shape {pu.shape}: give a scalar, ({instants},) or ({instants}, 3)")
        if not (np.abs(pu) < np.inf).all():
            raise ValueError("source holds a value that is no number: give the voltage by its rating, about 1")
        shaped = pu[:, None] if pu.ndim == 1 else pu
        return np.array(np.broadcast_to(shaped * (self._nominal_v * ROTATION), (instants, 3)))

    def _chunk(self, s: Complexes, where: Ints) -> _Chunk:
        houses = self.feeder.houses
        lit = where != DARK
        three = houses.three_phase
        used = np.array([((where == k) | (three & lit)).any(axis=0) for k in range(3)]).T
        port = np.flatnonzero(used.ravel())
        lookup = np.zeros(used.shape, dtype=np.int64)
        lookup[used] = np.arange(len(port))
        house, phase = port // 3, port % 3
        share = np.where(three[house], lit[:, house] / 3.0, (where[:, house] == phase).astype(np.float64))
        return _Chunk(port, lookup, np.ascontiguousarray(s[:, house] * share))

    def _solve(self, s: Complexes, where: Ints, emf: Complexes) -> Solution:
        chunk, net, houses = self._chunk(s, where), self._ports, self.feeder.houses
        house, phase = chunk.port // 3, chunk.port % 3
        z = net.z[np.ix_(chunk.port, chunk.port)]
        v, converged = solve(z, chunk.s, emf[:, phase], self._nominal_v, self._floor_v)
        amps = currents(chunk.s, v, self._floor_v)
        served = v * np.conj(amps)
        low = ((np.abs(v) < self._floor_v) & (chunk.s != 0.0)).any(axis=1)

        on_phase = np.eye(3)[phase].reshape(-1, 3)
        line = np.asarray(amps @ on_phase)
        bus_v = np.asarray(emf - line @ net.source.T)
        house_s = np.asarray(served @ np.eye(len(houses))[house].reshape(-1, len(houses)))
        transformer = self.feeder.transformer
        back = np.conj(line)
        bus_w = (bus_v * back).sum(axis=1).real
        watch_z = net.watch[:, :, chunk.port]
        house_v, three_v = self._house_voltages(v, chunk, where)
        return Solution(
            converged=converged,
            low=np.asarray(low),
            house_v=house_v,
            three_phase_v=three_v,
            house_s=house_s,
            bus_v=bus_v,
            bus_i=line,
            neutral=line.sum(axis=1),
            earth=np.asarray(amps @ net.earth_gain[chunk.port]),
            loss_lines_w=bus_w - house_s.sum(axis=1).real,
            loss_transformer_w=_real_sum((line @ transformer.series_ohm().T) * back),
            source_s=((emf - line @ transformer.mv_ohm().T) * back).sum(axis=1),
            watch_v=np.asarray(emf[:, None, :] - np.einsum("tp,bkp->tbk", amps, watch_z, optimize=True)),
        )

    def _house_voltages(self, v: Complexes, chunk: _Chunk, where: Ints) -> tuple[Complexes, Complexes]:
        houses, instants = self.feeder.houses, len(v)
        lit = np.broadcast_to(where != DARK, (instants, len(houses)))
        if not v.shape[1]:
            count = int(houses.three_phase.sum())
            return np.zeros((instants, len(houses)), complex), np.zeros((instants, count, 3), complex)
        index = np.take_along_axis(chunk.lookup.T, np.maximum(where, 0), axis=0)
        single = np.take_along_axis(v, np.broadcast_to(index, (instants, len(houses))), axis=1)
        three = v[:, chunk.lookup[houses.three_phase]] * lit[:, houses.three_phase, None]
        house_v = np.where(lit, single, 0.0)
        house_v[:, houses.three_phase] = three @ np.conj(ROTATION) / 3.0
        return house_v, three


def _real_sum(products: Complexes) -> Floats:
    return np.asarray(products.sum(axis=1).real)
