"""What is asked about a move and what is answered: the meters at one instant, what was before, and a testimony.

Values only. The judgement is in `evidence` and its two witnesses.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_balancer.types.readings import ThreePhaseReading

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Finding(enum.StrEnum):
    NOTHING = "nothing"
    """No reading since the switch reported."""
    DEAD = "dead"
    """A reading, but no supply."""
    ALIVE = "alive"
    """Supply is back; nothing tells the phases apart."""
    AGREES = "agrees"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True)
class Picture:
    """The feeder's meters at one instant. Arrays over houses; `phase` is where each house is taken to be."""

    now: float
    at: Floats
    p: Floats
    v: Floats
    fresh: Bools
    phase: NDArray[np.int8]
    transformer: ThreePhaseReading | None
    moving: Bools
    """Houses whose switch has a command and has not answered: they may stand on either phase, and bear no witness."""
    nominal_v: float
    p3: Floats
    """Power of the three-phase houses per phase, W, [houses, 3]; zero for single-phase houses."""
    period_s: Floats
    """How often each house's meter reports; NaN where not known yet."""
    last_move: Floats
    """When each house was commanded last; -inf where never."""
    source_ohm: float
    """Typical loop impedance from the transformer to a house."""

    def whole(self, house: int, since: float) -> bool:
        """Whether the house's reading is of the time after `since` from its beginning to its end: a meter may give the
        mean over its period, and one that was running then is of both phases."""
        period = float(self.period_s[house])
        return period == period and float(self.at[house]) - period >= since


@dataclass(frozen=True, slots=True)
class Before:
    """What the witnesses said before the move."""

    at: float
    """When it was decided."""
    p: float
    """The house's power, W."""
    reach: Floats
    """[houses] how far each follows the voltage of its phase: 0 at the transformer, about 1 at the average house; NaN
    where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Move:
    """A move that a switch has reported done at `since`."""

    house: int
    origin: int
    target: int
    since: float

    @property
    def third(self) -> int:
        return 3 - self.origin - self.target


@dataclass(frozen=True, slots=True)
class Testimony:
    finding: Finding
    witness: str
    """Plain words for the record."""
    at: float
    """Instant of the newest reading it rests on."""
    better_expected: bool = False
    """A stronger witness has yet to speak: the transformer's meter has not been read since the switch reported."""
