"""Series impedances of cables and overhead lines: sequence values, phase matrices, and the step between them.

Everything is in ohm per km. A 3x3 matrix has the neutral reduced into it; a 4x4 matrix has the neutral as its last row
and column. Not here: capacitance, which draws some 0.01 A per km at 230 V and is left out of the twin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Complexes = NDArray[np.complex128]

FREQUENCY_HZ: Final = 50.0
EARTH_OHM_M: Final = 100.0
"""Resistivity of the soil where nothing better is known (IEC 60909-3, annex)."""
GMR_OF_ROUND_WIRE: Final = math.exp(-0.25)
"""Geometric mean radius of a solid round conductor by its radius (Carson 1926; Kersting, section 4.1)."""


def from_sequence(z1: complex, z0: complex) -> Complexes:
    """3x3 matrix of a line that is alike in its phases: self (Z0 + 2 Z1) / 3, mutual (Z0 - Z1) / 3.

    Fortescue 1918; Kersting, "Distribution System Modeling and Analysis", section 4.1.8.
    """
    return np.full((3, 3), (z0 - z1) / 3.0, dtype=np.complex128) + z1 * np.eye(3)


def to_sequence(z3: Complexes) -> tuple[complex, complex]:
    """(Z1, Z0) of a 3x3 matrix as if the line were transposed: means of its diagonal and of the rest."""
    own = complex(np.trace(z3)) / 3.0
    mutual = (complex(z3.sum()) - 3.0 * own) / 6.0
    return own - mutual, own + 2.0 * mutual


def kron(z4: Complexes) -> Complexes:
    """The 3x3 matrix of a line whose neutral is earthed without resistance at both ends (Kron 1939; Kersting 4.1.6)."""
    return np.asarray(z4[:3, :3] - np.outer(z4[:3, 3], z4[3, :3]) / z4[3, 3])


def neutral_return(z4: Complexes) -> Complexes:
    """The 3x3 matrix, phase to neutral, of a line whose neutral carries all return current: no earthing along it.

    Of the two reductions the nearer one at low voltage: electrodes of ohms lie parallel to a neutral of milliohms.
    """
    loop = np.hstack([np.eye(3), -np.ones((3, 1))])
    return np.asarray(loop @ z4 @ loop.T)


def with_neutral(z1: complex, z0: complex) -> Complexes:
    """A 4x4 matrix behind sequence values: phases Z1 without coupling, a neutral of (Z0 - Z1) / 3.

    With all return current in the neutral it gives Z1 and Z0 back. Published tables hold service cables with R0 near or
    below R1, which no neutral can have: where R0 - R1 is less than 0.3 R1, the neutral is taken to be like a phase.
    """
    neutral = (z0 - z1) / 3.0
    if neutral.real < 0.1 * z1.real:
        neutral = z1
    return np.diag([z1, z1, z1, neutral]).astype(np.complex128)


def carson(
    r_ohm_km: Sequence[float],
    gmr_m: Sequence[float],
    x_m: Sequence[float] | NDArray[np.float64],
    y_m: Sequence[float] | NDArray[np.float64],
    *,
    frequency_hz: float = FREQUENCY_HZ,
    earth_ohm_m: float = EARTH_OHM_M,
) -> Complexes:
    """Matrix of parallel conductors with earth as the common return, by Carson's equations cut to their first terms.

    Z_ii = R_i + R_e + j w mu0/2pi ln(D_e / GMR_i), Z_ij = R_e + j w mu0/2pi ln(D_e / d_ij), with R_e = pi² f 1e-4
    ohm/km and D_e = 658.5 sqrt(rho / f) m (Carson 1926; Anderson, "Analysis of Faulted Power Systems", chapter 4;
    Kersting 4.1.4). `x_m`, `y_m` are the places of the conductors' centres.
    """
    x, y = np.asarray(x_m, dtype=np.float64), np.asarray(y_m, dtype=np.float64)
    distance = np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :])
    np.fill_diagonal(distance, np.asarray(gmr_m, dtype=np.float64))
    if not (distance > 0.0).all():
        raise ValueError("two conductors are at the same place: give each its own x_m, y_m and a gmr_m above zero")
    depth_m = 658.5 * math.sqrt(earth_ohm_m / frequency_hz)
    earth_r = math.pi**2 * frequency_hz * 1e-4
    # mu0 / 2 pi is 2e-7 H/m, so 2e-4 H/km.
    reactance = 2.0 * math.pi * frequency_hz * 2e-4 * np.log(depth_m / distance)
    return np.asarray(np.diag(np.asarray(r_ohm_km, dtype=np.float64)) + earth_r + 1j * reactance)
