"""The simulated feeder at an instant: what every house draws, on which phase, and what the transformer sees.

Time and the switches' positions are handed in. Beside the feeder runs its counterfactual, the same houses and the same
weather on the phases they began with, so that what switching gains can be told at every instant.

Truth is made for each whole second. Consumption and sun are fetched for a quarter of an hour at once and the power flow
is solved for a minute at once, so that a clock many times as fast as real costs little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.devices.inverters import Inverters
from edge_balancer.twin.grid.impedance import Complexes
from edge_balancer.twin.grid.power_flow import DARK, PowerFlow
from edge_balancer.twin.grid.solution import Solution
from edge_balancer.twin.households import Dark
from edge_balancer.twin.households.live import WINDOW_S, LiveHouseholds
from edge_balancer.twin.neighbourhood import Neighbourhood
from edge_balancer.twin.noise import Floats
from edge_balancer.twin.options import TwinOptions
from edge_balancer.types.phases import Phase

NO_PHASE: Final = DARK
"""In `Truth.phases`: all contacts of the house's switch are open, the house is dark."""
_BLOCK_S: Final = 60


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


@dataclass(frozen=True, slots=True)
class _Block:
    """A minute from `start` with the switches as they stand; arrays (seconds, houses)."""

    start: int
    load_p: Floats
    solar: Floats
    s: Complexes
    flow: Solution


class TwinFeeder:
    """A feeder whose houses can be moved. `contact` changes it, `at` asks it; the same calls give the same answers."""

    def __init__(self, options: TwinOptions) -> None:
        self.options = options
        self.place = Neighbourhood.of(options)
        self.houses = self.place.houses
        self.first_phases = self.houses.phases.copy()
        self._phases = self.houses.phases.copy()
        self._index = {house: k for k, house in enumerate(self.houses.ids)}
        self._households = LiveHouseholds(self.place.population)
        self._inverters = Inverters(options.houses, options.pv_reconnect_s, options.seed)
        self._flow = PowerFlow(self.place.grid)
        self._open_since: dict[int, float] = {}
        self._sun: tuple[int, Floats] | None = None
        self._block: _Block | None = None
        self._without: tuple[int, Complexes] | None = None

    @property
    def phases(self) -> dict[str, Phase | None]:
        """Where each house is; None while its contacts are open."""
        return {
            house: None if phase == NO_PHASE else Phase(int(phase))
            for house, phase in zip(self.houses.ids, self._phases, strict=True)
        }

    def contact(self, house: str, phase: Phase | None, wall: float) -> None:
        """The switch of a house opens (None) or closes on a phase. Its inverter trips and comes back later.

        What runs in the house loses the dead time and nothing else.
        """
        k = self._index[house]
        self._block = None
        if phase is None:
            self._open_since.setdefault(k, wall)
            self._phases[k] = NO_PHASE
            return
        if self._phases[k] != phase:
            since = self._open_since.pop(k, wall)
            self._households.interrupt(Dark(k, since, max(since, wall)))
            self._inverters.trip(k, wall)
        self._phases[k] = int(phase)

    def at(self, wall: float) -> Truth:
        """The feeder in the second that holds an instant.

        Instants may come in any order; switches and inverters are judged as they stand now.
        """
        start = int(wall // _BLOCK_S) * _BLOCK_S
        block = self._block_at(start)
        without = self._without_at(start)
        t = int(wall) - start
        flow, s = block.flow, block.s
        bins = np.maximum(self._phases, 0)
        bus = flow.bus_s[t]
        return Truth(
            wall=wall,
            p=s[t].real.copy(),
            q=s[t].imag.copy(),
            v=np.abs(flow.house_v[t]),
            phases=self._phases.copy(),
            load_w=_per_phase(bins, block.load_p[t]),
            solar_w=_per_phase(bins, block.solar[t]),
            bus_p=bus.real.copy(),
            bus_q=bus.imag.copy(),
            bus_v=flow.bus_v[t].copy(),
            bus_i=flow.bus_i[t].copy(),
            neutral=complex(flow.neutral[t]),
            neutral_without=complex(without[t]),
        )

    def _solar(self, start: int) -> Floats:
        """What the roofs would give in the minute from `start`, whether or not their inverters are on."""
        first = start // WINDOW_S * WINDOW_S
        if self._sun is None or self._sun[0] != first:
            self._sun = first, self.place.solar(first, WINDOW_S)
        return self._sun[1][start - first : start - first + _BLOCK_S]

    def _source(self, start: int) -> Floats:
        return self.place.mv_level(start + np.arange(_BLOCK_S, dtype=np.float64))

    def _block_at(self, start: int) -> _Block:
        if self._block is None or self._block.start != start:
            window = self._households.window(start)
            some = slice(start - window.start, start - window.start + _BLOCK_S)
            lit = self._phases != NO_PHASE
            seconds = start + np.arange(_BLOCK_S)
            feeding = lit & (self._inverters.back <= seconds[:, None])
            load_p = np.where(lit, window.p[some], 0.0)
            solar = np.where(feeding, self._solar(start), 0.0)
            s = load_p - solar + 1j * np.where(lit, window.q[some], 0.0)
            self._block = _Block(start, load_p, solar, s, self._flow.solve(s, self._phases, self._source(start)))
        return self._block

    def _without_at(self, start: int) -> Complexes:
        """The neutral current of the minute, A, had there never been a move."""
        if self._without is None or self._without[0] != start:
            window = self._households.window(start)
            some = slice(start - window.start, start - window.start + _BLOCK_S)
            s = window.p_without[some] - self._solar(start) + 1j * window.q_without[some]
            self._without = start, self._flow.solve(s, self.first_phases, self._source(start)).neutral
        return self._without[1]


def _per_phase(phases: NDArray[np.int64], power_w: Floats) -> Floats:
    return np.asarray(np.bincount(phases, power_w, 3), dtype=np.float64)
