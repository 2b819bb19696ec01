"""Readings of one feeder on an even grid of time, from wherever they come. No learning, and no file is read here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

DAY_S: Final = 86_400.0
PLAIN, CAR, SOLAR, SOLAR_CAR = "neither", "car", "PV", "PV and car"
KINDS: Final = (PLAIN, CAR, SOLAR, SOLAR_CAR)
"""By what errors are told apart. A site's cars are not known, so there it is PV alone."""

Loads = NDArray[np.complexfloating[Any, Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some slots: `load` (n, H) P + jQ in W and var, the mean over the slot; `heard` (n, H) where there is one.
    `first`: index of the first slot in the recording."""

    first: int
    load: Loads
    heard: Mask


@dataclass(frozen=True, slots=True)
class Recording:
    """One feeder. `kinds` [houses] of `KINDS`; `pv_w` [houses] rating of each house's PV; slots of `step_s` from
    `start` (Unix s). `pieces` reads it from its beginning, as often as it is called, in pieces that fit a small
    memory."""

    name: str
    houses: tuple[str, ...]
    kinds: tuple[str, ...]
    pv_w: NDArray[np.float64]
    start: float
    step_s: float
    slots: int
    pieces: Callable[[], Iterator[Piece]]

    @property
    def days(self) -> float:
        return self.slots * self.step_s / DAY_S


def slots_of(recording: Recording, first: int = 0) -> Iterator[NDArray[np.complex64]]:
    """Loads [houses] of one slot after the other, from the slot `first` on. Gaps are zero."""
    for piece in recording.pieces():
        for row in range(max(first - piece.first, 0), len(piece.load)):
            yield np.where(piece.heard[row], piece.load[row], 0.0).astype(np.complex64)
