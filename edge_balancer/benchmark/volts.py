"""The houses' voltages in the engine's closed loop: cheap enough for every slot, close to the power flow. Pure.

Three steps of the power flow's fixed point, from no-load voltages: each is one product with the impedances between the
houses as they are connected now. What is left of the error is below what meters show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from edge_balancer.analysis.currents import Complexes, Floats
from edge_balancer.benchmark.case import Phases, Phasors
from edge_balancer.twin.grid.power_flow import PowerFlow
from edge_balancer.types.phases import ROTATION

_STEPS: Final = 3


class HouseVoltages:
    """Of single-phase houses that move. Remembers the impedances of the last phases, nothing else."""

    def __init__(self, flow: PowerFlow, level: Callable[[Floats], Floats] = np.ones_like) -> None:
        """`level`: the medium voltage, by its usual one, at instants (Unix s)."""
        self.level = level
        self._ohm = flow.port_ohm
        self._no_load_v = flow.feeder.transformer.no_load_v
        self._phases: Phases | None = None
        self._between: Complexes = np.zeros((0, 0), dtype=np.complex128)
        self._emf: Complexes = np.zeros(0, dtype=np.complex128)

    def at(self, power: Phasors, phases: Phases, level: float = 1.0) -> Floats:
        """Volts (H,) for powers (H,) in VA, import positive, with the houses on `phases` (H,) at a medium voltage."""
        if self._phases is None or not np.array_equal(phases, self._phases):
            self._phases = phases.copy()
            house = np.arange(len(phases))
            self._between = np.ascontiguousarray(self._ohm[house[:, None], phases[:, None], house, phases])
            self._emf = np.asarray(self._no_load_v * ROTATION[phases], dtype=np.complex128)
        drawn = np.conj(power.astype(np.complex128))
        volts = emf = self._emf * level
        for _ in range(_STEPS):
            volts = emf - self._between @ (drawn / np.conj(volts))
        return np.asarray(np.abs(volts), dtype=np.float64)
