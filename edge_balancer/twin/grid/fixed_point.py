"""V = E - Z I(V) for constant powers, solved over many instants at once. Ports and arrays only; no feeder.

Below a floor a load is a constant impedance: real ones hold no constant power at half the voltage, and with it the
equation has a solution also where constant power has none (collapse). The two laws meet at the floor:
I = conj(S) V / max(|V|, floor)².

The fixed point (the implicit Z-bus method: Chen et al., IEEE Trans. Power Delivery 6, 1991) shrinks the error by about
|Z S| / V² a step, some ten steps to nine digits on an ordinary feeder. Where it does not get there, Newton's method
goes on.
"""

from __future__ import annotations

import contextlib
from typing import Final

import numpy as np

from edge_balancer.twin.grid.impedance import Complexes
from edge_balancer.twin.grid.model import Bools

TOLERANCE: Final = 1e-9
"""Of the nominal voltage, between two steps at every port."""
_STEPS: Final = 60
_NEWTON_STEPS: Final = 30
_SHORTEST: Final = 1.0 / 1024.0


def currents(s: Complexes, v: Complexes, floor_v: float) -> Complexes:
    """Currents drawn by powers `s` at voltages `v`, A."""
    square = v.real * v.real + v.imag * v.imag
    return np.asarray(np.conj(s) * v / np.maximum(square, floor_v * floor_v))


def solve(z: Complexes, s: Complexes, emf: Complexes, nominal_v: float, floor_v: float) -> tuple[Complexes, Bools]:
    """Voltages [T, P] and, per instant, whether they are a solution. `s`, `emf` are [T, P]; all results are finite."""
    v = emf.astype(np.complex128, copy=True)
    limit = TOLERANCE * nominal_v
    to_ports = np.ascontiguousarray(z.T)
    open_ = np.arange(len(s))
    going = np.ones(len(s), dtype=bool)
    s_open, emf_open, v_open = s, emf, v
    for _ in range(_STEPS):
        after = emf_open - currents(s_open, v_open, floor_v) @ to_ports
        error = np.abs(after - v_open).max(axis=1, initial=0.0)
        v[open_] = after
        going = error > limit
        if not going.any():
            return v, np.ones(len(s), dtype=bool)
        # Few hard instants shall not keep many easy ones at work.
        if 2 * np.count_nonzero(going) < len(open_):
            open_ = open_[going]
            s_open, emf_open, v_open = s[open_], emf[open_], v[open_]
            going = going[going]
        else:
            v_open = after
    converged = np.ones(len(s), dtype=bool)
    for k in open_[going].tolist():
        found = _newton(z, s[k], emf[k], limit, floor_v)
        converged[k] = found is not None
        if found is not None:
            v[k] = found
    return v, converged


def _newton(z: Complexes, s: Complexes, emf: Complexes, limit: float, floor_v: float) -> Complexes | None:
    """One instant, from the no-load voltages and, failing that, from those of constant impedances."""
    starts = [emf]
    with contextlib.suppress(np.linalg.LinAlgError):
        starts.append(np.asarray(np.linalg.solve(np.eye(len(s)) + z * (np.conj(s) / floor_v**2), emf), np.complex128))
    for start in starts:
        found = _descend(z, s, emf, start, limit, floor_v)
        if found is not None:
            return found
    return None


def _descend(
    z: Complexes, s: Complexes, emf: Complexes, v: Complexes, limit: float, floor_v: float
) -> Complexes | None:
    def residual(at: Complexes) -> Complexes:
        return np.asarray(at - emf + z @ currents(s, at, floor_v))

    miss = residual(v)
    for _ in range(_NEWTON_STEPS):
        step = _newton_step(z, s, v, miss, floor_v)
        if step is None:
            return None
        length, norm = 1.0, float(np.linalg.norm(miss))
        while True:
            after = v + length * step
            miss = residual(after)
            if float(np.linalg.norm(miss)) <= (1.0 - 1e-4 * length) * norm or length <= _SHORTEST:
                break
            length /= 2.0
        v = after
        if float(np.abs(miss).max()) <= limit and length * float(np.abs(step).max()) <= limit:
            return v
    return None


def _newton_step(z: Complexes, s: Complexes, v: Complexes, miss: Complexes, floor_v: float) -> Complexes | None:
    """-J⁻¹ miss. The current is no analytic function of the voltage: so its parts are solved together."""
    high = np.abs(v) >= floor_v
    safe = np.where(high, v, floor_v)
    by_v = np.where(high, 0.0, np.conj(s) / floor_v**2)
    by_conjugate = np.where(high, -np.conj(s) / np.conj(safe) ** 2, 0.0)
    c = np.eye(len(v)) + z * by_v
    d = z * by_conjugate
    jacobian = np.block([[(c + d).real, (d - c).imag], [(c + d).imag, (c - d).real]])
    try:
        step = np.linalg.solve(jacobian, -np.concatenate([miss.real, miss.imag]))
    except np.linalg.LinAlgError:
        return None
    n = len(v)
    return np.asarray(step[:n] + 1j * step[n:]) if np.isfinite(step).all() else None
