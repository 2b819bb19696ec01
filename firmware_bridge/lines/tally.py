"""Counts what happens on a line, in all and for each unit: how much, how fast, and what went wrong.

Bounded: at most 256 units, the last latencies of each, a minute of seconds. Reads no clock.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

import msgspec

from firmware_bridge.errors import Fault

WINDOW_S: Final = 60
"""Utilisation is over the last minute."""
_LATENCIES: Final = 256
"""Enough for a 95th percentile, few enough to sort whenever somebody asks."""


class UnitFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One unit since the start. Latency runs from the request's beginning to the reply's end, over the last replies;
    None without one."""

    unit: int
    transactions: int
    replies: int
    faults: dict[str, int]
    bytes_sent: int
    bytes_received: int
    latency_mean_s: float | None
    latency_p50_s: float | None
    latency_p95_s: float | None


class LineFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The whole line since the start; the two shares are of the last minute."""

    transactions: int
    replies: int
    probes: int
    """Transactions of the line's own, after replies that did not come."""
    faults: dict[str, int]
    bytes_sent: int
    bytes_received: int
    """In replies, believed or not."""
    bytes_dropped: int
    on_the_wire: float
    """Share of the time that the frames needed by themselves, gaps included."""
    occupied: float
    """Share of the time in which a request was under way or waited for silence, thinking devices included."""
    units: tuple[UnitFigures, ...]


@dataclass(frozen=True, slots=True)
class Transaction:
    """One that has ended, for the count."""

    unit: int
    fault: Fault | None
    sent: int
    received: int
    latency_s: float
    wire_s: float
    occupied_s: float
    probe: bool = False


@dataclass(slots=True)
class _Count:
    transactions: int = 0
    replies: int = 0
    sent: int = 0
    received: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)

    def add(self, done: Transaction) -> None:
        self.transactions += 1
        self.sent += done.sent
        self.received += done.received
        if done.fault is None:
            self.replies += 1
        else:
            self.faults[done.fault] += 1

    def faults_by_name(self) -> dict[str, int]:
        return {fault.value: self.faults[fault] for fault in Fault if self.faults[fault]}


@dataclass(slots=True)
class _Unit(_Count):
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES))

    def figures(self, unit: int) -> UnitFigures:
        ordered = sorted(self.latencies_s)
        count = len(ordered)
        return UnitFigures(
            unit=unit,
            transactions=self.transactions,
            replies=self.replies,
            faults=self.faults_by_name(),
            bytes_sent=self.sent,
            bytes_received=self.received,
            latency_mean_s=sum(ordered) / count if count else None,
            latency_p50_s=ordered[count // 2] if count else None,
            latency_p95_s=ordered[min(count - 1, count * 95 // 100)] if count else None,
        )


class LineTally:
    """The counters of one line."""

    def __init__(self) -> None:
        self._line = _Count()
        self._units: dict[int, _Unit] = {}
        self._probes = 0
        self._dropped = 0
        self._since_s: float | None = None
        # Second, wire time, occupied time of the last minute; the newest at the right.
        self._seconds: deque[list[float]] = deque()

    def add(self, done: Transaction, now: float) -> None:
        unit = self._units.setdefault(done.unit, _Unit())
        unit.add(done)
        if done.fault in (None, Fault.EXCEPTION):
            unit.latencies_s.append(done.latency_s)
        self._line.add(done)
        self._probes += done.probe
        self._occupy(done, now)

    def count(self, unit: int, fault: Fault) -> None:
        """A fault that was found after the transaction, in a value."""
        self._units.setdefault(unit, _Unit()).faults[fault] += 1
        self._line.faults[fault] += 1

    def drop(self, count: int, *, fresh: bool) -> None:
        """Bytes that nobody had asked for; `fresh` where they begin a new burst, which counts as one LATE."""
        self._dropped += count
        self._line.faults[Fault.LATE] += fresh

    def snapshot(self, now: float) -> LineFigures:
        self._forget(now)
        span_s = min(float(WINDOW_S), max(now - self._since_s, 1.0)) if self._since_s is not None else float(WINDOW_S)
        return LineFigures(
            transactions=self._line.transactions,
            replies=self._line.replies,
            probes=self._probes,
            faults=self._line.faults_by_name(),
            bytes_sent=self._line.sent,
            bytes_received=self._line.received,
            bytes_dropped=self._dropped,
            on_the_wire=min(1.0, sum(wire for _, wire, _ in self._seconds) / span_s),
            occupied=min(1.0, sum(occupied for _, _, occupied in self._seconds) / span_s),
            units=tuple(count.figures(unit) for unit, count in sorted(self._units.items())),
        )

    def _occupy(self, done: Transaction, now: float) -> None:
        if self._since_s is None:
            self._since_s = now - done.occupied_s
        second = now // 1
        if not self._seconds or self._seconds[-1][0] != second:
            self._forget(now)
            self._seconds.append([second, 0.0, 0.0])
        self._seconds[-1][1] += done.wire_s
        self._seconds[-1][2] += done.occupied_s

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0][0] <= now - WINDOW_S:
            self._seconds.popleft()
