"""What one message of a meter says, before it is joined with others and judged.

Values are in W, var, V, A and Wh, import positive, as the device's format defines them after its units are undone. NaN
marks what the message does not carry. These are not readings: they may be partial, and nobody has asked yet whether
they are believable.
"""

from __future__ import annotations

import msgspec

from edge_balancer.types.readings import NAN, UNKNOWN_TRIPLE, Triple


class Measurement(msgspec.Struct, frozen=True, gc=False):
    """Single-phase values. `t` is the device's own stamp in Unix seconds.

    `p_import` and `p_export` (W, both positive) stand for `p` on meters that send each direction by itself.
    """

    p: float = NAN
    q: float = NAN
    v: float = NAN
    i: float = NAN
    t: float = NAN
    e_import: float = NAN
    e_export: float = NAN
    p_import: float = NAN
    p_export: float = NAN


class ThreePhaseMeasurement(msgspec.Struct, frozen=True, gc=False):
    """Values of three phases in the order L1, L2, L3; `v_ll` is L1-L2, L2-L3, L3-L1. Any element may be NaN."""

    p: Triple = UNKNOWN_TRIPLE
    q: Triple = UNKNOWN_TRIPLE
    v: Triple = UNKNOWN_TRIPLE
    i: Triple = UNKNOWN_TRIPLE
    t: float = NAN
    v_ll: Triple = UNKNOWN_TRIPLE
    i_n: float = NAN
    p_import: Triple = UNKNOWN_TRIPLE
    p_export: Triple = UNKNOWN_TRIPLE


AnyMeasurement = Measurement | ThreePhaseMeasurement


def one_phase(index: int, value: float) -> Triple:
    """A triple that knows one phase only."""
    if index == 0:
        return (value, NAN, NAN)
    if index == 1:
        return (NAN, value, NAN)
    return (NAN, NAN, value)


def balanced(m: Measurement) -> ThreePhaseMeasurement:
    """A three-phase house whose meter gives totals only: a third of the power on each phase.

    The current is left out: meters give the sum, the mean or the greatest, and the number alone does not tell which.
    """
    p, q = m.p / 3.0, m.q / 3.0
    imported, exported = m.p_import / 3.0, m.p_export / 3.0
    return ThreePhaseMeasurement(
        p=(p, p, p),
        q=(q, q, q),
        v=(m.v, m.v, m.v),
        t=m.t,
        p_import=(imported, imported, imported),
        p_export=(exported, exported, exported),
    )
