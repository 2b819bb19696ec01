"""Why a learned forecast advises no longer. Pure data, no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Blame(StrEnum):
    """What kind of reason it is: how grave, and whether the model may come back by itself."""

    BROKEN = "broken"
    """The file is missing, altered or none of ours, or the model fails or answers nonsense."""
    CRASHED = "crashed"
    """The controller did not survive it, three times since the machine has booted."""
    UNFIT = "unfit"
    """It works, but forecasts worse than the blend, or knows no feeder like this one: supervision has done its work."""
    SLOW = "slow"
    """The machine had no time for it; it is tried again in some hours."""


@dataclass(frozen=True, slots=True)
class Demotion:
    """`reason` as people read it."""

    reason: str
    blame: Blame
