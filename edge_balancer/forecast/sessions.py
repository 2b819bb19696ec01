"""Sessions: a car that charges, a boiler or a heat pump of fixed speed that runs, as its house's meter shows it.

A load that stands well above what the house drew before, for minutes on end, is a session until it falls back. How long
it will last is not guessed here: `survival` learns for each house what such a level is worth later. A heat pump that
modulates creeps by hundreds of watts over hours and is none: the moving means (`levels`) follow it. Pure.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_W: Final = 1800.0
"""Slow chargers draw 2.3 kW, boilers and heat pumps of fixed speed about 2 kW."""
CONFIRM_S: Final = 300.0
"""Kettles and toasters are over by then."""
BASE_TAU_S: Final = 600.0
SMOOTH_TAU_S: Final = 60.0
OVER: Final = 0.5
"""Over once the load has fallen to this share of the session's level."""
LONGEST_S: Final = 14 * 3600.0
"""What stands higher for longer is how this house lives."""


class Sessions:
    """State of `houses` houses; complex values are P + jQ in W and var."""

    def __init__(self, houses: int) -> None:
        self.level: Complex = np.zeros(houses, dtype=np.complex128)
        """What the session draws; zero where there is none."""
        self.age_s: Floats = np.zeros(houses)
        self._base: Complex = np.zeros(houses, dtype=np.complex128)
        self._smooth: Complex = np.zeros(houses, dtype=np.complex128)

    @property
    def on(self) -> Bools:
        return np.asarray(self.level != 0.0)

    def observe(self, index: NDArray[np.intp], load: Complex, dt: Floats, fresh: Bools, begin: Complex) -> None:
        """Readings of distinct houses that stand for the last `dt` seconds; `fresh` houses begin anew at `begin`."""
        base = np.where(fresh, begin, self._base[index])
        smooth = np.where(fresh, load, self._smooth[index])
        level = np.where(fresh, 0.0, self.level[index])
        age = np.where(fresh, 0.0, self.age_s[index])
        smooth = smooth - np.expm1(-dt / SMOOTH_TAU_S) * (load - smooth)
        slowly = -np.expm1(-dt / BASE_TAU_S)
        on = level != 0.0
        above = (load - base).real
        high = ~on & (above > LEAST_W)
        age = np.where(on | high, age + dt, 0.0)
        base = np.where(on | high, base, base + slowly * (load - base))
        stands = smooth - base
        begins = high & (age >= CONFIRM_S) & (stands.real > OVER * LEAST_W)
        holds = on & (stands.real > OVER * level.real)
        level = np.where(begins, stands, np.where(holds, level + slowly * (stands - level), level))
        too_long = on & (age > LONGEST_S)
        over = too_long | (on & ~holds & (above < OVER * level.real))
        base = np.where(too_long, smooth, base)
        self.level[index] = np.where(over, 0.0, level)
        self.age_s[index] = np.where(over, 0.0, age)
        self._base[index] = base
        self._smooth[index] = smooth
