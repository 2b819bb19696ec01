"""Voltages and transformer currents of a small radial feeder, from the houses' powers and phases.

A simple model, to be replaced by a power flow: one cable with branches, phase and neutral conductors alike, no mutual
coupling, the neutral earthed at the transformer only, and constant-power loads solved by a few fixed-point steps. It
has the properties that matter to a controller: drop and rise grow along the feeder, a phase's current moves its own
houses most, and the neutral's current lowers one phase while it raises the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.noise import Floats, keys, value_noise
from edge_balancer.types.phases import ROTATION

Complexes = NDArray[np.complex128]

# Ohm per metre of aluminium cables of 150, 95 and 16 mm2 (R, X).
_TRUNK: Final = complex(0.206e-3, 0.08e-3)
_BRANCH: Final = complex(0.320e-3, 0.08e-3)
_SERVICE: Final = complex(1.910e-3, 0.09e-3)
_TRUNK_M: Final = 260.0
_BRANCH_M: Final = 90.0
_BRANCHES: Final = 4
_SHORT_CIRCUIT: Final = complex(0.011, 0.0385)
"""Short-circuit impedance of the transformer per unit (uk = 4 %)."""
_TAP: Final = 1.01
"""No-load voltage of the transformer per unit of nominal."""
_ITERATIONS: Final = 3
_MV_SWING: Final = 0.015
_MV_PERIOD_S: Final = 5400.0


@dataclass(frozen=True, slots=True)
class Flow:
    """The feeder's electrical state; the leading axes are those of the powers that were given.

    `v` (V) of each house; `p`, `q`, `v_bus`, `i_bus` of the transformer per phase (W, var, complex V
    and A); `neutral` complex, A.
    """

    v: Floats
    p: Floats
    q: Floats
    v_bus: Complexes
    i_bus: Complexes
    neutral: Complexes


def mv_voltage(seed: int, wall: Floats) -> Floats:
    """Voltage of the medium-voltage side per unit: it wanders with what the rest of the world draws."""
    key = keys(np.random.default_rng([seed, 6]), 1)
    return 1.0 + _MV_SWING * (value_noise(wall / _MV_PERIOD_S, key) - 0.5)


class Network:
    """The cables of one feeder: who lies where, and the impedance that any two houses share."""

    def __init__(self, houses: int, *, seed: int, nominal_v: float, transformer_kva: float) -> None:
        rng = np.random.default_rng([seed, 5])
        self.nominal_v = nominal_v
        self.source_ohm = _SHORT_CIRCUIT * 3.0 * nominal_v**2 / (transformer_kva * 1000.0)
        branch = rng.choice(_BRANCHES + 1, houses, p=[0.4] + [0.6 / _BRANCHES] * _BRANCHES)
        tee_m = np.linspace(0.35, 1.0, _BRANCHES) * _TRUNK_M
        on_trunk = branch == 0
        self.trunk_m = np.where(on_trunk, rng.uniform(0.08, 1.0, houses) * _TRUNK_M, tee_m[branch - 1])
        self.branch_m = np.where(on_trunk, 0.0, rng.uniform(10.0, _BRANCH_M, houses))
        service_m = rng.uniform(8.0, 25.0, houses)
        shared = np.minimum(self.trunk_m[:, None], self.trunk_m[None, :]) * _TRUNK
        same = (branch[:, None] == branch[None, :]) & ~on_trunk
        shared = shared + np.where(same, np.minimum(self.branch_m[:, None], self.branch_m[None, :]), 0.0) * _BRANCH
        self._shared: Complexes = shared + np.diag(service_m) * _SERVICE
        self.loop_ohm: Complexes = 2.0 * np.diag(self._shared)
        """From the transformer to each house and back through the neutral."""

    def solve(self, p: Floats, q: Floats, phases: NDArray[np.int64], source_pu: Floats | float = 1.0) -> Flow:
        """The flow for powers of shape (..., houses) and houses on `phases` (-1: on none).

        `source_pu` (shape ... or scalar) is the medium-voltage side's voltage per unit.
        """
        power = (p + 1j * q) * (phases >= 0)
        on = np.eye(3)[np.maximum(phases, 0)] * (phases >= 0)[:, None]
        own = ROTATION[np.maximum(phases, 0)]
        emf = np.asarray(source_pu)[..., None] * (_TAP * self.nominal_v * ROTATION)
        bus: Complexes = np.broadcast_to(emf, (*power.shape[:-1], 3)).astype(np.complex128)
        v = self.nominal_v * own
        amps = line = np.zeros((*power.shape[:-1], 3), dtype=np.complex128)
        for _ in range(_ITERATIONS):
            amps = np.conj(power / v)
            line = amps @ on
            bus = emf - self.source_ohm * line
            # drop[..., h, k]: what phase k's currents drop on the cable they share with house h; the neutral carries
            # their sum back.
            drop = self._shared @ (amps[..., None] * on)
            own_drop = np.take_along_axis(drop, np.maximum(phases, 0)[:, None] + np.zeros_like(drop[..., :1], int), -1)
            v = (bus @ on.T) - own_drop[..., 0] - drop.sum(-1)
            v = np.where(phases >= 0, v, bus[..., :1] * own)
        total = bus * np.conj(line)
        return Flow(v=np.abs(v), p=total.real, q=total.imag, v_bus=bus, i_bus=line, neutral=np.asarray(line.sum(-1)))
