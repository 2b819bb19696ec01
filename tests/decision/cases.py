"""Situations for the tests of the decision parts: a feeder on which nothing forbids anything, changed one value at a
time."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from edge_balancer.decision.guard import Guard, Situation
from edge_balancer.settings.root import Configuration
from edge_balancer.switching.roster import Roster
from edge_balancer.types.switching import Mode
from tests.support.configuration import make_config

NOW = 100_000.0


def roster_of(config: Configuration) -> Roster:
    """All positions known, nothing moved yet."""
    roster = Roster(config.houses)
    roster.known[:] = True
    return roster


def situation(config: Configuration, roster: Roster, loads_w: list[float], **changed: Any) -> Situation:
    """Everything fresh and calm at 230 V; `changed` replaces fields."""
    load = np.array(loads_w, dtype=np.complex128)
    single = roster.phase >= 0
    current = np.conj(load[single]) / config.feeder.nominal_voltage_v
    phase = roster.phase[single]
    per_phase = np.bincount(phase, current.real, 3) + 1j * np.bincount(phase, current.imag, 3)
    count = len(roster)
    calm = Situation(
        now=NOW,
        mode=Mode.AUTO,
        fresh=np.ones(count, dtype=bool),
        age_s=np.zeros(count),
        coverage=1.0,
        outage_until=-math.inf,
        load_va=load,
        returning_va=np.zeros_like(load),
        phase_current_a=per_phase,
        head_current_a=per_phase,
        heard=np.ones(count, dtype=bool),
        no_supply=np.zeros(count, dtype=bool),
        dark=np.zeros(3, dtype=bool),
        v_min=np.full(3, 230.0),
        v_max=np.full(3, 230.0),
        stale_after_s=np.full(count, 180.0),
    )
    return replace(calm, **changed)


def guarded(houses: Any = 3, **sections: Any) -> tuple[Configuration, Roster, Guard]:
    config = make_config(houses, **sections)
    roster = roster_of(config)
    return config, roster, Guard(config, roster)
