"""The three phases and the direction of their currents. Nothing about houses or measurements."""

from __future__ import annotations

import cmath
import enum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Phase(enum.IntEnum):
    """A phase conductor; its value is the index into every per-phase array."""

    L1 = 0
    L2 = 1
    L3 = 2

    def __str__(self) -> str:
        return self.name

    @classmethod
    def parse(cls, text: str) -> Phase:
        """Read `L1`, `l1`, `1`, `A` or `R` style names. Raises ValueError naming what is accepted."""
        phase = _NAMES.get(text.strip().upper())
        if phase is None:
            raise ValueError(f"{text!r} is not a phase: write L1, L2 or L3 (A, B, C or 1, 2, 3 are read too)")
        return phase


_NAMES: Final = {
    name: phase
    for phase, names in (
        (Phase.L1, ("L1", "1", "A")),
        (Phase.L2, ("L2", "2", "B")),
        (Phase.L3, ("L3", "3", "C")),
    )
    for name in names
}

# The unit vector of each phase's voltage: L2 lags L1 by 120 degrees, L3 by 240 (positive sequence, IEC 60909).
ROTATION: Final[NDArray[np.complex128]] = np.array([cmath.exp(-2j * cmath.pi * k / 3) for k in range(3)])
