"""How far a mean over days can be trusted: its 95 % interval by Student's t. Pure.

Days are the samples: within a day one minute tells of the next. A fair spell or a holiday spans several days, so that
even days are not quite independent; another season is not covered at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from edge_balancer.analysis.currents import Floats

_LEAST_DAYS: Final = 3
"""Two days differ by anything: their interval would be thirteen times their spread."""
# Two-sided 95 % quantiles of Student's t for 2, 3, ... degrees of freedom.
_T: Final = (
    4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110,
    2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_T_OF_MANY: Final = 1.96


@dataclass(frozen=True, slots=True)
class Gain:
    """A mean over days in A, and half the width of its 95 % interval (None: too few days to tell)."""

    mean_a: float
    within_a: float | None

    @property
    def sure(self) -> bool:
        """Whether it is above zero by more than the days' differences."""
        return self.within_a is not None and self.mean_a > self.within_a


NOTHING: Final = Gain(0.0, None)


def gain_over(days: Floats) -> Gain:
    """Of one value per day (D,)."""
    count = len(days)
    if not count:
        return NOTHING
    mean = float(days.mean())
    if count < _LEAST_DAYS:
        return Gain(mean, None)
    freedom = count - 1
    t = _T[freedom - 2] if freedom - 2 < len(_T) else _T_OF_MANY
    return Gain(mean, t * float(days.std(ddof=1)) / math.sqrt(count))
