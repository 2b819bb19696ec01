"""Where every house is when: slot by slot, and for a move inside a slot at which part of it. Pure.

A slot holds a mean, so what a house draws is even within it; where a house is need not be. Rounding moves to slots
would give whoever acts three seconds after a reading those three seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edge_balancer.benchmark.case import Case, Counts, Phases

_BORDER: Final = 1e-6
"""Of a slot: what clocks in floating point lose is no time."""


@dataclass(frozen=True, slots=True)
class Move:
    """A house is on another phase from this slot of the case on, after `part` of it has gone by; 0 for its border."""

    slot: int
    house: int
    part: float


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """`phase` (T, H) at the end of each slot, from the case's slot `first` on; `late`: the part of the slot that had
    gone by when a house moved, by (slot of the case, house). Moves that are not in it were on their slot's border."""

    phase: Phases
    first: int = 0
    late: Mapping[tuple[int, int], float] = field(default_factory=dict)

    @staticmethod
    def of(case: Case, phase: Phases) -> Schedule:
        """Phases (H,) throughout, (T, H) of all slots, or those of the judged slots alone; moves on borders."""
        if phase.ndim == 1:
            return Schedule(np.repeat(phase[np.newaxis], case.slots - case.judged, axis=0), case.judged)
        return Schedule(phase, 0 if len(phase) == case.slots else case.judged)

    def moves(self) -> Iterator[Move]:
        """In order of their slots."""
        for row, house in zip(*(k.tolist() for k in np.nonzero(np.diff(self.phase, axis=0))), strict=True):
            slot = self.first + row + 1
            yield Move(slot, house, self.late.get((slot, house), 0.0))

    def judged(self, case: Case) -> Phases:
        """(T, H) of the judged slots."""
        return self.phase[case.judged - self.first :]

    def operations(self, case: Case) -> Counts:
        """(H,) in the judged time; a house that begins it elsewhere than the history ended, moved then."""
        before = max(0, case.judged - 1 - self.first)
        return np.asarray(np.count_nonzero(np.diff(self.phase[before:], axis=0), axis=0), dtype=np.int64)


class Writing:
    """A schedule of a whole case that is being written, a move at a time."""

    def __init__(self, case: Case) -> None:
        self._step_s, self._start = case.step_s, case.start
        self._phase = np.repeat(case.initial[np.newaxis], case.slots, axis=0).astype(np.int8)
        self._late: dict[tuple[int, int], float] = {}

    def place(self, at: float) -> tuple[int, float]:
        """The slot of an instant (Unix s), and the part of it that has gone by then."""
        slots = (at - self._start) / self._step_s
        slot = int(slots + _BORDER)
        return slot, max(0.0, slots - slot) if slots - slot > _BORDER else 0.0

    def move(self, house: int, phase: int, slot: int, part: float) -> None:
        """To be told in order of time."""
        if slot >= len(self._phase):
            return
        self._phase[slot:, house] = phase
        if part > 0.0:
            self._late[slot, house] = part
        else:
            self._late.pop((slot, house), None)

    def schedule(self) -> Schedule:
        return Schedule(self._phase, 0, self._late)
