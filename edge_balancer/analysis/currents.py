"""Complex currents of houses and phases, and what flows in the neutral.

Works on powers and voltage magnitudes; every house's voltage is taken to lie on its phase's positive-sequence axis
(the error of a few degrees along a feeder is below that of the meters). Not a power flow: line losses and voltage
drops are not modelled.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.types.phases import ROTATION

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
PhaseIndex = NDArray[np.integer[Any]]

PHASES: Final = 3
LIVE_FRACTION: Final = 0.5
"""A voltage below this fraction of nominal is an outage or a broken meter: no current is computed from it."""


def phase_sums(values: Floats, phase: PhaseIndex) -> Floats:
    """Sums per phase: (n,) -> (3,), or row by row (k, n) -> (k, 3).

    `phase` (n,) is 0, 1, 2, or -1 for a house that belongs to no phase and is left out. NaN in, NaN out. The order of
    summation is that of the houses, so the result is the same to the last bit everywhere (a matrix product's is not).
    """
    bins = PHASES + 1
    rows = math.prod(values.shape[:-1])
    index = (phase + 1) + np.arange(0, bins * rows, bins)[:, np.newaxis]
    sums = np.bincount(index.ravel(), weights=values.ravel(), minlength=bins * rows).astype(np.float64, copy=False)
    result: Floats = sums.reshape(*values.shape[:-1], bins)[..., 1:]
    return result


def phase_means(values: Floats, phase: PhaseIndex) -> Floats:
    """Mean of the finite `values` (n,) per phase -> (3,); NaN for a phase without any."""
    known = np.isfinite(values)
    total, count = phase_sums(np.array((np.where(known, values, 0.0), known)), phase)
    result: Floats = total / np.where(count > 0, count, np.nan)
    return result


def live_voltages(v: Floats, nominal_v: float) -> Floats:
    """The voltages (...) in V with everything below `LIVE_FRACTION` of nominal as NaN: not measured."""
    return np.where(v > LIVE_FRACTION * nominal_v, v, np.nan)


def working_voltages(live_v: Floats, mean_v: Floats, phase: PhaseIndex, nominal_v: float) -> Floats:
    """Voltages (n,) in V to divide by: a house's own, else the mean of its phase, else nominal.

    `live_v` (n,) as from `live_voltages`, `mean_v` (3,) their `phase_means`; both may hold NaN.
    """
    # Entry 3 is where a house without a phase (-1) looks.
    fallback = np.array([nominal_v if mean != mean else mean for mean in (*mean_v.tolist(), nominal_v)])
    return np.where(np.isfinite(live_v), live_v, fallback[phase])


def house_currents(p: Floats, q: Floats, volts: Floats, phase: PhaseIndex) -> Complexes:
    """Complex current (n,) in A of each house: I = conj(S) / V * ROTATION[phase], S = P + jQ.

    `p` in W and `q` in var (n,), positive when drawn; a `q` that was not measured (NaN) counts as 0. `volts` (n,) as
    from `working_voltages`. A house without power or without a phase has the current NaN: unknown, not zero.
    """
    apparent = (p - 1j * np.where(np.isfinite(q), q, 0.0)) / volts
    rotated: Complexes = np.where(phase >= 0, apparent * ROTATION[phase], np.nan)
    return rotated


def phase_currents(power: Floats, volts: Floats, phase: PhaseIndex) -> Complexes:
    """Complex current (3,) in A of each phase conductor: the sum of `house_currents` over its houses.

    `power` (2, n) holds P in W and Q in var, 0 where unknown; `volts` (n,) as from `working_voltages`. Houses without
    a phase (-1) are left out.
    """
    active, reactive = phase_sums(power / volts, phase)
    result: Complexes = (active - 1j * reactive) * ROTATION
    return result


def three_phase_currents(p: Floats, q: Floats, v: Floats, nominal_v: float) -> Complexes:
    """Complex currents (..., 3) in A of a three-phase meter or house, from W, var and V of each phase (..., 3).

    A dead or unmeasured voltage counts as nominal, a `q` that is NaN as 0; NaN in `p` gives NaN.
    """
    volts = np.where(v > LIVE_FRACTION * nominal_v, v, nominal_v)
    result: Complexes = (p - 1j * np.where(np.isfinite(q), q, 0.0)) / volts * ROTATION
    return result


def neutral_current(currents: Complexes) -> Floats:
    """Neutral current in A: |I1 + I2 + I3| of the phasors along the last axis, (..., n) -> (...).

    The axis may be the three phases or all houses: the neutral is the sum of them all (Kirchhoff). NaN in, NaN out.
    """
    result: Floats = np.abs(np.add.reduce(currents, axis=-1))
    return result
