"""What a scenario's meters make of the truth: periods, losses, noise, resolution. Pure; deterministic by seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edge_balancer.benchmark.case import Case
from edge_balancer.benchmark.scenarios import Meters
from edge_balancer.types.readings import Reading


def readings(case: Case, meters: Meters, names: list[str], seed: int) -> Iterator[tuple[float, list[Reading]]]:
    """At the end of each slot the readings that arrive then.

    A meter whose period is a number of slots reports the mean over them; its turn within the period is drawn, as real
    meters' are. Raises ValueError for a period that is no whole number of slots.
    """
    every = meters.period_s / case.step_s
    if every < 1.0 or every != int(every):
        raise ValueError(
            f"meters' period {meters.period_s:g} s: give a whole number of slots of {case.step_s:g} s each"
        )
    period = int(every)
    rng = np.random.default_rng([seed, 91])
    turn = rng.integers(0, period, case.houses)
    total = np.concatenate((np.zeros((1, case.houses)), np.cumsum(case.power, axis=0)))
    for slot in range(case.slots):
        at = case.start + (slot + 1) * case.step_s
        due = (slot + 1) % period == turn
        # Drawn for all, so that a house's chance does not hang on the others'.
        lost = rng.random(case.houses) < meters.loss
        factor = 1.0 + meters.noise * rng.standard_normal(case.houses)
        first = max(0, slot + 1 - period)
        mean = (total[slot + 1] - total[first]) / (slot + 1 - first) * factor
        watts = np.round(mean / meters.resolution_w) * meters.resolution_w
        yield (
            at,
            [
                Reading(names[h], at, float(watts[h].real), float(watts[h].imag))
                for h in np.flatnonzero(due & ~lost).tolist()
            ],
        )
