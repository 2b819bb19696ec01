"""A record as a whole: the tracker goes over it again and again until it holds the same houses for wrong. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from edge_balancer.analysis.phases.belief import Belief
from edge_balancer.analysis.phases.memories import DAY_S, Memory
from edge_balancer.analysis.phases.tracker import LEAST_SLOTS, PhaseTracker
from edge_balancer.analysis.phases.window import Verdict, Window
from edge_balancer.identification.errors import IdentificationError

WINDOW_SLOTS: Final = 240
_MOST_PASSES: Final = 4


def identify(record: Window, houses: Sequence[str], unrecorded: Collection[str] = ()) -> tuple[Verdict, ...]:
    """Verdicts on where the houses are at the end of the record, in the order of `houses`.

    Houses of which the record proves wrong count from the next pass on for their real phase, from the beginning. Raises
    IdentificationError where the record is shorter than a window.
    """
    if len(record) < LEAST_SLOTS or not houses:
        raise IdentificationError(
            f"{len(record)} slots of {record.step_s:g} s for {len(houses)} single-phase houses tell nothing: give a "
            f"record of {LEAST_SLOTS} slots at least, better of a day or more"
        )
    windows = max(1, len(record) // WINDOW_SLOTS)
    edges = np.linspace(0, len(record), windows + 1).astype(int).tolist()
    # Nothing of a record is too old; the recent memory is for what changed within it.
    memory = Memory(long_s=max(1e4 * DAY_S, 10.0 * len(record) * record.step_s))
    belief: Belief | None = None
    verdicts: tuple[Verdict, ...] = ()
    for _ in range(_MOST_PASSES):
        tracker = PhaseTracker(houses, unrecorded, memory, belief)
        for start, end in pairwise(edges):
            verdicts = tracker.update(record.part(start, end))
        settled = belief is not None and np.array_equal(tracker.belief.offset, belief.offset)
        belief = tracker.belief
        if settled:
            break
    return verdicts
