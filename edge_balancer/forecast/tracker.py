"""What a learned forecast is told of each house beyond what the blend holds: its last steps, its unrest, its day. Pure.

It sees what the blend sees, reading by reading, and nothing later. Turning it into a model's inputs is the work of
`features`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.sun import ClearSky, Place
from edge_balancer.forecast.unrest import Unrest
from edge_balancer.forecast.usual import pack, unpack
from edge_balancer.types.kept import KeptHouses

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

STEP_W: Final = 300.0
"""A change of this much from one reading to the next is an appliance that was switched."""
MERGE_S: Final = 90.0
"""Steps of one direction within this belong together: a meter's mean shows half of a kettle first."""
LEVEL_TAU_S: Final = 60.0
DAY_S: Final = 86_400.0
LARGEST_W: Final = 1e6


class FeatureTracker:
    """State of `houses` houses. Times are monotonic seconds, powers W; import is positive."""

    def __init__(
        self,
        houses: int,
        pv_w: Floats | None = None,
        counts: NDArray[np.bool_] | None = None,
        place: Place | None = None,
    ) -> None:
        """`pv_w` [houses]: rating of each house's PV, 0 without. `counts` [houses]: who makes up the feeder's sums.
        `place`: where the feeder stands, None where that is not known."""
        self.pv_w: Floats = np.zeros(houses) if pv_w is None else np.asarray(pv_w, dtype=np.float64)
        self.counts = np.ones(houses, dtype=bool) if counts is None else counts
        self.sky = ClearSky(place)
        self.now: float = 0.0
        """Of the last `tick`: ages count from it."""
        self.at: Floats = np.full(houses, -np.inf)
        """Of each house's last reading."""
        self._level: Floats = np.zeros(houses)
        self.up_at: Floats = np.full(houses, -np.inf)
        self.up_w: Floats = np.zeros(houses)
        self.before_up_w: Floats = np.zeros(houses)
        """What the house drew before its load last stepped up."""
        self.down_at: Floats = np.full(houses, -np.inf)
        self.down_w: Floats = np.zeros(houses)
        """Size of the last step down, positive."""
        self.on_s: Floats = np.full(houses, np.inf)
        """From the last step up that was followed by a step down until that one."""
        self.off_s: Floats = np.full(houses, np.inf)
        """From the step down before the last step up until that one."""
        self._unrest = Unrest(houses)
        self._seen_s: Floats = np.zeros(houses)
        self._day: Floats = np.zeros(houses)
        self._day_square: Floats = np.zeros(houses)
        self.lowest_w: Floats = np.full(houses, np.inf)
        self.highest_w: Floats = np.full(houses, -np.inf)
        """What each house has done: no reading was outside."""

    def __len__(self) -> int:
        return len(self.at)

    def observe(self, index: NDArray[np.intp], load: Complex, at: Floats, longest_s: float | Floats) -> None:
        """Take readings of distinct houses, as the blend does: `index`, `load` (P + jQ), `at` of shape [n]. A gap
        longer than `longest_s` starts the house afresh: steps are forgotten, its day is not."""
        p = np.clip(load.real, -LARGEST_W, LARGEST_W)
        dt = at - self.at[index]
        fresh = ~(dt <= longest_s)  # also for a house that was never heard
        dt = np.where(fresh, 0.0, np.maximum(dt, 0.0))
        self.at[index] = at
        self._take_steps(index, p, at, dt, fresh)
        self._unrest.observe(index, p, dt, fresh)
        self._take_day(index, p, dt)

    def _take_steps(self, index: NDArray[np.intp], p: Floats, at: Floats, dt: Floats, fresh: NDArray[np.bool_]) -> None:
        some = index[fresh]
        if len(some):
            for ages, start in (
                (self.up_at, -np.inf),
                (self.down_at, -np.inf),
                (self.on_s, np.inf),
                (self.off_s, np.inf),
            ):
                ages[some] = start
            self.up_w[some] = self.down_w[some] = 0.0
            self.before_up_w[some] = p[fresh]
        level = np.where(fresh, p, self._level[index])
        change = p - level
        stepped = np.abs(change) > STEP_W
        if stepped.any():
            self._note(index, level, change, at, stepped & (change > 0.0), up=True)
            self._note(index, level, change, at, stepped & (change < 0.0), up=False)
        follow = -np.expm1(-dt / LEVEL_TAU_S)
        self._level[index] = np.where(stepped, p, level + follow * change)

    def _note(
        self, index: NDArray[np.intp], level: Floats, change: Floats, at: Floats, which: NDArray[np.bool_], *, up: bool
    ) -> None:
        house, size, when = index[which], np.abs(change[which]), at[which]
        mine, other = (self.up_at, self.down_at) if up else (self.down_at, self.up_at)
        sizes = self.up_w if up else self.down_w
        goes_on = (when - mine[house] <= MERGE_S) & (mine[house] >= other[house])
        sizes[house] = np.where(goes_on, sizes[house] + size, size)
        new = house[~goes_on]
        (self.off_s if up else self.on_s)[new] = when[~goes_on] - other[new]
        mine[new] = when[~goes_on]
        if up:
            self.before_up_w[new] = level[which][~goes_on]

    def _take_day(self, index: NDArray[np.intp], p: Floats, dt: Floats) -> None:
        seen = np.minimum(self._seen_s[index] + dt, DAY_S)
        step = np.divide(dt, seen, out=np.zeros_like(dt), where=seen > 0.0)
        step = np.minimum(step, 1.0)
        self._day[index] += step * (p - self._day[index])
        self._day_square[index] += step * (p**2 - self._day_square[index])
        self._seen_s[index] = seen
        self.lowest_w[index] = np.minimum(self.lowest_w[index], p)
        self.highest_w[index] = np.maximum(self.highest_w[index], p)

    def tick(self, now: float, wall: float, present_w: Floats) -> None:
        """All readings up to `now` were taken; `present_w` [houses] is what houses draw by the blend."""
        self.now = now
        self.sky.observe(wall, self.roofs_share(present_w))

    def roofs_share(self, present_w: Floats) -> float:
        """Export of all houses with PV over what their plants are rated, of those that were heard."""
        roofs = (self.pv_w > 0.0) & np.isfinite(self.at)
        rated = float(self.pv_w[roofs].sum())
        return 0.0 if rated <= 0.0 else float(np.maximum(-present_w[roofs], 0.0).sum()) / rated

    @property
    def unrest_w(self) -> Floats:
        """[houses] root mean square of the load about its own mean of ten minutes, over the last half hour."""
        return self._unrest.root_w

    @property
    def known(self) -> NDArray[np.bool_]:
        """[houses] who was heard for a whole day: before, what a house is like is what a morning or a night is like."""
        return np.asarray(self._seen_s >= DAY_S)

    @property
    def day_w(self) -> Floats:
        """[houses] mean of about the last day."""
        return self._day

    @property
    def day_deviation_w(self) -> Floats:
        """[houses] standard deviation over about the last day."""
        return np.sqrt(np.maximum(self._day_square - self._day**2, 0.0))

    def learned(self) -> dict[str, Any]:
        """What is worth keeping over a restart: the days, what each house has done, the sky. Steps are not."""
        kept = np.stack([self._seen_s, self._day, self._day_square, self.lowest_w, self.highest_w])
        return {"houses": pack(kept.astype(np.float32)), "sky": self.sky.learned()}

    def relearn(self, learned: Any, houses: KeptHouses) -> bool:
        """Take back what `learned()` gave, of `houses`. False where it does not fit; nothing is changed then."""
        try:
            kept = unpack(learned["houses"], np.float32, (5, houses.count)).astype(np.float64)
        except (KeyError, TypeError, ValueError):
            return False
        if np.isnan(kept).any() or not np.isfinite(kept[:3]).all() or (kept[0] < 0.0).any():
            return False
        kept[0] = np.minimum(kept[0], DAY_S)
        for record, into in zip(
            kept, (self._seen_s, self._day, self._day_square, self.lowest_w, self.highest_w), strict=True
        ):
            houses.place(record, into)
        self.sky.relearn(learned.get("sky"))
        return True
