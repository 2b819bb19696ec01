"""Why a learned forecast advises no longer. Pure data, no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Blame(StrEnum):
    """What kind of reason it is: how grave, and whether the model may come back by itself."""

    BROKEN = "broken"
    """The file is missing, altered or none of ours, or the model fails or answers nonsense."""
    CRASHED = "crashed"
    """The controller came to a sudden end soon after loading it, three times in a row since the machine has booted."""
    UNFIT = "unfit"
    """It works, but forecasts worse than the blend, or knows no feeder like this one: supervision has done its work."""
    SLOW = "slow"
    """The machine had no time for it; it is tried again by itself, within a day."""


@dataclass(frozen=True, slots=True)
class Demotion:
    """`reason` as people read it."""

    reason: str
    blame: Blame


def blame_of(said: object) -> Blame:
    """Of what was kept; a record of before there were kinds is of the gravest."""
    return next((blame for blame in Blame if blame == said), Blame.BROKEN)
