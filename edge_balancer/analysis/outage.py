"""When the feeder's supply or telemetry was away, and when it has been back long enough. Time is handed in."""

from __future__ import annotations

import math

DARK = 0.5
"""An outage begins when more than half of the houses that report have no supply, or when fewer report than half of what
automatic switching asks for."""


class OutageWatch:
    """Tells until when (monotonic s) the feeder must be left alone: infinity during an outage, then a cool-down from
    its end."""

    def __init__(self, min_coverage: float, cooldown_s: float) -> None:
        self._min_coverage = min_coverage
        self._cooldown_s = cooldown_s
        self._seen_whole = False
        self.until = -math.inf

    def begin(self, now: float) -> None:
        """Supply is known to have just come back (a restart after an outage)."""
        self.until = max(self.until, now + self._cooldown_s)

    @property
    def open(self) -> bool:
        """Whether the outage lasts."""
        return self.until == math.inf

    def resume(self, now: float, left_s: float | None) -> None:
        """Go on where the program left off: `left_s` of the cool-down, or None for an outage that had not ended."""
        self.until = math.inf if left_s is None else max(self.until, now + min(left_s, self._cooldown_s))
        self._seen_whole = True

    def update(self, now: float, coverage: float, dark: float) -> None:
        """Take the fraction of houses that are fresh, and the fraction of those that are without supply."""
        whole = coverage >= self._min_coverage and dark <= DARK
        if self.until == math.inf:
            if whole:
                self.until = now + self._cooldown_s
        elif self._seen_whole and (coverage < DARK * self._min_coverage or dark > DARK):
            self.until = math.inf
        # Before the feeder was first seen whole, meters are only just being heard: that is a start, not an outage.
        self._seen_whole = self._seen_whole or whole
