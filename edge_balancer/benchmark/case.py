"""One feeder over one stretch of time, as arrays: what every controller of the benchmark is given. Pure.

It holds the truth. What meters make of it on its way to a controller is in `ours`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Complexes
from edge_balancer.types.phases import ROTATION

DAY_S: Final = 86_400.0

Phasors = NDArray[np.complexfloating[Any, Any]]
"""Of either precision: a fortnight of ten-second slots is kept in single."""
Watts = NDArray[np.floating[Any]]
Phases = NDArray[np.int8]
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

_ROWS: Final = 1 << 13
"""Slots that are turned at a time, so that whole records in double precision never stand in memory."""


@dataclass(frozen=True)
class Case:
    """`power` (T, H) P + jQ in VA, import positive; `pv_w` (T, H) what the roofs produce, contained in `power`;
    `switchable` and `initial` (H,); slots of `step_s` from `start` (Unix s). Slots before `judged` are history: whoever
    learns may learn from them, and nobody is judged on them."""

    power: Phasors
    pv_w: Watts
    switchable: Mask
    initial: Phases
    step_s: float
    start: float
    judged: int
    roof_w: Watts | None = None
    """(H,) rated AC power of each house's inverter, which its owner knows; None where no house has one."""
    nominal_v: float = 230.0
    transformer_kva: float = 250.0

    def __post_init__(self) -> None:
        slots, houses = self.power.shape
        for name, shape, wanted in (
            ("pv_w", self.pv_w.shape, (slots, houses)),
            ("switchable", self.switchable.shape, (houses,)),
            ("initial", self.initial.shape, (houses,)),
            ("roof_w", (houses,) if self.roof_w is None else self.roof_w.shape, (houses,)),
        ):
            if shape != wanted:
                raise ValueError(f"{name} has shape {shape}: with power of {self.power.shape} it must be {wanted}")
        if not 0 <= self.judged < slots:
            raise ValueError(f"judged = {self.judged}: give the index of one of the {slots} slots")

    @cached_property
    def own(self) -> Phasors:
        """Each house's current (T, H) in its own phase's frame, conj(S) / V, A; as precise as `power`."""
        return np.asarray(np.conj(self.power) / self.power.real.dtype.type(self.nominal_v))

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

    def averaged(self, step_s: float) -> Case:
        """The same in means over longer slots. Raises ValueError unless history and judged part are whole ones."""
        many = round(step_s / self.step_s)
        if many < 1 or many * self.step_s != step_s or self.judged % many or self.slots % many:
            raise ValueError(f"slots of {self.step_s:g} s do not make up slots of {step_s:g} s: give a whole multiple")
        if many == 1:
            return self

        def mean(values: NDArray[Any]) -> NDArray[Any]:
            return np.asarray(values.reshape(-1, many, self.houses).mean(axis=1))

        return replace(self, power=mean(self.power), pv_w=mean(self.pv_w), step_s=step_s, judged=self.judged // many)

    def rows(self, slots: slice, schedule: Phases) -> Complexes:
        """Neutral current of these slots, A, with the houses on `schedule`: (H,) throughout or (T, H) slot by slot."""
        return neutral(self.own[slots], schedule)


def neutral(own: Phasors, schedule: Phases) -> Complexes:
    """Neutral current (T,), A, of `own` (T, H) on `schedule` (H,) or (T, H). Kirchhoff."""
    total = np.empty(len(own), dtype=np.complex128)
    for begin in range(0, len(own), _ROWS):
        some = slice(begin, begin + _ROWS)
        turn = ROTATION[schedule if schedule.ndim == 1 else schedule[some]]
        total[some] = own[some] @ turn if turn.ndim == 1 else np.einsum("th,th->t", own[some], turn)
    return total


def operations_of(schedule: Phases) -> Counts:
    """Operations (H,) of a schedule (T, H)."""
    return np.asarray(np.count_nonzero(np.diff(schedule, axis=0), axis=0), dtype=np.int64)
