"""The survival blend: a forecast of each house's net load from its own past, without a model file.

A house's load has a slow part (a moving mean) and a fast part (what is on just now). The fast part dies out within
minutes, as appliances do; the slow part returns to the house's mean at this time of day. It is the fallback that every
learned model must beat, and the advisor while none is installed. Pure: time is handed in.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.horizon import Horizon

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

SLOW_HALF_LIFE_S: Final = 20 * 60.0
SLOW_DECAY_S: Final = 90 * 60.0
FAST_DECAY_S: Final = 6 * 60.0
DAY_S: Final = 86_400.0
BINS: Final = 48
"""Half hours of a day. Days are UTC days: only the period matters, and UTC has no changes of summer time."""
MEMORY_DAYS: Final = 7.0
"""The time-of-day mean forgets with this time constant, so that it follows seasons and habits."""


class SurvivalBlend:
    """State for `houses` houses; complex values are P + jQ in W and var."""

    def __init__(self, houses: int, smoothing_s: float) -> None:
        self._smoothing_s = smoothing_s
        self.now: Complex = np.zeros(houses, dtype=np.complex128)
        """The present load, with the inrush smoothed out."""
        self._slow: Complex = np.zeros(houses, dtype=np.complex128)
        self._since: Floats = np.full(houses, np.nan)
        self._day: Complex = np.zeros((houses, BINS), dtype=np.complex128)
        self._days: NDArray[np.float64] = np.zeros((houses, BINS))
        self._bin_sum: Complex = np.zeros(houses, dtype=np.complex128)
        self._bin_weight: Floats = np.zeros(houses)
        self._bin = -1

    def observe(self, index: NDArray[np.intp], load: Complex, at: Floats, wall: float, longest_s: float) -> None:
        """Take readings of distinct houses: `index`, `load`, `at` (monotonic s) of shape [n].

        A gap longer than `longest_s` starts the house afresh: what it did before says nothing about its present level.
        """
        self._turn_page(wall)
        since = self._since[index]
        dt = at - since
        fresh = ~(dt <= longest_s)  # also where `since` is NaN
        dt = np.where(fresh, 0.0, np.maximum(dt, 0.0))
        before = self.now[index]
        slow = self._slow[index]
        # A reading stands for the time since the last one; the mean of both ends is its best account (trapezium).
        if self._smoothing_s > 0:
            weight = -np.expm1(-dt / self._smoothing_s)
            present = np.where(fresh, load, before + weight * (load - before))
        else:
            present = load
        decay = -np.expm1(-dt * (np.log(2.0) / SLOW_HALF_LIFE_S))
        slow = np.where(fresh, load, slow + decay * (load - slow))
        self.now[index] = present
        self._slow[index] = slow
        self._since[index] = at
        self._bin_sum[index] += np.where(fresh, 0.0, dt) * load
        self._bin_weight[index] += np.where(fresh, 0.0, dt)

    def _turn_page(self, wall: float) -> None:
        """At each new half hour, fold the finished one into the time-of-day mean."""
        page = int(wall % DAY_S // (DAY_S / BINS))
        if page == self._bin:
            return
        if self._bin >= 0:
            seen = np.flatnonzero(self._bin_weight > 0)
            days = self._days[seen, self._bin]
            mean = self._bin_sum[seen] / self._bin_weight[seen]
            step = 1.0 / np.minimum(days + 1.0, MEMORY_DAYS)
            self._day[seen, self._bin] += step * (mean - self._day[seen, self._bin])
            self._days[seen, self._bin] = days + 1.0
        self._bin = page
        self._bin_sum[:] = 0.0
        self._bin_weight[:] = 0.0

    def usual(self, wall: float, horizon: Horizon) -> Complex:
        """The time-of-day mean over each block, shape [houses, blocks]; the slow part where nothing is known yet."""
        ahead, block = _samples(horizon)
        mean, weight = self._known_at(wall, ahead)
        total = np.add.reduceat(weight, block, axis=1)
        known = np.add.reduceat(mean * weight, block, axis=1) / np.maximum(total, 1e-9)
        return np.where(total > 0, known, self._slow[:, None])

    def _usual_at(self, wall: float, ahead_s: Floats) -> Complex:
        mean, weight = self._known_at(wall, ahead_s)
        return np.where(weight > 0, mean, self._slow[:, None])

    def _known_at(self, wall: float, ahead_s: Floats) -> tuple[Complex, Floats]:
        """The time-of-day mean at instants `ahead_s` [n] from now, and how much is known of it, [houses, n] each."""
        bins = ((wall + ahead_s) % DAY_S // (DAY_S / BINS)).astype(np.intp)
        # Half-hour means of one house and few days are rough: take the neighbours in (1-2-1).
        near = np.stack([(bins - 1) % BINS, bins, (bins + 1) % BINS])
        weight = np.minimum(self._days[:, near], 1.0) * np.array([1.0, 2.0, 1.0])[None, :, None]
        total = weight.sum(axis=1)
        return (self._day[:, near] * weight).sum(axis=1) / np.maximum(total, 1e-9), total

    def estimate(self, wall: float, age_s: Floats) -> Complex:
        """What each house draws by now, shape [houses], if its last reading is `age_s` old: what was on has died out,
        and the level has gone back towards the usual of this time of day. Zero for a house that was never heard."""
        usual = self._usual_at(wall, np.zeros(1))[:, 0]
        age = np.where(np.isfinite(age_s), np.maximum(age_s, 0.0), np.inf)
        slow = usual + (self._slow - usual) * np.exp(-age / SLOW_DECAY_S)
        guess = slow + (self.now - self._slow) * np.exp(-age / FAST_DECAY_S)
        return np.where(np.isnan(self._since), 0.0, guess)

    def forecast(self, wall: float, horizon: Horizon) -> Complex:
        """Mean net load of each house in each block, shape [houses, blocks]."""
        fast_left = _mean_decay(horizon, FAST_DECAY_S)
        slow_left = _mean_decay(horizon, SLOW_DECAY_S)
        usual = self.usual(wall, horizon)
        fast = (self.now - self._slow)[:, None] * fast_left
        return usual + (self._slow[:, None] - usual) * slow_left + fast

    def learned(self) -> dict[str, Any]:
        """What is worth keeping over a restart: the time-of-day means."""
        return {
            "bins": BINS,
            "day": _pack(self._day.astype(np.complex64)),
            "days": _pack(self._days.astype(np.float32)),
        }

    def relearn(self, learned: Any) -> bool:
        """Take back what `learned()` gave. False where it does not fit these houses; nothing is changed then."""
        try:
            day = np.frombuffer(base64.b64decode(learned["day"]), dtype=np.complex64).reshape(self._day.shape)
            days = np.frombuffer(base64.b64decode(learned["days"]), dtype=np.float32).reshape(self._days.shape)
        except (KeyError, TypeError, ValueError):
            return False
        if not (np.isfinite(day).all() and np.isfinite(days).all() and (days >= 0.0).all()):
            return False
        self._day[:] = day
        self._days[:] = days
        return True


def _samples(horizon: Horizon) -> tuple[Floats, NDArray[np.intp]]:
    """Instants (s from now) that stand for the blocks, at most half an hour apart, and where each block's begin."""
    count = np.maximum(1, np.ceil((horizon.ends_s - horizon.starts_s) / (DAY_S / BINS))).astype(np.intp)
    block = np.repeat(np.arange(len(count)), count)
    first = np.concatenate(([0], np.cumsum(count)[:-1]))
    step = (np.arange(len(block)) - first[block] + 0.5) / count[block]
    return horizon.starts_s[block] + step * (horizon.ends_s - horizon.starts_s)[block], first


def _mean_decay(horizon: Horizon, tau_s: float) -> Floats:
    """Mean of exp(-t/tau) over each block."""
    span = horizon.ends_s - horizon.starts_s
    return np.asarray((tau_s / span) * (np.exp(-horizon.starts_s / tau_s) - np.exp(-horizon.ends_s / tau_s)))


def _pack(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
