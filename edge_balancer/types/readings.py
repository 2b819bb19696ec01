"""What a meter said, after decoding and validation. Values carry their age; NaN marks what the meter did not send."""

from __future__ import annotations

import math
from typing import Final

import msgspec

NAN: Final = math.nan
Triple = tuple[float, float, float]
UNKNOWN_TRIPLE: Final[Triple] = (NAN, NAN, NAN)


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One measurement of one house.

    `at` is the instant of measurement on the engine's monotonic clock in seconds. `p` (W) is always a number; `q`
    (var), `v` (V), `i` (A), `e_import` and `e_export` (Wh) are NaN where the meter did not send them. `generation` (W,
    positive) is the production of a separately metered inverter, already contained in `p`.
    """

    house: str
    at: float
    p: float
    q: float = NAN
    v: float = NAN
    i: float = NAN
    e_import: float = NAN
    e_export: float = NAN
    generation: float = NAN


class ThreePhaseReading(msgspec.Struct, frozen=True, gc=False):
    """One measurement of a three-phase house or of the transformer, each triple in the order L1, L2, L3.

    `house` is the house's id, or `TRANSFORMER`. `v_ll` holds the line-to-line voltages L1-L2, L2-L3, L3-L1; `i_n` is
    the
    measured neutral current in A. NaN marks what the meter did not send.
    """

    house: str
    at: float
    p: Triple
    q: Triple = UNKNOWN_TRIPLE
    v: Triple = UNKNOWN_TRIPLE
    i: Triple = UNKNOWN_TRIPLE
    v_ll: Triple = UNKNOWN_TRIPLE
    i_n: float = NAN


TRANSFORMER: Final = "transformer"
"""The name under which the transformer's meter speaks (`B/meter/transformer`); no house may take it."""
