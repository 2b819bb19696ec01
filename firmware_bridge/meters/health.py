"""How each meter of a line is doing: what came, what did not, since when. Counting only; times are handed in.

The line counts frames and bytes (`lines.tally`); here it is readings and what became of them. `snapshot` gives plain
data for metrics.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from firmware_bridge.errors import Fault


class MeterHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One meter at one moment. Ages and durations in seconds; None where there was nothing yet."""

    house: str
    model: str
    unit: int
    readings: int
    age_s: float | None
    """Since its last reading."""
    silent_s: float | None
    """Since the first of the failures that made it silent; None while it answers."""
    cycle_s: float | None
    """From a cycle's first request to its last reply, waiting for urgent requests included; a running mean."""
    faults: dict[str, int]
    """Requests that brought no values, by kind."""
    incomplete: int
    """Cycles that ended without a reading."""
    missing: dict[str, int]
    """How often a point was told as not available, by point."""
    implausible: dict[str, int]
    """How often a point's value could not be true and was left out, by point."""
    given_up: tuple[str, ...]
    """Blocks that it refused several times running and that are no longer asked."""


_WEIGHT = 0.1
"""Of the newest cycle in the running mean."""


class HealthRecord:
    """What happened to one meter. Its size is bounded by the meter's points and the kinds of faults."""

    def __init__(self, house: str, model: str, unit: int) -> None:
        self._house, self._model, self._unit = house, model, unit
        self._readings = self._incomplete = 0
        self._last: float | None = None
        self._failing_since: float | None = None
        self._cycle_s: float | None = None
        self._faults: Counter[Fault] = Counter()
        self._missing: Counter[str] = Counter()
        self._implausible: Counter[str] = Counter()

    def read(self, now: float, cycle_s: float) -> None:
        """A reading was handed on."""
        self._readings += 1
        self._last = now
        old = self._cycle_s
        self._cycle_s = cycle_s if old is None else old + _WEIGHT * (cycle_s - old)

    def spoke(self) -> None:
        """A whole cycle was answered, with values or refusals."""
        self._failing_since = None

    def no_reading(self) -> None:
        self._incomplete += 1

    def fault(self, fault: Fault, now: float, *, mute: bool) -> None:
        """A request brought no values; `mute` where the meter did not say so itself."""
        self._faults[fault] += 1
        if mute and self._failing_since is None:
            self._failing_since = now

    def missing(self, point: str) -> None:
        self._missing[point] += 1

    def implausible(self, point: str) -> None:
        self._implausible[point] += 1

    def age_s(self, now: float) -> float | None:
        return None if self._last is None else now - self._last

    def failing_s(self, now: float) -> float:
        """Since the first failure after the last cycle that was answered."""
        return 0.0 if self._failing_since is None else now - self._failing_since

    def snapshot(self, now: float, *, silent: bool, given_up: tuple[str, ...]) -> MeterHealth:
        return MeterHealth(
            house=self._house,
            model=self._model,
            unit=self._unit,
            readings=self._readings,
            age_s=self.age_s(now),
            silent_s=self.failing_s(now) if silent else None,
            cycle_s=self._cycle_s,
            faults={str(fault): count for fault, count in sorted(self._faults.items())},
            incomplete=self._incomplete,
            missing=dict(sorted(self._missing.items())),
            implausible=dict(sorted(self._implausible.items())),
            given_up=given_up,
        )
