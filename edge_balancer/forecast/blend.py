"""The survival blend: a forecast of each house's net load from its own past, without a model file.

What a house draws now above its usual day dies out: fast where it came a minute ago, slowly where it has stood for
hours; how fast is learned for each house (`survival`). It is the fallback that every learned model must beat, and the
advisor while none is installed. Pure: time is handed in.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.horizon import Horizon
from edge_balancer.forecast.levels import Levels
from edge_balancer.forecast.sessions import Sessions
from edge_balancer.forecast.survival import Survival
from edge_balancer.forecast.unrest import FeederUnrest
from edge_balancer.forecast.usual import BINS, DAY_S, UsualDay
from edge_balancer.types.kept import KeptHouses

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

STEADY_DECAY_S: Final = 90 * 60.0
FAST_DECAY_S: Final = 6 * 60.0
"""By which a silent house's last reading is aged: there is nothing new to tell its parts apart."""


class SurvivalBlend:
    """State for `houses` houses; complex values are P + jQ in W and var."""

    name: Final = "survival blend"

    def __init__(
        self,
        houses: int,
        smoothing_s: float,
        learns: NDArray[np.bool_] | None = None,
        counts: NDArray[np.bool_] | None = None,
    ) -> None:
        """`learns` [houses]: whose own record may change how their load is held to die out, and who has sessions.
        `counts` [houses]: whose errors add up to that of the sum. Both all, where not given."""
        everybody = np.ones(houses, dtype=bool)
        self._learns = everybody if learns is None else learns
        self._counts = everybody if counts is None else counts
        self._smoothing_s = smoothing_s
        self.now: Complex = np.zeros(houses, dtype=np.complex128)
        """The present load, with the inrush smoothed out."""
        self._since: Floats = np.full(houses, np.nan)
        self._energy: Floats = np.zeros(houses)
        self._seen: Floats = np.zeros(houses)
        self._levels = Levels(houses)
        self._sessions = Sessions(houses)
        self._survival = Survival(houses, self._learns)
        self._usual = UsualDay(houses)
        self._unrest = FeederUnrest(self._counts)

    def observe(
        self, index: NDArray[np.intp], load: Complex, at: Floats, wall: float, longest_s: float | Floats
    ) -> None:
        """Take readings of distinct houses: `index`, `load`, `at` (monotonic s) of shape [n].

        A gap longer than `longest_s` (of each, or of all) starts the house afresh: what it did before says nothing
        about its present level, and a single reading little. It begins from its usual day, where that is known.
        """
        self._usual.turn_page(wall)
        dt = at - self._since[index]
        longest = np.broadcast_to(longest_s, len(index))
        fresh = ~(dt <= longest)  # also where `since` is NaN
        dt = np.where(fresh, 0.0, np.maximum(dt, 0.0))
        before = self.now[index]
        # A reading stands for the time since the last one.
        if self._smoothing_s > 0:
            weight = -np.expm1(-dt / self._smoothing_s)
            present = np.where(fresh, load, before + weight * (load - before))
        else:
            present = load
        self.now[index] = present
        self._since[index] = at
        self._energy[index] += dt * load.real
        self._seen[index] += dt
        begin = self._begin(index, load, wall) if fresh.any() else load
        self._levels.observe(index, load, dt, fresh, begin)
        # A roof under clouds looks like a car that comes and goes.
        some = self._learns[index]
        self._sessions.observe(index[some], load[some], dt[some], fresh[some], begin[some])
        self._usual.add(index, load, dt)
        self._unrest.observe(index, load.real, dt, fresh, at + longest)

    def _begin(self, index: NDArray[np.intp], load: Complex, wall: float) -> Complex:
        """The level that a house begins at after a gap, [n]."""
        mean, weight = self._usual.known_at(wall, np.zeros(1))
        return np.where(weight[index, 0] > 0.0, mean[index, 0], load)

    def learn(self, now: float, wall: float, horizon: Horizon) -> None:
        """Let the houses' survival be learned; to be called often, it takes a sample when one is due."""
        self._unrest.follow(now)
        if not self._survival.due(now):
            return
        usual = self.usual(wall, horizon).real
        rest = self._levels.slowest.real[:, None] - usual
        self._survival.sample(now, self._parts().real, rest, usual, self._energy, self._seen)

    def _parts(self) -> Complex:
        """[parts - 1, houses]: the steps between the levels and the session."""
        return np.concatenate([self._levels.steps(self.now), self._sessions.level[None, :]])

    @property
    def levels(self) -> Levels:
        """The moving means, to be looked at."""
        return self._levels

    @property
    def sessions(self) -> Sessions:
        """The sessions, to be looked at."""
        return self._sessions

    @property
    def measured(self) -> tuple[Floats, Floats]:
        """[houses] active energy (W s) and the seconds (s) that it was measured in, both since the beginning."""
        return self._energy, self._seen

    def usual(self, wall: float, horizon: Horizon) -> Complex:
        """The time-of-day mean over each block, shape [houses, blocks]; the steady part where nothing is known yet."""
        ahead, block = _samples(horizon)
        mean, weight = self._usual.known_at(wall, ahead)
        total = np.add.reduceat(weight, block, axis=1)
        known = np.add.reduceat(mean * weight, block, axis=1) / np.maximum(total, 1e-9)
        return np.where(total > 0, known, self._levels.steady[:, None])

    def estimate(self, wall: float, age_s: Floats) -> Complex:
        """What each house draws by now, shape [houses], if its last reading is `age_s` old: what was on has died out,
        and the level has gone back towards the usual of this time of day. Zero for a house that was never heard."""
        mean, weight = self._usual.known_at(wall, np.zeros(1))
        steady = self._levels.steady
        usual = np.where(weight > 0, mean, steady[:, None])[:, 0]
        age = np.where(np.isfinite(age_s), np.maximum(age_s, 0.0), np.inf)
        level = usual + (steady - usual) * np.exp(-age / STEADY_DECAY_S)
        guess = level + (self.now - steady) * np.exp(-age / FAST_DECAY_S)
        return np.where(np.isnan(self._since), 0.0, guess)

    def forecast(self, wall: float, horizon: Horizon) -> Complex:
        """Mean net load of each house in each block, shape [houses, blocks]."""
        return self.upon(self.usual(wall, horizon))

    def upon(self, usual: Complex) -> Complex:
        """The forecast [houses, blocks] upon what is usual in these blocks, as `usual` gave it."""
        left = self._survival.left
        parts = np.einsum("hbk,kh->hb", left[:, :, :-1], self._parts())
        return np.asarray(usual + parts + left[:, :, -1] * (self._levels.slowest[:, None] - usual))

    def error_va(self, first_va: float) -> Floats:
        """Standard error of the forecast of all houses' sum, [blocks], VA: what is on record, by the unrest of this
        hour. `first_va`: of a house of which nothing is known, the root mean square of its load."""
        return self._survival.error_va(first_va, self._counts) * self.unrest

    @property
    def unrest(self) -> float:
        """How restless the feeder's loads are, against what is usual; 1 in an ordinary hour."""
        return self._unrest.relative

    def learned(self) -> dict[str, Any]:
        """What is worth keeping over a restart: the time-of-day means, how loads die out, what unrest is usual."""
        return {**self._usual.learned(), "survival": self._survival.learned(), "unrest": self._unrest.learned()}

    def relearn(self, learned: Any, houses: KeptHouses) -> bool:
        """Take back what `learned()` gave, of `houses`. False where it does not fit; nothing is changed then."""
        if not self._usual.relearn(learned, houses):
            return False
        self._survival.relearn(learned.get("survival"), houses)
        if 2 * np.count_nonzero(houses.known) > len(houses.known):
            # Of another feeder it would tell nothing.
            self._unrest.relearn(learned.get("unrest"))
        return True


def _samples(horizon: Horizon) -> tuple[Floats, NDArray[np.intp]]:
    """Instants (s from now) that stand for the blocks, at most half an hour apart, and where each block's begin."""
    count = np.maximum(1, np.ceil((horizon.ends_s - horizon.starts_s) / (DAY_S / BINS))).astype(np.intp)
    block = np.repeat(np.arange(len(count)), count)
    first = np.concatenate(([0], np.cumsum(count)[:-1]))
    step = (np.arange(len(block)) - first[block] + 0.5) / count[block]
    return horizon.starts_s[block] + step * (horizon.ends_s - horizon.starts_s)[block], first
