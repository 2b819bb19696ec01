"""When a row of the trail was really written, where the wall clock was not synchronised at the time. Reads only.

A Pi has no clock of its own: after a power cut it runs on a wrong time until the network tells it the right one.
Nothing is rewritten then. Each start of the controller notes the machine's boot, and a `clock` row is written when the
time arrives; every row bears the monotonic clock, which runs through one boot without a jump. So a row that was written
before the time was known lies as far before the `clock` row as the monotonic clock says.

Not placed are rows of a boot in which the time never arrived: they keep what the clock said.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from edge_balancer.types.events import EventKind


@dataclass(frozen=True, slots=True)
class Mark:
    """A row that tells of the clock: a start of the controller, or the time's arrival. `boot` is empty where an older
    version wrote it."""

    seq: int
    wall: float
    mono: float
    synced: bool
    is_start: bool
    boot: str = ""


class Placing:
    """Places rows by marks, which are in the order of the trail."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        self._starts: list[int] = []
        self._boots: list[str] = []
        self._right: dict[str, tuple[list[int], list[float]]] = {}
        """Boot -> the rows at which its wall clock was right, and how far it was ahead of the monotonic one then."""
        boot = ""
        for mark in marks:
            if mark.is_start:
                # A run whose boot is not known is a boot by itself: its monotonic clock does not jump either.
                boot = mark.boot or f"run {mark.seq}"
                self._starts.append(mark.seq)
                self._boots.append(boot)
            if mark.synced:
                rows, offsets = self._right.setdefault(boot, ([], []))
                rows.append(mark.seq)
                offsets.append(mark.wall - mark.mono)

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> Self:
        """From the trail: a few rows for each start."""
        started, clock = str(EventKind.STARTED), str(EventKind.CLOCK)
        found = connection.execute(
            "SELECT seq, wall, mono, synced, kind, json_extract(body, '$.boot') FROM trail WHERE kind IN (?, ?) "
            "ORDER BY seq",
            (started, clock),
        )
        return cls(
            Mark(int(seq), float(wall), float(mono), bool(synced), kind == started, str(boot or ""))
            for seq, wall, mono, synced, kind, boot in found
        )

    def offset_s(self, seq: int) -> float | None:
        """By how much right wall time is ahead of the monotonic clock in the boot of a row, as the next mark says, or
        the last one before; None where the time never arrived."""
        run = bisect_right(self._starts, seq) - 1
        if run < 0 or self._boots[run] not in self._right:
            return None
        rows, offsets = self._right[self._boots[run]]
        return offsets[min(bisect_right(rows, seq), len(rows) - 1)]


class Placer:
    """The same for a reader of one connection, which reads the marks when a row needs them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._placing: Placing | None = None

    def wall(self, seq: int, wall: float, mono: float, synced: bool) -> float:
        """When a row was written, in Unix seconds: what the clock said, where that was right or nothing better is
        known."""
        if synced:
            return wall
        if self._placing is None:
            self._placing = Placing.of(self._connection)
        offset_s = self._placing.offset_s(seq)
        return wall if offset_s is None else mono + offset_s
