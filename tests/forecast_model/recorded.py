"""Recorded readings for the tests of the learned forecast: a few houses with appliances, a car and roofs, seeded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.blend import SurvivalBlend
from edge_balancer.forecast.horizon import horizon
from edge_balancer.forecast.sun import Place, clear_sky
from edge_balancer.forecast.tracker import FeatureTracker

H: Final = horizon(25.0)
STEP_S: Final = 60.0
LONGEST_S: Final = 900.0
PLACE: Final = Place(48.1, 11.6)
BEGIN: Final = 1_750_000_000.0 // 86_400.0 * 86_400.0
"""A midnight in June, Unix s; monotonic time is counted from 1000 s."""
MONO: Final = 1000.0


@dataclass(frozen=True)
class Record:
    """`power` [slots, houses] W + j var, one slot a minute; `pv_w` [houses]."""

    power: NDArray[np.complex128]
    pv_w: NDArray[np.float64]

    @property
    def houses(self) -> int:
        return int(self.power.shape[1])

    def blend(self) -> SurvivalBlend:
        return SurvivalBlend(self.houses, 20.0, self.pv_w <= 0.0)

    def tracker(self, place: Place | None = PLACE) -> FeatureTracker:
        return FeatureTracker(self.houses, self.pv_w, None, place)

    def drive(
        self, blend: SurvivalBlend, tracker: FeatureTracker, slots: range, every: int = 1
    ) -> Iterator[tuple[int, float, float]]:
        """Let both see the slots; gives slot, now and wall after each `every`th."""
        everybody = np.arange(self.houses)
        for slot in slots:
            now, wall = MONO + slot * STEP_S, BEGIN + slot * STEP_S
            at = np.full(self.houses, now)
            blend.observe(everybody, self.power[slot], at, wall, LONGEST_S)
            tracker.observe(everybody, self.power[slot], at, LONGEST_S)
            blend.learn(now, wall, H)
            tracker.tick(now, wall, blend.now.real)
            if slot % every == 0:
                yield slot, now, wall


def record(houses: int = 12, days: float = 1.0, seed: int = 5, roofs: int = 4) -> Record:
    chance = np.random.default_rng(seed)
    slots = int(days * 1440)
    power = np.full((slots, houses), 150.0) + chance.normal(0.0, 20.0, (slots, houses))
    for house in range(houses):
        slot = int(chance.integers(60))
        while slot < slots:
            lasts = int(chance.choice([2, 4, 45, 90, 180]))
            power[slot : slot + lasts, house] += chance.choice([600.0, 2000.0, 2200.0, 3600.0])
            slot += lasts + int(chance.integers(20, 240))
    pv_w = np.where(np.arange(houses) < roofs, 5000.0, 0.0)
    walls: NDArray[np.float64] = BEGIN + np.arange(float(slots)) * STEP_S
    sun = clear_sky(walls, PLACE)
    clouds = np.clip(0.7 + np.cumsum(chance.normal(0.0, 0.03, slots)), 0.1, 1.0)
    power -= 0.8 * (sun * clouds)[:, None] * pv_w
    return Record(power + 0.1j * np.abs(power), pv_w)
