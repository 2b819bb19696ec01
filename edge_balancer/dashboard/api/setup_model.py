"""What the API says of setting up: records in doubt, and what is still to be done."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_balancer.dashboard.api.model import PhaseName, Share


class RecordDoubt(msgspec.Struct, frozen=True):
    """A house whose voltages contradict the phase on record."""

    house: str
    recorded: PhaseName
    believed: PhaseName
    """Where the house is by its voltage."""
    confidence: Share
    hours: float
    """Of voltage on the recorded phase when the doubt began."""
    moved: bool
    """Whether its switch has moved it since, so that the switch itself is suspect."""


class Identification(msgspec.Struct, frozen=True):
    """Phase identification: the records that are in doubt. All others agree with the voltages, or nothing is known."""

    watching: bool
    """Whether voltages are used as evidence at all."""
    items: tuple[RecordDoubt, ...]


class Step(msgspec.Struct, frozen=True):
    """One thing to be done before a feeder may be left alone."""

    key: str
    state: Literal["done", "open", "warn"]
    text: str
    detail: str


class Commissioning(msgspec.Struct, frozen=True):
    items: tuple[Step, ...]
