"""Readings between the end of their period and their arrival. Sans I/O; what is lost never gets here."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from edge_balancer.twin.devices.meters import Reports

Arrived = tuple[float, int, float, float, float, float]
"""Arrival and house; the meter's stamp, W, var, V."""


class UnderWay:
    """What meters have said and nobody has heard yet."""

    def __init__(self) -> None:
        self._waiting: list[Arrived] = []

    def send(self, reports: Reports, lit: Sequence[bool]) -> None:
        """`lit`: whether each report's house has a supply; a meter without one says nothing."""
        columns = (reports.arrival, reports.house, reports.stamp, reports.p, reports.q, reports.v)
        for row, fed in zip(zip(*(column.tolist() for column in columns), strict=True), lit, strict=True):
            if fed:
                heapq.heappush(self._waiting, row)

    def arrived(self, until: float) -> Iterator[Arrived]:
        """What arrives up to `until` (Unix s), in that order; each is handed out once."""
        while self._waiting and self._waiting[0][0] <= until:
            yield heapq.heappop(self._waiting)
