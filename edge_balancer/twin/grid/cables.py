"""Line codes, and a small table of the cables that low-voltage feeders are made of.

Conductor resistances are those of IEC 60228 (class 2, 20 °C), taken to a working temperature; reactances and coupling
follow from the conductors' places by Carson's equations. The table serves the generated feeders; files bring their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.twin.grid.impedance import (
    GMR_OF_ROUND_WIRE,
    Complexes,
    carson,
    neutral_return,
    to_sequence,
    with_neutral,
)

WORKING_C: Final = 40.0
"""Temperature of a lightly loaded conductor in soil or air."""
_ALUMINIUM_20: Final = {
    16: 1.91, 25: 1.20, 35: 0.868, 50: 0.641, 70: 0.443, 95: 0.320, 120: 0.253, 150: 0.206, 185: 0.164, 240: 0.125,
}  # fmt: skip
_COPPER_20: Final = {6: 3.08, 10: 1.83, 16: 1.15, 25: 0.727, 35: 0.524, 50: 0.387, 70: 0.268, 95: 0.193}
_ALPHA: Final = {"Al": 0.00403, "Cu": 0.00393}
"""Temperature coefficients per kelvin (IEC 60287-1-1, table 1)."""
_FILL: Final = 0.90
"""Metal in the circle of a compacted stranded conductor."""
_INSULATION_MM: Final = {6: 1.0, 10: 1.0, 16: 1.0, 25: 1.2, 35: 1.2, 50: 1.4, 70: 1.4, 95: 1.6, 120: 1.6, 150: 1.8,
                         185: 2.0, 240: 2.2}  # fmt: skip
"""PVC/XLPE wall by cross-section in mm2 (order of IEC 60502-1, tables 6 and 7)."""


@dataclass(frozen=True, slots=True, eq=False)
class LineCode:
    """A kind of line, ohm per km: `z3` with the neutral reduced, `z4` with it, where that is known."""

    name: str
    z3: Complexes
    z4: Complexes | None = None

    @property
    def sequence(self) -> tuple[complex, complex]:
        """(Z1, Z0), ohm per km."""
        return to_sequence(self.z3)

    def with_derived_neutral(self) -> LineCode:
        """The same with a 4x4 matrix that its sequence values allow, unless it has one."""
        if self.z4 is not None:
            return self
        return LineCode(self.name, self.z3, with_neutral(*self.sequence))


def resistance_ohm_km(metal: str, mm2: int, celsius: float = WORKING_C) -> float:
    """AC resistance is taken as the DC one: the difference is below 1 % up to 240 mm2 at 50 Hz."""
    table = _ALUMINIUM_20 if metal == "Al" else _COPPER_20
    if metal not in _ALPHA or mm2 not in table:
        known = ", ".join(
            f"{name} {size}" for name, sizes in (("Al", _ALUMINIUM_20), ("Cu", _COPPER_20)) for size in sizes
        )
        raise ValueError(f"conductor {metal} {mm2} mm2 is not in the table: take one of {known}")
    return table[mm2] * (1.0 + _ALPHA[metal] * (celsius - 20.0))


def four_core(metal: str, mm2: int, neutral_mm2: int | None = None, *, celsius: float = WORKING_C) -> LineCode:
    """A cable or bundled overhead line with four insulated cores in a square, the neutral opposite to L2.

    `z3` has the return current in the neutral, none in earth.
    """
    neutral = neutral_mm2 or mm2
    sizes = (mm2, mm2, mm2, neutral)
    radius_m = [math.sqrt(size / math.pi / _FILL) / 1000.0 for size in sizes]
    half_m = radius_m[0] + _INSULATION_MM[mm2] / 1000.0
    z4 = carson(
        [resistance_ohm_km(metal, size, celsius) for size in sizes],
        [r * math.sqrt(_FILL) * GMR_OF_ROUND_WIRE for r in radius_m],
        np.array([-1.0, 1.0, 1.0, -1.0]) * half_m,
        np.array([1.0, 1.0, -1.0, -1.0]) * half_m,
    )
    name = f"{metal}4x{mm2}" if neutral == mm2 else f"{metal}3x{mm2}+{neutral}"
    return LineCode(name, neutral_return(z4), z4)


def open_wire(metal: str, mm2: int, spacing_m: float = 0.30, *, celsius: float = WORKING_C) -> LineCode:
    """Four bare wires one below the other, the neutral lowest, as on old pole lines."""
    radius_m = math.sqrt(mm2 / math.pi / _FILL) / 1000.0
    z4 = carson(
        [resistance_ohm_km(metal, mm2, celsius)] * 4,
        [radius_m * math.sqrt(_FILL) * GMR_OF_ROUND_WIRE] * 4,
        [0.0] * 4,
        [7.0 - spacing_m * k for k in range(4)],
    )
    return LineCode(f"{metal}open4x{mm2}", neutral_return(z4), z4)
