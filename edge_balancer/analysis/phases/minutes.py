"""Gathers minute means of houses and transformer into windows for the tracker. Pure; nothing is judged here.

A slot is a minute, or the meters' own period where that is longer: between readings of a meter that reports every
quarter of an hour nothing is known, and a value held over would tell something untrue. In a minute in which a house
moves its voltage is of two phases: it is left out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from edge_balancer.analysis.phases.window import UNRECORDED, Phases, Window
from edge_balancer.types.phases import Phase
from edge_balancer.types.readings import TRANSFORMER
from edge_balancer.types.snapshot import MinuteMean

MINUTE_S: Final = 60
WINDOW_MINUTES: Final = 120
_LEAST_SLOTS: Final = 40
_LONGEST_SLOT_MIN: Final = 30


class WindowOfMinutes:
    """The window that is being filled; arrays [slots, houses], `house` columns in the order given."""

    def __init__(self, houses: Sequence[str], recorded: Phases) -> None:
        self._index = {name: k for k, name in enumerate(houses)}
        self._buses = {f"{TRANSFORMER}/{phase}": int(phase) for phase in Phase}
        self._recorded_now = recorded.copy()
        self._moving_before: frozenset[str] = frozenset()
        self._count = len(houses)
        self._begin(0, 1)

    def _begin(self, minute: int, slot_min: int) -> None:
        self._slot_min = slot_min
        self._slots = max(_LEAST_SLOTS, WINDOW_MINUTES // slot_min)
        self._start = minute - minute % (slot_min * MINUTE_S)
        self._last = -1
        self._bus = np.full((self._slots, 3), np.nan)
        # Sums of v, p, q and their counts.
        self._sums = np.zeros((3, self._slots, self._count))
        self._counts = np.zeros((3, self._slots, self._count), dtype=np.int16)
        self._mixed = np.zeros((self._slots, self._count), dtype=np.bool_)
        self._recorded = np.full((self._slots, self._count), UNRECORDED, dtype=np.int8)

    def take(self, minutes: Sequence[MinuteMean], moving: Collection[str], period_s: float) -> Window | None:
        """One closed minute; a full window when this minute is the first after it.

        `moving` are houses with a command under way at the minute's end, `period_s` is what usually lies between two
        readings of a meter (NaN while not known).
        """
        if not minutes:
            return None
        minute = minutes[0].minute
        slot = (minute - self._start) // (self._slot_min * MINUTE_S)
        full = None
        # A clock that was set back begins a new window too: which minute came first is not known any more.
        if self._last < 0 or not self._last <= slot < self._slots:
            if slot >= self._slots and 2 * self._last >= self._slots:
                full = self._window()
            wanted = math.ceil(period_s / MINUTE_S - 0.2) if math.isfinite(period_s) else 1
            self._begin(minute, min(max(1, wanted), _LONGEST_SLOT_MIN))
            slot = 0
        self._fill(slot, minutes, moving)
        return full

    def _fill(self, slot: int, minutes: Sequence[MinuteMean], moving: Collection[str]) -> None:
        self._recorded[self._last + 1 : slot] = self._recorded_now
        self._last = slot
        for row in minutes:
            k = self._index.get(row.house)
            if k is None:
                bus = self._buses.get(row.house)
                if bus is not None and math.isfinite(row.v_mean):
                    self._bus[slot, bus] = row.v_mean
                continue
            if row.phase >= 0 and row.phase != self._recorded_now[k]:
                self._mixed[slot, k] = self._recorded_now[k] != UNRECORDED
                self._recorded_now[k] = row.phase
            if row.house in moving or row.house in self._moving_before:
                self._mixed[slot, k] = True
            for column, value in enumerate((row.v_mean, row.p, row.q)):
                if math.isfinite(value):
                    self._sums[column, slot, k] += value
                    self._counts[column, slot, k] += 1
        self._moving_before = frozenset(moving)
        self._recorded[slot] = self._recorded_now

    def _window(self) -> Window:
        self._recorded[self._last + 1 :] = self._recorded_now
        means = np.where(self._counts > 0, self._sums / np.maximum(self._counts, 1), np.nan)
        volts = np.where(self._mixed, np.nan, means[0])
        bus = self._bus if np.isfinite(self._bus).any() else None
        return Window(self._slot_min * float(MINUTE_S), volts, means[1], means[2], self._recorded, bus)
