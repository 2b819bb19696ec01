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


def minute_loads(recording: Recording, step_s: float = 60.0) -> tuple[Loads, Mask]:
    """Means over slots of `step_s` (T, H), complex64, and where anything was heard. Gaps are zero."""
    many = max(1, round(step_s / recording.step_s))
    count = recording.slots // many
    total = np.zeros((count, len(recording.houses)), dtype=np.complex64)
    heard = np.zeros(total.shape, dtype=np.int16)
    for piece in recording.pieces():
        slot = (piece.first + np.arange(len(piece.load))) // many
        some = slot < count
        np.add.at(total, slot[some], np.where(piece.heard, piece.load, 0.0)[some].astype(np.complex64))
        np.add.at(heard, slot[some], piece.heard[some])
    return np.where(heard > 0, total / np.maximum(heard, 1), 0.0).astype(np.complex64), heard > 0
