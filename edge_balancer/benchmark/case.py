"""One feeder over one stretch of time, as arrays: what every controller of the benchmark is given. Pure.

It holds the truth. What meters make of it on its way to a controller is in `ours`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Complexes, Floats
from edge_balancer.types.phases import ROTATION

DAY_S: Final = 86_400.0

Phases = NDArray[np.int8]
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """`power` (T, H) P + jQ in VA, import positive; `pv_w` (T, H) what the roofs produce, contained in `power`;
    `switchable` and `initial` (H,); slots of `step_s` from `start` (Unix s). Slots before `judged` are history: whoever
    learns may learn from them, and nobody is judged on them."""

    power: Complexes
    pv_w: Floats
    switchable: Mask
    initial: Phases
    step_s: float
    start: float
    judged: int
    nominal_v: float = 230.0
    transformer_kva: float = 250.0

    def __post_init__(self) -> None:
        slots, houses = self.power.shape
        for name, shape, wanted in (
            ("pv_w", self.pv_w.shape, (slots, houses)),
            ("switchable", self.switchable.shape, (houses,)),
            ("initial", self.initial.shape, (houses,)),
        ):
            if shape != wanted:
                raise ValueError(f"{name} has shape {shape}: with power of {self.power.shape} it must be {wanted}")
        if not 0 <= self.judged < slots:
            raise ValueError(f"judged = {self.judged}: give the index of one of the {slots} slots")

    @cached_property
    def own(self) -> Complexes:
        """Each house's current (T, H) in its own phase's frame, conj(S) / V, A."""
        return np.asarray(np.conj(self.power) / self.nominal_v, dtype=np.complex128)

    @property
    def slots(self) -> int:
        return int(self.power.shape[0])

    @property
    def houses(self) -> int:
        return int(self.power.shape[1])

    @property
    def movable(self) -> NDArray[np.intp]:
        """Indices of the switchable houses."""
        return np.flatnonzero(self.switchable)

    @property
    def judged_days(self) -> float:
        return (self.slots - self.judged) * self.step_s / DAY_S

    def operations(self, per_house_day: float) -> int:
        """The operations that a budget allows in the judged part, of all switchable houses together."""
        return int(per_house_day * len(self.movable) * self.judged_days + 1e-9)

    def rows(self, slots: slice, schedule: Phases) -> Complexes:
        """Neutral current of these slots, A, with the houses on `schedule`: (H,) throughout or (T, H) slot by slot."""
        return neutral(self.own[slots], schedule)


def neutral(own: Complexes, schedule: Phases) -> Complexes:
    """Neutral current (T,), A, of `own` (T, H) on `schedule` (H,) or (T, H). Kirchhoff."""
    turn = ROTATION[schedule]
    total = own @ turn if turn.ndim == 1 else np.einsum("th,th->t", own, turn)
    return np.asarray(total, dtype=np.complex128)


def operations_of(schedule: Phases) -> Counts:
    """Operations (H,) of a schedule (T, H)."""
    return np.asarray(np.count_nonzero(np.diff(schedule, axis=0), axis=0), dtype=np.int64)
