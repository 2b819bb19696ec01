"""What is remembered of each house, and which memory counts: by recorded phase, all together, and recently. Pure.

A switch has three contacts, and one of them may be wired wrongly: what was seen while the house was on record at L1
tells of that contact first. So sums are kept by recorded phase. Together they are the long memory, for most wrong
records are wrong on every contact alike. The recent one begins anew at each move, so that a switch that lied, or a
house that was reconnected, shows soon.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.changes import COMMON, OWN
from edge_balancer.analysis.phases.judgement import Judgement, judge
from edge_balancer.analysis.phases.regression import Regression
from edge_balancer.analysis.phases.window import LIKELY, SURE, Bools, Floats

LAGS: Final = 1
SLOPES: Final = 2 * (2 * LAGS + 1)
DAY_S: Final = 86_400.0
_AT_ONCE: Final = 100
_LEAST_SAMPLES: Final = 120
"""Fewer changes than this say nothing, however clear they look."""
_LONELY_AT_MOST: Final = 0.75
"""Confidence of a house without neighbours, however clear its slopes look."""
_CONTRADICTS: Final = 0.8
"""So sure must the recent memory be of another phase for nothing to be known for a while."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Time constants of forgetting, s."""

    long_s: float = 7.0 * DAY_S
    recent_s: float = DAY_S / 3.0

    def __post_init__(self) -> None:
        for name in ("long_s", "recent_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} = {getattr(self, name):g}: give seconds > 0")


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement that counts, with the hours of voltage behind it."""

    judgement: Judgement
    hours: float
    here_h: float
    """Of them on the phase that is recorded now."""


class Memories:
    """The sums of H houses. `recorded` [H]: of which there is a record."""

    def __init__(self, recorded: Bools, memory: Memory) -> None:
        houses = len(recorded)
        self._recorded = recorded
        prior = np.array([1.0] * SLOPES + [1.0] * COMMON + [10.0] * OWN)
        self._memory, self._count = memory, houses
        self.by_phase, self.recent = Regression(3 * houses, prior), Regression(houses, prior)
        self.by_phase_s, self.recent_s = np.zeros(3 * houses), np.zeros(houses)
        """Seconds of voltage in each."""

    def forget(self, seconds: float) -> None:
        """Lets time pass."""
        long, recent = (float(np.exp(-seconds / x)) for x in (self._memory.long_s, self._memory.recent_s))
        self.by_phase.forget(long)
        self.recent.forget(recent)
        self.by_phase_s *= long
        self.recent_s *= recent

    def begin_anew(self, house: int) -> None:
        """It moved."""
        self.recent.clear(house)
        self.recent_s[house] = 0.0

    def drop(self, house: int) -> None:
        """Nothing that was seen of it counts any more."""
        self.begin_anew(house)
        for k in range(3):
            self.by_phase.clear(k * self._count + house)
            self.by_phase_s[k * self._count + house] = 0.0

    def add(self, house: int, x: Floats, y: Floats, recorded: NDArray[np.int64], here: Bools, step_s: float) -> None:
        """Samples with the phase [S] recorded then; `here` [S]: since its last move."""
        for k in range(3):
            then = recorded == k
            if then.any():
                self.by_phase.add(k * self._count + house, x[then], y[then])
                self.by_phase_s[k * self._count + house] += then.sum() * step_s
        self.recent.add(house, x[here], y[here])
        self.recent_s[house] += here.sum() * step_s

    def of_recent(self, lonely: Bools) -> list[Judgement]:
        """What the recent memory alone says."""
        return judgements(self.recent, lonely, self._recorded)

    def of_all(self, lonely: Bools) -> Generator[None, None, list[Judgement]]:
        """What all that is remembered says, in steps of so many houses."""
        pooled = self.by_phase.pooled(3)
        judged: list[Judgement] = []
        for start in range(0, self._count, _AT_ONCE):
            yield
            part = np.arange(start, min(start + _AT_ONCE, self._count))
            judged += judgements(pooled.chosen(part), lonely[part], self._recorded[part])
        return judged

    def of_here(self, now: NDArray[np.int64], lonely: Bools) -> dict[int, Judgement]:
        """What the memory of the phase `now` says of the houses that have been on others too."""
        counts = self.by_phase.count.reshape(3, -1)
        several = np.flatnonzero((counts >= _LEAST_SAMPLES).sum(axis=0) > 1)
        chosen = self.by_phase.chosen(now[several] * self._count + several)
        return dict(zip(several.tolist(), judgements(chosen, lonely[several], self._recorded[several]), strict=True))

    def weigh(
        self, now: NDArray[np.int64], slow: list[Judgement], here: dict[int, Judgement], fast: list[Judgement]
    ) -> list[Judged]:
        """Of each house the judgement that counts; what proves outdated is forgotten."""
        judged = []
        for h, (all_of_it, recent) in enumerate(zip(slow, fast, strict=True)):
            one = here.get(h, all_of_it)
            if one.confidence < SURE or one.offset == all_of_it.offset:
                one = all_of_it
            place = int(now[h]) * self._count + h
            if recent.confidence >= SURE and (recent.offset != one.offset or one.confidence < LIKELY):
                # What was known before tells of another connection.
                kept_s = float(self.recent_s[h])
                for k in range(3):
                    self.by_phase.clear(k * self._count + h)
                    self.by_phase_s[k * self._count + h] = 0.0
                self.by_phase.take(place, self.recent, h)
                self.by_phase_s[place] = kept_s
                one = recent
            elif recent.offset != one.offset and recent.confidence >= _CONTRADICTS:
                one = Judgement(one.offset, min(one.confidence, 1.0 - recent.confidence + 1.0 / 3.0))
            elif recent.offset == one.offset and recent.confidence > one.confidence:
                one = recent
            seconds = self.by_phase_s[h :: self._count].sum()
            judged.append(Judged(one, float(seconds) / 3600.0, float(self.by_phase_s[place]) / 3600.0))
        return judged


def judgements(regression: Regression, lonely: Bools, recorded: Bools) -> list[Judgement]:
    """Of each house of a regression on the phases' voltages; `recorded`: of which there is a record."""
    means, covariances = regression.posterior()
    # Sum over the lags: the slope on a phase, wherever in time it is seen.
    summed = np.zeros((2, means.shape[1]))
    summed[0, 0:SLOPES:2] = summed[1, 1:SLOPES:2] = 1.0
    slopes = means @ summed.T
    spread = summed @ covariances @ summed.T
    judged = []
    for h in range(len(means)):
        one = Judgement(0, 1.0 / 3.0)
        if regression.count[h] >= _LEAST_SAMPLES:
            one = judge(slopes[h], spread[h], recorded=bool(recorded[h]))
        judged.append(Judgement(one.offset, min(one.confidence, _LONELY_AT_MOST)) if lonely[h] else one)
    return judged
