"""How far out on the feeder each house is, learned from its own meter: no model of the network is needed. Pure.

When a house's own load steps by dP, its voltage follows by dV = -R dP / V, with R the resistance of its loop back to
the transformer. Over many steps what the neighbours do averages out, and R = -V sum(dV dP) / sum(dP^2) remains (least
squares through the origin). Only the ratio between houses is used, so a meter's error of scale does no harm.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.types.kept import KeptHouses

Floats = NDArray[np.float64]

LEAST_STEP_W: Final = 500.0
"""Smaller steps drown in the noise of the voltage."""
LONGEST_S: Final = 90.0
"""Between readings farther apart too much else has changed."""
ENOUGH_KW2: Final = 60.0
"""Sum of squared steps, kW^2, from which on a house's resistance is believed: thirty kettles or so."""
MEMORY_KW2: Final = 4000.0
"""Older steps are forgotten beyond this: cables are laid anew within ten years."""
SETTLED_S: Final = 300.0
"""After a move the house's voltage is another phase's, and its inverter comes back."""
NORMAL: Final = 0.2
"""Voltages further than this from nominal (as a share of it) are outages, not drops."""
LARGEST_DROP_V: Final = 15.0
NEAREST: Final = 0.25
FARTHEST: Final = 4.0


class ElectricalDistance:
    """State for `houses` houses."""

    def __init__(self, houses: int, nominal_v: float) -> None:
        self._nominal_v = nominal_v
        self._p: Floats = np.full(houses, np.nan)
        self._v: Floats = np.full(houses, np.nan)
        self._at: Floats = np.full(houses, -np.inf)
        self._drop: Floats = np.zeros(houses)
        self._square: Floats = np.zeros(houses)

    def observe(self, index: NDArray[np.intp], p: Floats, v: Floats, at: Floats, moved_at: Floats) -> None:
        """Readings of distinct houses: W, V, monotonic s, and when each was last moved; [n] each. NaN is no reading."""
        before, volts, since = self._p[index], self._v[index], self._at[index]
        step = (p - before) / 1000.0
        dt = at - since
        good = (np.abs(step) >= LEAST_STEP_W / 1000.0) & (dt > 0.0) & (dt <= LONGEST_S)
        good &= moved_at + SETTLED_S < since
        # Comparisons with NaN are false: a reading without a voltage tells nothing.
        good &= np.abs(np.maximum(v, volts) - self._nominal_v) <= NORMAL * self._nominal_v
        good &= np.abs(np.minimum(v, volts) - self._nominal_v) <= NORMAL * self._nominal_v
        good &= np.abs(v - volts) <= LARGEST_DROP_V
        drop = np.where(good, (volts - v) * v * step / 1000.0, 0.0)
        square = np.where(good, step**2, 0.0)
        total = self._square[index]
        keep = np.where(total > MEMORY_KW2, MEMORY_KW2 / np.maximum(total, 1.0), 1.0)
        self._drop[index] = keep * self._drop[index] + drop
        self._square[index] = keep * total + square
        self._p[index], self._v[index], self._at[index] = p, v, at

    @property
    def ohm(self) -> Floats:
        """[houses] loop resistance; NaN where not known yet."""
        known = self._square >= ENOUGH_KW2
        return np.where(known, np.maximum(self._drop / np.maximum(self._square, 1e-9), 0.0), np.nan)

    def relative(self) -> Floats | None:
        """[houses] each house's distance over the typical one; 1 where not known; None where too few are known."""
        ohm = self.ohm
        known = np.isfinite(ohm)
        # Houses that were never heard here (three-phase ones) are no reason to wait.
        if 2 * np.count_nonzero(known) <= np.count_nonzero(np.isfinite(self._at) | known):
            return None
        typical = float(np.median(ohm[known]))
        if typical <= 0.0:
            return None
        return np.where(known, np.clip(np.nan_to_num(ohm) / typical, NEAREST, FARTHEST), 1.0)

    def learned(self) -> dict[str, Any]:
        return {"drop": self._drop.tolist(), "square": self._square.tolist()}

    def relearn(self, learned: Any, houses: KeptHouses) -> None:
        """Take back what `learned()` gave, of `houses`; nonsense is left aside."""
        try:
            drop = np.array(learned["drop"], dtype=np.float64)
            square = np.array(learned["square"], dtype=np.float64)
        except (KeyError, TypeError, ValueError):
            return
        fits = drop.shape == square.shape == (houses.count,)
        if fits and np.isfinite(drop).all() and np.isfinite(square).all() and (square >= 0.0).all():
            houses.place(drop, self._drop)
            houses.place(square, self._square)
