"""Commands, reports and pictures for the tests of switching."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edge_balancer.switching.picture import Before, Finding, Picture, Testimony
from edge_balancer.types.phases import Phase
from edge_balancer.types.readings import ThreePhaseReading
from edge_balancer.types.switching import Command, SwitchReport, SwitchResult

NAN = math.nan
COMMAND = Command("c1", 7, "h1", Phase.L2, Phase.L1, 1000.0, 1010.0, "d1")
BEFORE = Before(at=0.0, p=2000.0, reach=np.full(1, NAN))
UNHEARD = Testimony(Finding.NOTHING, "no reading since the switch reported", -math.inf)


def says(
    result: SwitchResult | None, phase: Phase | None, command_id: str = "c1", at: float = 0.0, reason: str = ""
) -> SwitchReport:
    return SwitchReport("h1", phase, at, command_id, result, reason)


def finds(finding: Finding, at: float) -> Testimony:
    return Testimony(finding, str(finding), at)


def picture(
    volts: list[float],
    phases: list[int],
    *,
    powers: list[float] | None = None,
    transformer: ThreePhaseReading | None = None,
    **changed: Any,
) -> Picture:
    """All houses read at 100 s, at 101 s now."""
    count = len(volts)
    fields: dict[str, Any] = {
        "now": 101.0,
        "at": np.full(count, 100.0),
        "p": np.array(powers or [1000.0] * count),
        "v": np.array(volts),
        "fresh": np.ones(count, dtype=bool),
        "phase": np.array(phases, dtype=np.int8),
        "transformer": transformer,
        "moving": np.zeros(count, dtype=bool),
        "nominal_v": 230.0,
        "p3": np.zeros((count, 3)),
        "period_s": np.full(count, 10.0),
        "last_move": np.full(count, -np.inf),
        "source_ohm": 0.25,
    }
    return Picture(**(fields | changed))
