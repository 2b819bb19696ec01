"""Whose forecast the controller decides by: its own, or a learned model's upon it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from firmware_bridge.settings.base import Section

NONE: Final = "none"
ACTIVE: Final = "active"
DEFAULT: Final = "default"

ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
"""A name that is also a folder's: letters, digits, `_`, `.`, `-`."""


class ForecastSettings(Section):
    """The forecast of the coming hours."""

    model: ModelName = ACTIVE
    """The learned model upon the survival blend, which learns from this feeder's meters alone; where it does worse than
    the blend, it is set aside. `active`: the one that `edge-balancer models activate` chose last, and before the first
    time the one that came with the program. `default`: always that. `none`: the blend alone. Any other name: the model
    of that name beside the store."""
    shadow: bool = False
    """True: the model is asked and judged, and what it would have done is on record, but the blend decides."""
    deadline_ms: float = Field(default=20.0, ge=1, le=1000)
    """A model's answer that takes longer is not used, ms; where that happens often the model is set aside."""
