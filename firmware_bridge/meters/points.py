"""What a meter can tell: quantities in SI units, each of one phase or of the whole meter. Plain data."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import msgspec

from firmware_bridge.contract import Phase


class Quantity(enum.StrEnum):
    """Names on the wire and in templates. Power and energy: positive from the grid into the house."""

    V = "v"
    """Line-to-neutral voltage, V."""
    I = "i"  # noqa: E741 - the field's own letter
    """Current, A, without sign."""
    P = "p"
    """Active power, W."""
    Q = "q"
    """Reactive power, var."""
    S = "s"
    """Apparent power, VA."""
    PF = "pf"
    F = "f"
    """Frequency, Hz."""
    E_IMPORT = "e_import"
    """Energy drawn, Wh."""
    E_EXPORT = "e_export"
    """Energy fed in, Wh."""
    V_LL = "v_ll"
    """Line-to-line voltage, V; its "phase" L1 is L1-L2, L2 is L2-L3, L3 is L3-L1."""
    I_N = "i_n"
    """Neutral current, A."""

    @property
    def fast(self) -> bool:
        """Read at every cycle; the others seldom."""
        return self not in (Quantity.F, Quantity.E_IMPORT, Quantity.E_EXPORT)


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One value of a meter: `phase` is None for a single-phase meter's value and for a three-phase meter's total."""

    quantity: Quantity
    phase: Phase | None = None

    def __str__(self) -> str:
        return str(self.quantity) if self.phase is None else f"{self.quantity}_{self.phase.lower()}"


Triple = tuple[float | None, float | None, float | None]


class SinglePhase(msgspec.Struct, frozen=True, omit_defaults=True):
    """`B/meter/<house>` of a single-phase meter; what is None was not measured and is left out."""

    p: float
    q: float | None = None
    v: float | None = None
    i: float | None = None
    e_import: float | None = None
    e_export: float | None = None
    f: float | None = None


class ThreePhase(msgspec.Struct, frozen=True, omit_defaults=True):
    """`B/meter/<house>` of a three-phase meter, lists in the order of the feeder's L1, L2, L3."""

    p: Triple
    q: Triple | None = None
    v: Triple | None = None
    i: Triple | None = None
    e_import: Triple | None = None
    e_export: Triple | None = None
    v_ll: Triple | None = None
    i_n: float | None = None
    f: float | None = None


Measurement = SinglePhase | ThreePhase
