"""The last week of ten-minute means against their limits: the judgement of EN 50160.

Keeps one byte per channel and window, 1008 windows; the means themselves belong to the store.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Floats
from edge_balancer.analysis.windows import WINDOW_S, WindowMeans
from edge_balancer.settings.feeder import FeederSettings

WINDOWS_PER_WEEK: Final = 1008
ALLOWED_OUTSIDE_PCT: Final = 5.0
"""EN 50160: 95 % of a week's ten-minute means must be within the limits."""

_JUDGED, _BELOW, _ABOVE, _EXTREME = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)
_UNUSED: Final = -1


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on ten-minute means, in the unit of the means; a mean on a limit is within it."""

    low: float
    high: float
    extreme_low: float = -math.inf
    """Not one mean may be below."""
    extreme_high: float = math.inf
    """Not one mean may be above."""


def voltage_limits(feeder: FeederSettings) -> Limits:
    """The limits of the line-to-neutral voltages, V (EN 50160, 4.2.2: 95 % of a week, and always)."""
    limits = feeder.limits
    return Limits(
        low=feeder.volts(limits.low_pct),
        high=feeder.volts(limits.high_pct),
        extreme_low=feeder.volts(limits.extreme_low_pct),
        extreme_high=feeder.volts(limits.extreme_high_pct),
    )


def vuf_limits(feeder: FeederSettings) -> Limits:
    """The limits of the voltage unbalance factor, percent (EN 50160, 4.2.4: 95 % of a week)."""
    return Limits(low=-math.inf, high=feeder.limits.vuf_pct)


@dataclass(frozen=True, slots=True)
class WeekVerdict:
    """The judged windows of the last week, all arrays (channels,)."""

    judged: NDArray[np.int64]
    """Windows with enough coverage; a whole week has 1008."""
    below_pct: Floats
    """Share of them below the low limit, percent; NaN where none was judged."""
    above_pct: Floats
    """Share of them above the high limit, percent; NaN where none was judged."""
    extreme: NDArray[np.int64]
    """Windows outside the limits that must always hold."""

    @property
    def outside_pct(self) -> Floats:
        """Share of the judged windows outside the limits, percent."""
        return self.below_pct + self.above_pct

    @property
    def within(self) -> NDArray[np.bool_]:
        """Where both rules hold so far. False where nothing was judged: not measured is not in order."""
        result: NDArray[np.bool_] = (self.outside_pct <= ALLOWED_OUTSIDE_PCT) & (self.extreme == 0)
        return result


class WeekOfWindows:
    """How the windows of the last week stood to the limits; memory is 1008 * (channels + 8) bytes and some counts."""

    def __init__(self, channels: int, limits: Limits) -> None:
        self._limits = limits
        self._flags = np.zeros((WINDOWS_PER_WEEK, channels), dtype=np.uint8)
        self._index = np.full(WINDOWS_PER_WEEK, _UNUSED, dtype=np.int64)

    def record(self, window: WindowMeans) -> None:
        """Judge one closed window. A window that is lived twice (the clock was set back) counts as it was last."""
        limits, mean = self._limits, window.mean
        flags = (
            _JUDGED
            | np.where(mean < limits.low, _BELOW, 0)
            | np.where(mean > limits.high, _ABOVE, 0)
            | np.where((mean < limits.extreme_low) | (mean > limits.extreme_high), _EXTREME, 0)
        )
        index = int(window.start // WINDOW_S)
        slot = index % WINDOWS_PER_WEEK
        self._index[slot] = index
        self._flags[slot] = np.where(window.judged, flags, 0)

    def verdict(self, wall: float) -> WeekVerdict:
        """The week up to `wall` (Unix seconds). Windows from before it, or from ahead of a clock that was wrong, do
        not count.
        """
        now = int(wall // WINDOW_S)
        flags = self._flags[
            (self._index > now - WINDOWS_PER_WEEK - 1) & (self._index <= now) & (self._index != _UNUSED)
        ]
        judged = np.count_nonzero(flags & _JUDGED, axis=0)
        extreme = np.count_nonzero(flags & _EXTREME, axis=0)
        return WeekVerdict(judged, _share(flags & _BELOW, judged), _share(flags & _ABOVE, judged), extreme)


def _share(flags: NDArray[np.uint8], judged: NDArray[np.int64]) -> Floats:
    result: Floats = 100.0 * np.count_nonzero(flags, axis=0) / np.where(judged > 0, judged, np.nan)
    return result
