"""Ten-minute means of voltages or unbalance factors, as EN 50160 judges them.

Streaming and vectorised over channels (houses, phases, or the feeder's one VUF). Time is handed in, and it is
wall-clock time: IEC 61000-4-30 aligns the ten-minute aggregates to the clock. The week's record of them is in `weeks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Floats

WINDOW_S: Final = 600.0
MIN_COVERAGE: Final = 0.5
"""A window of which less than this was measured is marked and never judged."""


@dataclass(frozen=True, slots=True)
class WindowMeans:
    """One closed window: all arrays (channels,)."""

    start: int
    """Unix seconds, a multiple of `WINDOW_S`."""
    mean: Floats
    """In the unit of what was added; NaN where nothing was measured."""
    coverage: Floats
    """Measured part of the window, 0 to 1."""

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Where enough was measured to judge the mean."""
        return self.coverage >= MIN_COVERAGE

    @property
    def judged_mean(self) -> Floats:
        """The mean where it may be judged, else NaN."""
        return np.where(self.judged, self.mean, np.nan)


class TenMinuteMeans:
    """Turns values that arrive at any times into the aggregates of wall-clock-aligned ten-minute windows.

    Each value holds until the next call, but at most `hold_s`; what lies beyond is a gap, as is NaN. The aggregate is
    the square root of the time-weighted mean square, as IEC 61000-4-30 (5.2.4) aggregates r.m.s. values.
    """

    def __init__(self, channels: int, hold_s: float = 180.0) -> None:
        """`hold_s` in (0, 600]: how long a value stands for itself; ValueError outside."""
        if not 0.0 < hold_s <= WINDOW_S:
            raise ValueError(f"hold_s = {hold_s:g} must be above 0 and at most {WINDOW_S:g} s")
        self._hold_s = hold_s
        self._square_s: Floats = np.zeros(channels)
        self._measured_s: Floats = np.zeros(channels)
        self._square: Floats = np.full(channels, np.nan)
        self._last: float | None = None
        self._start = 0.0
        self.clock_steps = 0
        """How often the wall clock went backwards; each time the open window is begun anew, since its span is no
        longer known.
        """

    def add(self, wall: float, values: Floats) -> tuple[WindowMeans, ...]:
        """Take the values (channels,) that hold from `wall` (Unix seconds) on, NaN where unknown; give the windows now
        closed.

        At most two windows close in one call, however long the pause: windows in which nothing at all was heard are
        not returned.
        """
        closed: tuple[WindowMeans, ...] = ()
        if self._last is None or wall < self._last:
            self.clock_steps += self._last is not None
            self._begin(_window_of(wall))
        else:
            closed = self._run_to(wall, self._last)
        self._last = wall
        self._square = np.square(values)
        return closed

    def _run_to(self, wall: float, last: float) -> tuple[WindowMeans, ...]:
        """Let the values held since `last` count up to `wall` or to the end of their hold, closing the windows
        passed.
        """
        closed: list[WindowMeans] = []
        held_from, held_to = last, min(wall, last + self._hold_s)
        while wall >= self._start + WINDOW_S:
            end = self._start + WINDOW_S
            self._accumulate(min(held_to, end) - held_from)
            if self._measured_s.any():
                closed.append(self._close())
            held_from = min(held_to, end)
            # Windows that nothing reaches into are passed in one stride, so that a long pause costs nothing.
            self._begin(end if held_to > end else _window_of(wall))
        self._accumulate(held_to - held_from)
        return tuple(closed)

    def _accumulate(self, span_s: float) -> None:
        if span_s <= 0.0:
            return
        known = np.isfinite(self._square)
        self._square_s += np.where(known, self._square * span_s, 0.0)
        self._measured_s += known * span_s

    def _close(self) -> WindowMeans:
        mean_square = np.divide(
            self._square_s, self._measured_s, out=np.full(self._square_s.shape, np.nan), where=self._measured_s > 0
        )
        return WindowMeans(int(self._start), np.sqrt(mean_square), self._measured_s / WINDOW_S)

    def _begin(self, start: float) -> None:
        self._start = start
        self._square_s = np.zeros_like(self._square_s)
        self._measured_s = np.zeros_like(self._measured_s)


def _window_of(wall: float) -> float:
    return wall // WINDOW_S * WINDOW_S
