"""Where houses are held to be while others are compared with them. Pure; verdicts are `tracker`'s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.judgement import Judgement
from edge_balancer.analysis.phases.window import LIKELY, SURE, Bools, Floats, Phases

UNSURE_WEIGHT: Final = 0.5
_LEAST_HOURS: Final = 6.0
"""Of voltage, before a house counts for another phase than its record says."""
_AT_ONCE: Final = 0.05
_MOST_WRONG: Final = 0.4
"""Of the houses recorded on a phase; most records must be right."""


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """`offset` [H] of the phase from the recorded one, and `weight` [H] with which the house counts for it."""

    offset: NDArray[np.int64]
    weight: Floats

    def revised(self, judged: Sequence[tuple[Judgement, float]], recorded: Phases, unrecorded: Bools) -> Belief:
        """After judgements with the hours behind them: few houses at a time, the surest first, and never most of a
        phase; else one error would pull its neighbours along until a phase is left with nobody.
        """
        offset, weight = self.offset.copy(), self.weight.copy()
        contrary: list[int] = []
        for h, (one, hours) in enumerate(judged):
            if unrecorded[h]:
                sure = one.confidence >= LIKELY
                offset[h], weight[h] = (one.offset, 1.0) if sure else (offset[h], 0.0)
            elif one.offset == offset[h]:
                weight[h] = 1.0 if one.confidence >= LIKELY or offset[h] == 0 else UNSURE_WEIGHT
            elif one.confidence >= SURE and hours >= _LEAST_HOURS:
                contrary.append(h)
            else:
                weight[h] = UNSURE_WEIGHT
        contrary.sort(key=lambda h: -judged[h][0].confidence)
        for h in contrary[: max(1, round(_AT_ONCE * len(judged)))]:
            to = judged[h][0].offset
            peers = ~unrecorded & (recorded == recorded[h])
            away = int((peers & (offset != 0)).sum()) + int(offset[h] == 0)
            if to == 0 or away <= max(1, int(_MOST_WRONG * peers.sum())):
                offset[h], weight[h] = to, 1.0
            else:
                weight[h] = UNSURE_WEIGHT
        return Belief(offset, weight)


def first_belief(unrecorded: Bools) -> Belief:
    """Each house where its record says; one without a record counts for nothing yet."""
    return Belief(np.zeros(len(unrecorded), dtype=np.int64), np.where(unrecorded, 0.0, 1.0))
