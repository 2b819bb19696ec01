"""Small feeders for the tests of phase identification, with meters as they are."""

from __future__ import annotations

from functools import cache

import numpy as np

from edge_balancer.analysis.phases.window import Floats, Phases, Window
from scripts.bench.identify import Case, draw, feeder_of, metered

SUBURBAN = ("suburban", 18)


@cache
def drawn(days: int = 2, seed: int = 3) -> Case:
    style, houses = SUBURBAN
    return draw(feeder_of(style, houses, seed), seed, days)


def real_of(case: Case) -> Phases:
    """The houses' real phases at every minute."""
    return np.tile(case.feeder.houses.phase.astype(np.int8), (len(case.load), 1))


def window_of(case: Case, recorded: Phases, *, real: Phases | None = None, transformer: bool = False) -> Window:
    return metered(case, real_of(case) if real is None else real, recorded, transformer=transformer)


def without_power(window: Window) -> Window:
    nothing = np.full_like(window.volts, np.nan)
    return Window(window.step_s, window.volts, nothing, nothing, window.recorded, window.transformer_v)


def bare(volts: Floats) -> Window:
    """Houses on L1, L2, L3 in turn that draw nothing."""
    recorded = np.tile((np.arange(volts.shape[1]) % 3).astype(np.int8), (len(volts), 1))
    return Window(60.0, volts, np.zeros_like(volts), np.zeros_like(volts), recorded)
