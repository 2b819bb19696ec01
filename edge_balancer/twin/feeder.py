"""The simulated feeder at an instant: what every house draws, on which phase, and what the transformer sees.

Time and the switches' positions are handed in. Beside the feeder runs its counterfactual, the same houses and the same
weather on the phases they began with, so that what switching gains can be told at every instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.houses import draw_houses
from edge_balancer.twin.loads import LoadModel
from edge_balancer.twin.network import Complexes, Network, mv_voltage
from edge_balancer.twin.noise import Floats
from edge_balancer.twin.options import TwinOptions
from edge_balancer.twin.solar import SolarModel
from edge_balancer.types.phases import Phase

NO_PHASE: Final = -1
"""In `Truth.phases`: all contacts of the house's switch are open, the house is dark."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The feeder at `wall` (Unix seconds). Per house: `p` (W), `q` (var), `v` (V, zero where dark), `phases`."""

    wall: float
    p: Floats
    q: Floats
    v: Floats
    phases: NDArray[np.int64]
    load_w: Floats
    """Consumption per phase, W."""
    solar_w: Floats
    """PV production per phase, W, positive."""
    bus_p: Floats
    """At the transformer, per phase, W."""
    bus_q: Floats
    bus_v: Complexes
    bus_i: Complexes
    """Phase currents, A."""
    neutral: complex
    """A."""
    neutral_without: complex
    """A, had no house ever been moved."""

    @property
    def neutral_a(self) -> float:
        return abs(self.neutral)

    @property
    def neutral_without_a(self) -> float:
        return abs(self.neutral_without)


class TwinFeeder:
    """A feeder whose houses can be moved. `contact` changes it, `at` asks it; the same calls give the same answers."""

    def __init__(self, options: TwinOptions) -> None:
        self.options = options
        self.houses = draw_houses(options)
        self.first_phases = self.houses.phases.copy()
        self._phases = self.houses.phases.copy()
        self._index = {house: k for k, house in enumerate(self.houses.ids)}
        self._loads = LoadModel(options, self.houses)
        self._solar = SolarModel(options, self.houses)
        self._network = Network(
            options.houses, seed=options.seed, nominal_v=options.nominal_v, transformer_kva=options.transformer_kva
        )
        self._pv_from = np.full(options.houses, -np.inf)
        self._interruptions = np.zeros(options.houses, dtype=np.int64)

    @property
    def phases(self) -> dict[str, Phase | None]:
        """Where each house is; None while its contacts are open."""
        return {
            house: None if phase == NO_PHASE else Phase(int(phase))
            for house, phase in zip(self.houses.ids, self._phases, strict=True)
        }

    def contact(self, house: str, phase: Phase | None, wall: float) -> None:
        """The switch of a house opens (None) or closes on a phase. Its inverter trips and comes back later."""
        k = self._index[house]
        if phase is None:
            self._phases[k] = NO_PHASE
            return
        if self._phases[k] != phase:
            # Drawn from the house and its own count, so that the order of other houses' moves is no matter.
            rng = np.random.default_rng([self.options.seed, 7, k, int(self._interruptions[k])])
            self._pv_from[k] = wall + rng.uniform(*self.options.pv_reconnect_s)
            self._interruptions[k] += 1
        self._phases[k] = int(phase)

    def at(self, wall: float) -> Truth:
        """The feeder at an instant. Instants may come in any order; an inverter is judged by its house's last move."""
        load_p, load_q = self._loads.at(wall)
        sun = self._solar.at(wall)
        lit = self._phases != NO_PHASE
        solar = np.where(lit & (wall >= self._pv_from), sun, 0.0)
        p, q = np.where(lit, load_p - solar, 0.0), np.where(lit, load_q, 0.0)
        source = mv_voltage(self.options.seed, np.array([wall]))[0]
        here = self._network.solve(p, q, self._phases, source)
        without = self._network.solve(load_p - sun, load_q, self.first_phases, source)
        bins = np.maximum(self._phases, 0)
        return Truth(
            wall=wall,
            p=p,
            q=q,
            v=np.where(lit, here.v, 0.0),
            phases=self._phases.copy(),
            load_w=_per_phase(bins, np.where(lit, load_p, 0.0)),
            solar_w=_per_phase(bins, solar),
            bus_p=here.p,
            bus_q=here.q,
            bus_v=here.v_bus,
            bus_i=here.i_bus,
            neutral=complex(here.neutral),
            neutral_without=complex(without.neutral),
        )


def _per_phase(phases: NDArray[np.int64], power_w: Floats) -> Floats:
    return np.asarray(np.bincount(phases, power_w, 3), dtype=np.float64)
