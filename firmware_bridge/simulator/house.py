"""What a simulated meter measures when nobody hands in a feeder: a house with appliances and, on request, solar.

Smooth, slow and never twice the same, from a seed; made for looking at, not for judging a controller. The time is
handed in, s, and only counts forward.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Final

from firmware_bridge.contract import Phase
from firmware_bridge.meters.points import Point, Quantity

NOMINAL_V: Final = 230.0
NOMINAL_HZ: Final = 50.0
_DAY_S: Final = 1200.0
"""One day of sun, so that it rises and sets while somebody watches."""
_MOST_STEP_S: Final = 60.0
"""A longer pause between two looks counts as this much energy."""


class _Wave:
    """A sum of slow waves between 0 and 1 that does not repeat itself within hours."""

    def __init__(self, chance: random.Random, shortest_s: float, longest_s: float) -> None:
        self._parts = [(chance.uniform(shortest_s, longest_s), chance.uniform(0, math.tau)) for _ in range(4)]

    def at(self, t: float) -> float:
        parts = [math.sin(math.tau * t / period_s + begin) for period_s, begin in self._parts]
        return 0.5 + 0.5 * sum(parts) / len(parts)


class _Conductor:
    """One phase of a house."""

    def __init__(self, chance: random.Random, solar_w: float) -> None:
        self._base_w = chance.uniform(80.0, 250.0)
        self._active_w = chance.uniform(800.0, 2600.0)
        self._activity, self._clouds, self._voltage = (
            _Wave(chance, 60, 600),
            _Wave(chance, 30, 300),
            _Wave(chance, 20, 400),
        )
        self._fridge_s, self._fridge_begin_s = chance.uniform(200, 400), chance.uniform(0, 400)
        self._solar_w = solar_w
        self._tangent = chance.uniform(0.15, 0.35)
        self.import_wh, self.export_wh = chance.uniform(1e5, 2e7), chance.uniform(0, 1e7) if solar_w else 0.0

    def look(self, t: float, past_s: float) -> tuple[float, float, float]:
        """Volts, watts and vars at this moment; the energies go on by `past_s`."""
        fridge = 90.0 if (t + self._fridge_begin_s) % self._fridge_s < self._fridge_s * 0.35 else 0.0
        load = self._base_w + fridge + self._active_w * self._activity.at(t) ** 4
        sun = max(0.0, math.sin(math.tau * t / _DAY_S)) * (0.3 + 0.7 * self._clouds.at(t))
        power = load - self._solar_w * sun
        energy = power * past_s / 3600.0
        self.import_wh += max(0.0, energy)
        self.export_wh += max(0.0, -energy)
        volts = NOMINAL_V + 8.0 * (self._voltage.at(t) - 0.5) - 0.002 * power
        return volts, power, self._tangent * load


class House:
    """All that any meter of a house can tell: of its one phase, or of three and their totals."""

    def __init__(self, seed: int, *, phases: int = 1, solar_w: float = 0.0) -> None:
        """`solar_w` is its solar peak power, shared by its phases."""
        chance = random.Random(seed)
        self._conductors = [_Conductor(chance, solar_w / phases) for _ in range(phases)]
        self._frequency = _Wave(chance, 40, 200)
        self._looked_at: float | None = None

    def at(self, t: float) -> Mapping[Point, float]:
        """Every point at this moment, SI units."""
        past_s = 0.0 if self._looked_at is None else min(max(0.0, t - self._looked_at), _MOST_STEP_S)
        self._looked_at = t
        looks = [conductor.look(t, past_s) for conductor in self._conductors]
        values = {Point(Quantity.F): NOMINAL_HZ + 0.1 * (self._frequency.at(t) - 0.5)}
        single = len(looks) == 1
        for phase, (volts, power, reactive), conductor in zip(Phase, looks, self._conductors, strict=False):
            where = None if single else phase
            apparent = math.hypot(power, reactive)
            values[Point(Quantity.V, where)] = volts
            values[Point(Quantity.I, where)] = apparent / volts
            values[Point(Quantity.E_IMPORT, where)] = conductor.import_wh
            values[Point(Quantity.E_EXPORT, where)] = conductor.export_wh
            _powers(values, where, power, reactive, apparent)
        if not single:
            power, reactive = sum(look[1] for look in looks), sum(look[2] for look in looks)
            _powers(values, None, power, reactive, math.hypot(power, reactive))
            values[Point(Quantity.E_IMPORT)] = sum(conductor.import_wh for conductor in self._conductors)
            values[Point(Quantity.E_EXPORT)] = sum(conductor.export_wh for conductor in self._conductors)
            values.update(_between([look[0] for look in looks]))
            values[Point(Quantity.I_N)] = _neutral(looks)
        return values


def _powers(values: dict[Point, float], where: Phase | None, power: float, reactive: float, apparent: float) -> None:
    values[Point(Quantity.P, where)] = power
    values[Point(Quantity.Q, where)] = reactive
    values[Point(Quantity.S, where)] = apparent
    values[Point(Quantity.PF, where)] = power / apparent if apparent else 1.0


def _between(volts: list[float]) -> dict[Point, float]:
    """Line-to-line voltages of three phases that stand 120 degrees apart: L1-L2, L2-L3, L3-L1."""
    pairs = zip(Phase, volts, [*volts[1:], volts[0]], strict=True)
    return {Point(Quantity.V_LL, phase): math.sqrt(a * a + b * b + a * b) for phase, a, b in pairs}


def _neutral(looks: list[tuple[float, float, float]]) -> float:
    """Amperes in the neutral: the phasor sum of the three currents."""
    total = 0j
    for number, (volts, power, reactive) in enumerate(looks):
        turned = complex(math.cos(math.tau * number / 3), -math.sin(math.tau * number / 3))
        total += complex(power, -reactive) / volts * turned
    return abs(total)
