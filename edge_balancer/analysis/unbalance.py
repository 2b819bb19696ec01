"""Unbalance factors of voltages, currents and loads.

Each is named as the standards name it, since they are not interchangeable: only the VUF is V2/V1, and it cannot be had
from single-phase magnitudes (`pvur_pct` can). Limits and judgements are elsewhere.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.analysis.currents import Complexes, Floats

_A: Final = np.exp(2j * np.pi / 3)
# Fortescue's transform: rows are the zero, positive and negative sequence.
_FORTESCUE: Final[Complexes] = np.array([[1, 1, 1], [1, _A, _A**2], [1, _A**2, _A]], dtype=np.complex128) / 3.0

# Rounding may put a just-possible triangle (one side the sum of the others) this far on the impossible side.
_TRIANGLE_TOLERANCE: Final = 1e-12


def symmetrical_components(phasors: Complexes) -> Complexes:
    """Zero, positive and negative sequence (..., 3) of three phasors (..., 3), in their unit (Fortescue 1918)."""
    result: Complexes = phasors @ _FORTESCUE.T
    return result


def vuf_pct(phasors: Complexes) -> Floats:
    """Voltage unbalance factor, percent: 100 |V2| / |V1| (IEC 61000-4-30). Line-to-neutral phasors (..., 3) in V ->
    (...).

    On current phasors the same ratio is |I2| / |I1|. NaN where there is no positive sequence.
    """
    parts = np.abs(symmetrical_components(phasors))
    return _percent(parts[..., 2], parts[..., 1])


def zero_sequence_pct(phasors: Complexes) -> Floats:
    """Zero-sequence factor, percent: 100 |V0| / |V1| (IEC 61000-4-30). Shapes as `vuf_pct`."""
    parts = np.abs(symmetrical_components(phasors))
    return _percent(parts[..., 0], parts[..., 1])


def vuf_from_line_voltages_pct(v_ll: Floats) -> Floats:
    """VUF in percent from the three line-to-line magnitudes (CIGRE; IEC 61000-4-30, 5.7.1). (..., 3) in V -> (...).

    beta = sum(V^4) / sum(V^2)^2, VUF = 100 sqrt((1 - sqrt(3 - 6 beta)) / (1 + sqrt(3 - 6 beta))). The line-to-line
    phasors close to a triangle; magnitudes that cannot (one longer than the other two), negative ones, all zero, or
    NaN give NaN.
    """
    squares = np.square(np.where(v_ll >= 0, v_ll, np.nan))
    total = np.add.reduce(squares, axis=-1)
    beta = np.add.reduce(np.square(squares), axis=-1) / np.where(total > 0, np.square(total), np.nan)
    radicand = 3.0 - 6.0 * beta
    possible = np.where(radicand >= -_TRIANGLE_TOLERANCE, radicand, np.nan)
    root = np.sqrt(np.minimum(np.maximum(possible, 0.0), 1.0))
    result: Floats = 100.0 * np.sqrt((1.0 - root) / (1.0 + root))
    return result


def greatest_deviation_pct(values: Floats, scale: Floats) -> Floats:
    """100 max|x - mean(x)| / scale along the last axis, (..., 3) and (...) -> (...). NaN where the scale is not
    positive.
    """
    deviation = np.abs(values - _mean(values)[..., np.newaxis])
    return _percent(np.maximum.reduce(deviation, axis=-1), scale)


def lvur_pct(v_ll: Floats) -> Floats:
    """Line voltage unbalance rate, percent (NEMA MG1): the greatest deviation of the line-to-line magnitudes (..., 3)
    in V.
    """
    return greatest_deviation_pct(v_ll, _mean(v_ll))


def pvur_pct(v_ln: Floats) -> Floats:
    """Phase voltage unbalance rate, percent (IEEE 936): the greatest deviation of the line-to-neutral magnitudes (...,
    3) in V.
    """
    return greatest_deviation_pct(v_ln, _mean(v_ln))


def current_unbalance_pct(i: Floats) -> Floats:
    """Current unbalance, percent: the greatest deviation of the line current magnitudes (..., 3) in A from their
    mean.
    """
    return greatest_deviation_pct(i, _mean(i))


def negative_sequence_current_pct(currents: Complexes) -> Floats:
    """|I2| / |I1| in percent of the line current phasors (..., 3) in A (IEC 60034-1 judges machines by it)."""
    return vuf_pct(currents)


def load_imbalance_pct(p: Floats, floor_w: float) -> Floats:
    """Load imbalance, percent, of the net active power per phase (..., 3) in W: 100 max|P - mean(P)| / mean(|P|) ->
    (...).

    The engineers' greatest deviation from the mean, as for currents. The denominator takes magnitudes because with
    solar the mean of net powers crosses zero while the phases are far apart; where all phases have one sign the two
    are the same. It never exceeds 200 % (all load on one phase). A mean |P| below `floor_w` counts as `floor_w`, so
    that a feeder near idle is not called unbalanced for a few watts, without a jump where the load passes the floor.
    """
    return greatest_deviation_pct(p, np.maximum(_mean(np.abs(p)), floor_w))


def _mean(values: Floats) -> Floats:
    result: Floats = np.add.reduce(values, axis=-1) / 3.0
    return result


def _percent(part: Floats, whole: Floats) -> Floats:
    result: Floats = 100.0 * part / np.where(whole > 0, whole, np.nan)
    return result
