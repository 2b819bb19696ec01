"""What the power flow found, as arrays over instants. Values only; no solving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from edge_balancer.analysis.unbalance import symmetrical_components, vuf_pct, zero_sequence_pct
from edge_balancer.twin.grid.impedance import Complexes
from edge_balancer.twin.grid.model import Bools, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """T instants, H houses, K of them three-phase, B watched buses. Phasors refer to L1's no-load voltage.

    An instant that is not `converged` holds finite values that obey no law; one that is `low` holds a true solution in
    which some house's voltage is under the floor, and which therefore serves less power than was asked.
    """

    converged: Bools
    """[T]"""
    low: Bools
    """[T]"""
    house_v: Complexes
    """[T, H] V, phase to neutral at the house; positive sequence at a three-phase house; zero where dark."""
    three_phase_v: Complexes
    """[T, K, 3] V of the three-phase houses, in their order among the houses."""
    house_s: Complexes
    """[T, H] VA that are drawn; import positive."""
    bus_v: Complexes
    """[T, 3] V, phase to neutral at the transformer's low-voltage bus."""
    bus_i: Complexes
    """[T, 3] A out of the transformer."""
    neutral: Complexes
    """[T] A back into the transformer's star point, by neutral conductor and earth together."""
    earth: Complexes
    """[T] A of it that return through earth; zero in the three-wire model, which cannot tell."""
    loss_lines_w: Floats
    """[T], neutral and earth electrodes included."""
    loss_transformer_w: Floats
    """[T], windings only."""
    source_s: Complexes
    """[T] VA taken at the medium-voltage side: houses, lines and transformer."""
    watch_v: Complexes
    """[T, B, 3] V, phase to neutral at the watched buses."""

    def __len__(self) -> int:
        return len(self.converged)

    @property
    def bus_s(self) -> Complexes:
        """[T, 3] VA out of the transformer, per phase."""
        return np.asarray(self.bus_v * np.conj(self.bus_i))

    @property
    def loss_w(self) -> Floats:
        """[T] lines and transformer."""
        return self.loss_lines_w + self.loss_transformer_w

    @property
    def watch_sequence_v(self) -> Complexes:
        """[T, B, 3]: V0, V1, V2 at the watched buses."""
        return symmetrical_components(self.watch_v)

    @property
    def watch_vuf_pct(self) -> Floats:
        """[T, B]: 100 |V2| / |V1| at the watched buses."""
        return vuf_pct(self.watch_v)

    @property
    def watch_zero_sequence_pct(self) -> Floats:
        """[T, B]: 100 |V0| / |V1| at the watched buses."""
        return zero_sequence_pct(self.watch_v)


def joined(parts: Sequence[Solution]) -> Solution:
    """Solutions of consecutive instants as one."""
    if len(parts) == 1:
        return parts[0]
    return Solution(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Solution)))
