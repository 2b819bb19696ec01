"""What the devices of a simulated line still have to send, in the order in which real ones would. No I/O, no clock.

Each device answers what it was asked one after the other: a late reply holds back the next one of the same unit, not
those of others.
"""

from __future__ import annotations

import heapq
import itertools

from firmware_bridge.simulator.faults import Delivery


class Outbox:
    """Instants are monotonic, s, and handed in."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()
        self._busy_until: dict[int, float] = {}
        self._deaf_until: dict[int, float] = {}

    def put(self, unit: int, delivery: Delivery, ready_at: float) -> None:
        """`ready_at` is when the true reply would go out."""
        for sending in delivery.sendings:
            due = max(ready_at + sending.delay_s, self._busy_until.get(unit, 0.0))
            self._busy_until[unit] = due
            if delivery.deaf:
                self._deaf_until[unit] = due
            heapq.heappush(self._waiting, (due, next(self._numbers), sending.data))

    def deaf(self, unit: int, now: float) -> bool:
        """Whether the unit hears nothing, because it is still busy with a late reply."""
        return now < self._deaf_until.get(unit, 0.0)

    def next_at(self) -> float | None:
        """When the next bytes are due; None where none are waiting."""
        return self._waiting[0][0] if self._waiting else None

    def take(self, now: float) -> bytes | None:
        """The next bytes that are due by now; None where there are none."""
        if not self._waiting or self._waiting[0][0] > now:
            return None
        return heapq.heappop(self._waiting)[2]
