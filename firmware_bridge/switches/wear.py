"""How often a switch has operated, and whether it may again: dwell, and caps by the hour and the day. Pure."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from firmware_bridge.settings.bridge import InterlockLimits
from firmware_bridge.switches.interlock_types import Memory, Refusal

_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0


class Wear:
    """The last day's operations of one switch. `now` is a monotonic clock in seconds."""

    def __init__(self, limits: InterlockLimits, now: float, memory: Memory | None) -> None:
        """Without memory the start counts as an operation: nobody knows what was before."""
        self._limits = limits
        self._times = deque(now - age for age in memory.ages_s) if memory else deque[float]()
        self._rested_from = now if memory is None else max(self._times, default=-math.inf)
        self.operations = 0 if memory is None else memory.operations

    def count(self, now: float) -> None:
        """Before anything moves: an attempt wears the contacts whether or not it ends well."""
        self._forget(now)
        self._times.append(now)
        self._rested_from = now
        self.operations += 1

    def rest_left_s(self, now: float) -> float:
        """What is left of the dwell, s; zero or less where none is."""
        return self._rested_from + self._limits.dwell_s - now

    def ages_s(self, now: float) -> tuple[float, ...]:
        return tuple(now - t for t in self._times)

    def judge(self, now: float) -> tuple[Refusal, str] | None:
        """Why no operation may begin now, or None."""
        limits = self._limits
        if (left := self.rest_left_s(now)) > 0.0:
            return Refusal.DWELL, f"{left:.1f} s left of {limits.dwell_s:g} s"
        return self.worn(now)

    def _forget(self, now: float) -> None:
        while self._times and now - self._times[0] >= _DAY_S:
            self._times.popleft()

    def worn(self, now: float) -> tuple[Refusal, str] | None:
        """Whether the hour's or the day's operations are used up."""
        limits = self._limits
        self._forget(now)
        hour = sum(now - t < _HOUR_S for t in self._times)
        day = len(self._times)
        if hour >= limits.operations_per_hour:
            return Refusal.RATE, f"{hour} operations in the last hour, at most {limits.operations_per_hour}"
        if day >= limits.operations_per_day:
            return Refusal.RATE, f"{day} operations in the last day, at most {limits.operations_per_day}"
        return None
