"""Pulses of constant power, and their means over steps of time. It knows no appliance and no calendar.

Pulses begin and end on whole seconds and have powers in sixteenths of a watt. So the sums below are exact in binary
floating point, and a window gives the same values, to the byte, as the same instants of any other window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.twin.noise import Floats

Ints = NDArray[np.int64]

GRAIN_W: Final = 1.0 / 16.0


@dataclass(frozen=True, slots=True)
class Pulses:
    """One entry each: house, kind of appliance, session (one use of it), Unix seconds of start and end, W and var."""

    house: Ints
    kind: Ints
    session: Ints
    start: Ints
    end: Ints
    p: Floats
    q: Floats

    def __len__(self) -> int:
        return len(self.house)

    @staticmethod
    def of(
        house: int, kind: int | Ints, session: int | Ints, start: Floats, end: Floats, p: Floats, q: Floats
    ) -> Pulses:
        """Pulses of one house, rounded to whole seconds and to the grain; those that vanish are left out."""
        begin = np.rint(start).astype(np.int64)
        finish = np.rint(end).astype(np.int64)
        kept = np.flatnonzero(finish > begin)
        full = np.zeros(len(begin), dtype=np.int64)
        return Pulses(
            house=(full + house)[kept],
            kind=(full + kind)[kept],
            session=(full + session)[kept],
            start=begin[kept],
            end=finish[kept],
            p=(np.rint((full + p) / GRAIN_W) * GRAIN_W)[kept],
            q=(np.rint((full + q) / GRAIN_W) * GRAIN_W)[kept],
        )

    @staticmethod
    def join(parts: Sequence[Pulses]) -> Pulses:
        """All of them, in order."""
        if not parts:
            none = np.zeros(0, dtype=np.int64)
            return Pulses(none, none, none, none, none, np.zeros(0), np.zeros(0))
        return Pulses(
            house=np.concatenate([x.house for x in parts]),
            kind=np.concatenate([x.kind for x in parts]),
            session=np.concatenate([x.session for x in parts]),
            start=np.concatenate([x.start for x in parts]),
            end=np.concatenate([x.end for x in parts]),
            p=np.concatenate([x.p for x in parts]),
            q=np.concatenate([x.q for x in parts]),
        )

    def take(self, which: Ints | NDArray[np.bool_]) -> Pulses:
        """Those chosen by index or by mask."""
        return Pulses(
            self.house[which],
            self.kind[which],
            self.session[which],
            self.start[which],
            self.end[which],
            self.p[which],
            self.q[which],
        )

    def energy_wh(self) -> float:
        """What all of them take together, Wh."""
        return float(((self.end - self.start) * self.p).sum() / 3600.0)


def step_means(pulses: Pulses, houses: int, start: int, steps: int, step_s: int) -> tuple[Floats, Floats]:
    """Mean P and Q of each house over each step from `start`; each of shape (steps, houses)."""
    inside = pulses.take((pulses.end > start) & (pulses.start < start + steps * step_s))
    p = np.zeros((steps + 2) * houses)
    q = np.zeros((steps + 2) * houses)
    for edge, sign in ((inside.start, 1.0), (inside.end, -1.0)):
        after = np.clip(edge - start, 0, steps * step_s)
        step = after // step_s
        late = after - step * step_s
        cell = step * houses + inside.house
        # In its own step a pulse counts from its edge on; what is missing there to a whole step comes with the next.
        for sums, power in ((p, inside.p), (q, inside.q)):
            np.add(sums, np.bincount(cell, sign * power * (step_s - late), len(sums)), out=sums)
            np.add(sums, np.bincount(cell + houses, sign * power * late, len(sums)), out=sums)
    shape = (steps + 2, houses)
    return (
        np.cumsum(p.reshape(shape), axis=0)[:steps] / step_s,
        np.cumsum(q.reshape(shape), axis=0)[:steps] / step_s,
    )
