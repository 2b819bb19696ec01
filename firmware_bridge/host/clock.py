"""The clock that a bridge lives by: the machine's own, or one that is handed in (a demo's runs faster)."""

from __future__ import annotations

import time
from typing import Protocol


class BridgeClock(Protocol):
    """What the switches live by; `speed` is how many of its seconds pass in a real one. Lines live in real time."""

    speed: float

    def monotonic(self) -> float: ...

    def wall(self) -> float: ...


class SystemClock:
    """The machine's clocks."""

    speed = 1.0

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()
