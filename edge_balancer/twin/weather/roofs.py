"""The roofs with panels: size, slope, direction, inverter and place in the wind. No power, no weather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

# Along the drift of the clouds a low-voltage feeder is a few hundred metres long.
_FEEDER_LENGTH_M: Final = 400.0


@dataclass(frozen=True, slots=True)
class Roof:
    """A rooftop PV system of one house on one phase."""

    house: int
    """Index of the house."""
    dc_w: float
    """Rated power of the panels at 1000 W/m2 and 25 degrees Celsius."""
    ac_w: float
    """Rated power of the inverter; it clips there."""
    tilt_rad: float
    azimuth_rad: float
    """From north through east; south is pi."""
    downwind_m: float
    """How far along the clouds' drift the roof stands: it darkens that much later."""

    def __post_init__(self) -> None:
        for name in ("dc_w", "ac_w"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} = {getattr(self, name):g} of the roof of house {self.house}: give watts > 0")


def draw_roofs(
    houses: int, share: float, seed: int, *, southern: bool = False, dc_w: tuple[float, float] = (3000.0, 5800.0)
) -> tuple[Roof, ...]:
    """Roofs for the fraction `share` of the houses.

    A single-phase inverter of up to 4.6 kVA (Germany, VDE-AR-N 4105) or 3.68 kVA (Great Britain, EREC G98) is usual; a
    third of the inverters are smaller than their panels. Directions scatter around the equator, slopes around
    33 degrees.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share = {share:g} is a fraction of the houses: give a value from 0 to 1")
    order = np.random.default_rng([seed, 30]).permutation(houses)
    chosen = sorted(int(k) for k in order[: round(houses * share)])
    out = []
    for house in chosen:
        rng = np.random.default_rng([seed, 31, house])
        power = 100.0 * round(rng.uniform(*dc_w) / 100.0)
        inverter = min(4600.0, power * (0.8 if rng.random() < 0.33 else 1.0))
        away = float(np.clip(rng.normal(0.0, 45.0), -110.0, 110.0))
        out.append(
            Roof(
                house=house,
                dc_w=power,
                ac_w=inverter,
                tilt_rad=float(np.radians(np.clip(rng.normal(33.0, 8.0), 5.0, 60.0))),
                azimuth_rad=float(np.radians((0.0 if southern else 180.0) + away) % (2.0 * np.pi)),
                downwind_m=float(rng.uniform(0.0, _FEEDER_LENGTH_M)),
            )
        )
    return tuple(out)
