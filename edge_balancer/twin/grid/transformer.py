"""The transformer and the medium-voltage network behind it, seen from the low-voltage bus.

Only magnitudes matter on the low-voltage side, so the vector group sets what zero-sequence current meets, not an
angle: L1's no-load voltage is the reference. No magnetising current, no no-load loss, no tap changer: `source` of the
power flow moves the voltage.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from edge_balancer.twin.grid.errors import FeederError
from edge_balancer.twin.grid.impedance import Complexes, from_sequence

_ZERO_SEQUENCE: Final = {"Dyn": (1.0, 1.0), "Yzn": (0.4, 0.1), "Dzn": (0.4, 0.1), "Yyn": (1.0, 10.0)}
"""R0/R1 and X0/X1 where nothing is measured, of the order that IEC 60076-8 clause 4 and switchgear manuals give. A
three-limb Dyn has X0/X1 of 0.85 to 0.95; a Yyn has no winding that balances zero-sequence flux, which closes through
the tank: 3 to 30."""
_GROUP: Final = re.compile(r"^(Dyn|Yzn|Dzn|Yyn)(\d{0,2})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Transformer:
    """Ratings as on the plate. Impedances in per cent of the rating, voltages in V, line to line."""

    kva: float
    r_percent: float
    x_percent: float
    rated_v: float = 400.0
    """No-load voltage of the low-voltage side, line to line, at rated primary voltage."""
    source_pu: float = 1.0
    """Voltage of the medium-voltage side by its rating, tap included."""
    vector_group: str = "Dyn11"
    r0_percent: float | None = None
    """Zero-sequence values where measured; else typical ones of the vector group."""
    x0_percent: float | None = None
    earth_ohm: float | None = 0.0
    """Resistance of the star point's earth electrode; None: not earthed (IT). Counts with an explicit neutral."""
    mv_short_circuit_mva: float | None = None
    """Of the medium-voltage network; None: stiff."""
    mv_r_to_x: float = 0.3

    def __post_init__(self) -> None:
        for name in ("kva", "x_percent", "rated_v", "source_pu"):
            self._require(name, getattr(self, name) > 0.0, "above zero")
        for name in ("r_percent", "r0_percent", "x0_percent", "earth_ohm", "mv_r_to_x"):
            value = getattr(self, name)
            self._require(name, value is None or value >= 0.0, "zero or more")
        mva = self.mv_short_circuit_mva
        self._require("mv_short_circuit_mva", mva is None or mva > 0.0, "above zero, or nothing for a stiff network")
        if _GROUP.match(self.vector_group) is None:
            remedy = "write one with a neutral at the low-voltage side: Dyn, Yzn, Dzn or Yyn with its clock number"
            raise FeederError("transformer, vector_group", f"{self.vector_group!r} is not known", remedy)

    def _require(self, name: str, fine: bool, limit: str) -> None:
        # A comparison with NaN is false, so it is refused here too.
        if not fine:
            raise FeederError(f"transformer, {name}", f"{getattr(self, name)} cannot be", f"give a value {limit}")

    @property
    def no_load_v(self) -> float:
        """Phase to neutral at the low-voltage bus without load, V."""
        return self.rated_v / math.sqrt(3.0) * self.source_pu

    def series_ohm(self) -> Complexes:
        """3x3 impedance of the windings, phase to neutral, at the low-voltage side."""
        base = self.rated_v**2 / (self.kva * 1000.0) / 100.0
        match = _GROUP.match(self.vector_group)
        assert match is not None  # noqa: S101 - judged above
        r_ratio, x_ratio = _ZERO_SEQUENCE[match[1].capitalize()]
        r0 = self.r_percent * r_ratio if self.r0_percent is None else self.r0_percent
        x0 = self.x_percent * x_ratio if self.x0_percent is None else self.x0_percent
        return from_sequence(complex(self.r_percent, self.x_percent) * base, complex(r0, x0) * base)

    def mv_ohm(self) -> Complexes:
        """3x3 impedance of the medium-voltage network as seen through the windings, which pass no zero sequence."""
        if self.mv_short_circuit_mva is None:
            return from_sequence(0j, 0j)
        z = self.rated_v**2 / (self.mv_short_circuit_mva * 1e6)
        x = z / math.hypot(1.0, self.mv_r_to_x)
        return from_sequence(complex(self.mv_r_to_x * x, x), 0j)
