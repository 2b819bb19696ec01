"""Voltages of a stretch of time on an even grid, and the verdict on a house. Values only: nothing is judged here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.types.phases import Phase

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Phases = NDArray[np.int8]

SURE: Final = 0.96
"""From this confidence on a record that says otherwise is called wrong."""
LIKELY: Final = 0.95
"""Below this confidence the phase is called unknown."""
UNRECORDED: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """T slots in the order of time, H houses, none of them three-phase. NaN where nothing was measured.

    `recorded` is 0, 1, 2 for L1, L2, L3 and -1 where no record says where the house was.
    """

    step_s: float
    volts: Floats
    """[T, H] mean of the slot, phase to neutral at the house's meter."""
    power_w: Floats
    """[T, H] import positive."""
    reactive_var: Floats
    """[T, H]"""
    recorded: Phases
    """[T, H]"""
    transformer_v: Floats | None = None
    """[T, 3] phase to neutral at the transformer's low-voltage bus."""

    def __post_init__(self) -> None:
        shape = self.volts.shape
        for name in ("power_w", "reactive_var", "recorded"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}: give {shape}, that of volts")
        if self.transformer_v is not None and self.transformer_v.shape != (shape[0], 3):
            raise ValueError(f"transformer_v has shape {self.transformer_v.shape}: give {(shape[0], 3)}")
        if not self.step_s > 0.0:
            raise ValueError(f"step_s = {self.step_s:g}: give seconds > 0")

    def __len__(self) -> int:
        return len(self.volts)

    def part(self, start: int, end: int) -> Window:
        """The slots from index `start` up to `end`."""
        cut = slice(start, end)
        return Window(
            self.step_s,
            self.volts[cut],
            self.power_w[cut],
            self.reactive_var[cut],
            self.recorded[cut],
            None if self.transformer_v is None else self.transformer_v[cut],
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the voltages say of one house."""

    house: str
    recorded: Phase | None
    """Where the record says that it is now."""
    phase: Phase | None
    """Where it is now by its voltage; None where that cannot be told."""
    confidence: float
    """Probability that the likeliest phase is the right one, from 1/3; also where `phase` is None."""
    evidence_h: float
    """Hours of voltage behind it."""
    remark: str = ""
    here_h: float = 0.0
    """Hours of it while the house was on record where it is now."""

    @property
    def wrong(self) -> bool:
        """Whether the record is surely wrong."""
        differs = self.recorded is not None and self.phase is not None and self.phase is not self.recorded
        return differs and self.confidence >= SURE
