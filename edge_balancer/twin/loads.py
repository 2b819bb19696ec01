"""What each house consumes, at one instant or as a series. No PV here, and no phases."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import numpy as np

from edge_balancer.twin.appliances import APPLIANCES, Pulses, day_pulses
from edge_balancer.twin.houses import Houses
from edge_balancer.twin.noise import Floats, keys, value_noise
from edge_balancer.twin.options import TwinOptions

# No programme lasts longer than this, so an instant needs the pulses of its day and of the day before.
_DAYS_BACK: Final = 1
_KEPT_DAYS: Final = 4
_WEEKEND: Final = (2, 3)  # Days since 1970-01-01 modulo 7: that day was a Thursday.
_BASE_SWING: Final = 0.25
_BASE_SWING_S: Final = 2400.0


class LoadModel:
    """Consumption of the houses, W and var, positive. Its only state is a cache of the days it was last asked for."""

    def __init__(self, options: TwinOptions, houses: Houses) -> None:
        self._options = options
        self._houses = houses
        rng = np.random.default_rng([options.seed, 2])
        share = np.array([a.owned for a in APPLIANCES])
        self._owned = rng.uniform(size=(len(APPLIANCES), len(houses))) < share[:, None]
        self._keys = keys(rng, len(houses))
        self._days: OrderedDict[int, Pulses] = OrderedDict()

    def _day(self, day: int) -> Pulses:
        """Pulses that begin on a local day, in Unix seconds."""
        pulses = self._days.get(day)
        if pulses is None:
            # A generator of its own for each day, so that any day can be asked for in any order.
            rng = np.random.default_rng([self._options.seed, 3, day])
            weekend = day % 7 in _WEEKEND
            pulses = day_pulses(self._houses, self._owned, weekend, rng).shifted(self._options.local_midnight(day))
            self._days[day] = pulses
            if len(self._days) > _KEPT_DAYS:
                self._days.popitem(last=False)
        return pulses

    def _base(self, wall: Floats) -> Floats:
        """Standby and always-on consumption, W; `wall` broadcasts against houses on the last axis."""
        return self._houses.base_w * (1.0 + _BASE_SWING * (value_noise(wall / _BASE_SWING_S, self._keys) - 0.5))

    def at(self, wall: float) -> tuple[Floats, Floats]:
        """P and Q of each house at one instant (Unix seconds)."""
        n = len(self._houses)
        p = self._base(np.array([wall]))
        q = p * self._houses.base_tan_phi
        today = self._options.local_day(wall)
        for day in range(today - _DAYS_BACK, today + 1):
            pulses = self._day(day)
            on = np.flatnonzero((pulses.start <= wall) & (wall < pulses.end))
            p += np.bincount(pulses.house[on], pulses.p[on], n)
            q += np.bincount(pulses.house[on], pulses.q[on], n)
        return p, q

    def series(self, start: float, period: float, count: int, *, mean: bool) -> tuple[Floats, Floats]:
        """P and Q at `start + k * period`, each of shape (count, houses).

        With `mean` a value is the exact mean over the period that ends at its instant, as an averaging meter reports;
        otherwise it is the value at the instant, as `at` gives it.
        """
        n = len(self._houses)
        stamps: Floats = start + period * np.arange(count, dtype=np.float64)
        p_steps = np.zeros(((count + 3), n))
        q_steps = np.zeros(((count + 3), n))
        first = self._options.local_day(start - period) - _DAYS_BACK
        for day in range(first, self._options.local_day(float(stamps[-1])) + 1):
            pulses = self._day(day)
            for edge, sign in ((pulses.start, 1.0), (pulses.end, -1.0)):
                x = ((edge - start) / period).clip(-1.0, float(count))
                k = np.ceil(x)
                # The part of the period ending at k that lies after the edge; the rest of the step falls into the next.
                early = k - x if mean else np.ones_like(x)
                cell = (k.astype(np.int64) + 1) * n + pulses.house
                for steps, power in ((p_steps, pulses.p), (q_steps, pulses.q)):
                    flat = steps.reshape(-1)
                    flat += np.bincount(cell, sign * power * early, flat.size)
                    if mean:
                        flat += np.bincount(cell + n, sign * power * (1.0 - early), flat.size)
        middle = stamps - period / 2.0 if mean else stamps
        base = self._base(middle[:, None])
        p = base + np.cumsum(p_steps, axis=0)[1 : count + 1]
        q = base * self._houses.base_tan_phi + np.cumsum(q_steps, axis=0)[1 : count + 1]
        return p, q
