"""What the houses see of the feeder: the impedance between every two of their connections, worked out once.

A port is one phase of a house's bus against the neutral there. With currents I drawn at the ports, the ports' voltages
are E - Z I, E being the no-load voltages. Z is made of sums along the way that two ports share, so the tree of the
feeder is all that it needs: no matrix of the whole network is built or inverted.

With an explicit neutral, each earth electrode is one more port, from the neutral to earth. The currents x in the
electrodes follow from those of the houses: the neutral's voltage at electrode j against the star point,
-(Z_ep I + Z_ee x)_j, drives x_j through R_j, and all x together through the transformer's electrode R_t back to the
star point. Eliminating x leaves

    Z = Z_pp - Z_pe (Z_ee + diag(R) + R_t 1 1ᵀ)⁻¹ Z_ep
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_balancer.twin.grid.impedance import Complexes
from edge_balancer.twin.grid.model import Feeder
from edge_balancer.twin.grid.topology import Ints, meeting_buses

_TO_NEUTRAL = np.hstack([np.eye(3), -np.ones((3, 1))])


@dataclass(frozen=True, slots=True, eq=False)
class Ports:
    """Impedances in ohm; all but `earth_gain` lead from currents drawn in A to drops in V.

    `z` [P, P] over the ports of the houses' buses, (house, phase) with the phase running fastest, the transformer
    included. `watch` [B, 3, P]: drops at the watched buses. `earth_gain` [P]: what part of a port's current returns
    through earth.
    """

    z: Complexes
    watch: Complexes
    earth_gain: Complexes
    source: Complexes
    """[3, 3] of the medium-voltage network and the windings together."""


def _cumulative(feeder: Feeder, series: Complexes) -> Complexes:
    """[buses, w, w] impedance of the way from the transformer's bus to each bus."""
    z = np.zeros((len(feeder.buses), series.shape[1], series.shape[2]), dtype=np.complex128)
    tree = feeder.tree
    for bus in tree.order[1:].tolist():
        z[bus] = z[tree.parent[bus]] + series[tree.line[bus]]
    return z


def _flat(blocks: Complexes) -> Complexes:
    """[K, L, 3, 3] blocks -> [3K, 3L]."""
    k, rows, a, b = blocks.shape
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3)).reshape(k * a, rows * b)


def ports(feeder: Feeder, watched: Ints, *, explicit_neutral: bool) -> Ports:
    """The ports of a feeder's houses, and of the buses to watch."""
    homes, marks = feeder.houses.bus, watched
    n, m = len(homes), len(marks)
    electrodes = feeder.earthing.bus if explicit_neutral else np.zeros(0, dtype=np.int64)
    meeting = meeting_buses(feeder.tree, np.concatenate([homes, marks, electrodes]))
    source = feeder.transformer.series_ohm() + feeder.transformer.mv_ohm()
    if not explicit_neutral:
        way = _cumulative(feeder, feeder.z3_ohm())
        z = _flat(way[meeting[:n, :n]] + source)
        watch = _flat(way[meeting[n:, :n]] + source)
        return Ports(z, watch.reshape(m, 3, 3 * n), np.zeros(3 * n, dtype=np.complex128), source)

    way4 = _cumulative(feeder, feeder.z4_ohm())
    loop = _TO_NEUTRAL @ way4 @ _TO_NEUTRAL.T + source
    z = _flat(loop[meeting[:n, :n]])
    watch = _flat(loop[meeting[n : n + m, :n]])
    gain = np.zeros(3 * n, dtype=np.complex128)
    if len(electrodes):
        # An electrode's current x leaves at the neutral: phase-to-neutral drops are P way4 e_n.
        to_earth = way4 @ np.array([0.0, 0.0, 0.0, 1.0])
        neutral_drop = to_earth @ _TO_NEUTRAL.T
        e = n + m
        z_pe = neutral_drop[meeting[:n, e:]].transpose(0, 2, 1).reshape(3 * n, len(electrodes))
        z_we = neutral_drop[meeting[n:e, e:]].transpose(0, 2, 1).reshape(3 * m, len(electrodes))
        electrode_current = _electrodes(feeder, to_earth[meeting[e:, e:], 3], z_pe.T)
        z = z + z_pe @ electrode_current
        watch = watch + (z_we @ electrode_current)
        gain = electrode_current.sum(axis=0)
    return Ports(z, watch.reshape(m, 3, 3 * n), gain, source)


def _electrodes(feeder: Feeder, z_ee: Complexes, z_ep: Complexes) -> Complexes:
    """[electrodes, P]: current into each electrode by ampere drawn at each port.

    Without an earthed star point the electrodes' currents sum to zero, the earth taking the potential that makes it so.
    """
    count = len(z_ee)
    system = z_ee + np.diag(feeder.earthing.ohm)
    at_star = feeder.transformer.earth_ohm
    if at_star is not None:
        return np.asarray(np.linalg.solve(system + at_star, -z_ep))
    bordered = np.zeros((count + 1, count + 1), dtype=np.complex128)
    bordered[:count, :count] = system
    bordered[:count, count] = bordered[count, :count] = 1.0
    rows = np.vstack([-z_ep, np.zeros((1, z_ep.shape[1]))])
    return np.asarray(np.linalg.solve(bordered, rows)[:count])
