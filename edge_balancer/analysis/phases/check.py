"""Holds the running controller's records against the voltages: is every house where it is booked, every move made?

Minute means go in; out comes of which houses the record is in doubt. A doubt begins when the tracker has been sure for
some windows on end, from hours of voltage on the phase in question, and ends when it has found the record right again:
a house that is called wrong one night and right the next morning helps nobody. The same check finds a base record that
was always wrong, a house reconnected behind the records, and a switch that says done and has not moved or has its
contacts mixed up. It does not move houses, tell people, or correct a record. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edge_balancer.analysis.phases.kept import learned, packing, relearn
from edge_balancer.analysis.phases.minutes import WindowOfMinutes
from edge_balancer.analysis.phases.tracker import PhaseTracker
from edge_balancer.analysis.phases.window import LIKELY, Bools, Phases, Verdict, Window
from edge_balancer.types.phases import Phase
from edge_balancer.types.snapshot import MinuteMean

WINDOWS_AGAINST: Final = 3
"""On end, before a record is in doubt."""
WINDOWS_FOR: Final = 2
LEAST_HERE_H: Final = 4.0
"""Of voltage on the phase that is recorded."""
_OVER: Final = object()
_HEARD: Final = 0.25
"""A house that is heard in less than this part of a window is not judged anew by it."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A record that the voltages contradict."""

    house: str
    recorded: Phase
    phase: Phase
    """Where the house is by its voltage."""
    confidence: float
    hours: float
    """Of voltage on the recorded phase when the doubt began."""
    moved: bool
    """Whether its switch has moved the house since this check began, so that the switch itself is suspect."""


class RecordCheck:
    """The single-phase houses of one feeder. `recorded` [H] is where they are booked, -1 where that is unknown."""

    def __init__(self, houses: Sequence[str], recorded: Phases, movable: Bools) -> None:
        self.houses = tuple(houses)
        self._movable = movable
        self._recorded = recorded.copy()
        self._tracker = PhaseTracker(self.houses)
        self._minutes = WindowOfMinutes(self.houses, recorded)
        self._against = np.zeros(len(self.houses), dtype=np.int64)
        self._for = np.zeros(len(self.houses), dtype=np.int64)
        self._moved = np.zeros(len(self.houses), dtype=np.bool_)
        self._doubts: dict[str, Doubt] = {}
        self._work: Iterator[None] | None = None
        self._next: Window | None = None
        self._kept: dict[str, Any] | None = None

    @property
    def doubts(self) -> Mapping[str, Doubt]:
        """By house."""
        return self._doubts

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """After the last window; empty before the first."""
        return self._tracker.verdicts

    def take(self, minutes: Sequence[MinuteMean], moving: Collection[str], period_s: float) -> None:
        """One closed minute (`WindowOfMinutes.take`), and some milliseconds of work on the last full window."""
        window = self._minutes.take(minutes, moving, period_s) if self.houses else None
        if window is not None:
            self._next = window
        if self._work is None and self._next is not None:
            self._work, self._next = self._judged(self._next), None
        self._go_on()

    def release(self, house: str) -> Doubt | None:
        """A person has looked: what was seen counts no more. The doubt that was removed, None where there was none."""
        doubt = self._doubts.pop(house, None)
        if doubt is not None:
            while self._work is not None:
                self._go_on()
            h = self.houses.index(house)
            self._tracker.forget_house(h)
            self._against[h] = self._for[h] = 0
            self._kept = None
        return doubt

    def learned(self) -> dict[str, Any]:
        """As JSON types, as of the last window, to be given back to `relearn`."""
        if self._kept is None:
            if self._work is not None:
                return {}
            self._kept = learned(self._tracker)
        doubts = [
            [doubt.house, int(doubt.recorded), int(doubt.phase), doubt.confidence, doubt.hours, doubt.moved]
            for doubt in self._doubts.values()
        ]
        counts = {"against": self._against.tolist(), "for": self._for.tolist(), "moved": self._moved.tolist()}
        return {**self._kept, **counts, "doubts": doubts}

    def relearn(self, kept: object) -> bool:
        """Takes back what `learned` gave, where it is of the same houses; nonsense is left aside."""
        if not isinstance(kept, dict) or not relearn(self._tracker, kept, self._recorded.tolist(), self._movable):
            return False
        for name, array in (("against", self._against), ("for", self._for), ("moved", self._moved)):
            values = kept.get(name)
            if isinstance(values, list) and len(values) == len(array):
                array[:] = [int(value) if isinstance(value, int) else 0 for value in values]
        for row in kept.get("doubts", []):
            doubt = _doubt(row)
            if doubt is None or doubt.house not in self.houses:
                continue
            h = self.houses.index(doubt.house)
            if not self._movable[h] and self._recorded[h] != doubt.recorded:
                self._against[h] = self._for[h] = 0  # the record was corrected
            else:
                self._doubts[doubt.house] = doubt
        return True

    def _go_on(self) -> None:
        if self._work is not None and next(self._work, _OVER) is _OVER:
            self._work = None

    def _judged(self, window: Window) -> Generator[None, None, None]:
        before = np.where(self._tracker.now < 0, self._recorded, self._tracker.now)
        self._kept = self._kept or learned(self._tracker)
        yield
        yield from self._tracker.steps(window)
        self._moved |= (
            self._movable
            & (before >= 0)
            & ((np.diff(window.recorded, axis=0) != 0).any(axis=0) | (window.recorded[0] != before))
        )
        heard = np.isfinite(window.volts).mean(axis=0) >= _HEARD
        for h in np.flatnonzero(heard).tolist():
            self._weigh(h, self._tracker.verdicts[h])
        yield
        self._kept = yield from packing(self._tracker)

    def _weigh(self, h: int, verdict: Verdict) -> None:
        agrees = verdict.phase is not None and verdict.phase is verdict.recorded and verdict.confidence >= LIKELY
        # Of a house that has only just come to where it is, what is held against its other contacts stands.
        self._against[h] = self._against[h] + (verdict.here_h >= LEAST_HERE_H) if verdict.wrong else 0
        self._for[h] = self._for[h] + 1 if agrees else 0
        doubt = self._doubts.get(verdict.house)
        if doubt is not None and self._for[h] >= WINDOWS_FOR:
            del self._doubts[verdict.house]
        elif self._against[h] >= WINDOWS_AGAINST and verdict.recorded is not None and verdict.phase is not None:
            if doubt is not None and (doubt.recorded, doubt.phase) == (verdict.recorded, verdict.phase):
                return
            # 1 would promise what no measurement can.
            sure = min(verdict.confidence, 0.9999)
            found = Doubt(verdict.house, verdict.recorded, verdict.phase, sure, verdict.here_h, bool(self._moved[h]))
            self._doubts[verdict.house] = found


def _doubt(row: object) -> Doubt | None:
    match row:
        case [str(house), 0 | 1 | 2 as recorded, 0 | 1 | 2 as phase, float(confidence), float(hours), bool(moved)]:
            return Doubt(house, Phase(recorded), Phase(phase), confidence, hours, moved)
        case _:
            return None
