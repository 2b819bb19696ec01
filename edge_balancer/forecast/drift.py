"""Whether a learned forecast is asked about what it was trained on. Pure.

A model that is asked about houses unlike any it has seen answers all the same. Where a house's features lie outside of
what the training's rows were (by half their width more, so that a cold winter is not a fault), the model is not heard
for that house. Where that is so for many houses most of the day, it is not heard at all: the feeder has become, or is,
another.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.features import NAMES

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MARGIN: Final = 0.5
"""Of the width of a feature's range, on both sides."""
LEAST_MARGIN: Final = 0.05
MEMORY: Final = 288
"""Samples, of which one is taken every five minutes: a day."""
JUDGED_AFTER: Final = 12
"""An hour."""
LIMIT: Final = 0.3
"""Of the houses that were heard."""
METERS_OWN: Final = NAMES.index("reading_age")
"""It tells of the meter and not of the house. Training on even slots has hardly seen a reading that is not new; a model
is handed it within the range that it knows, and nothing is judged by it."""


class Drift:
    """How often houses were outside of `ranges` [features, 2]; None where the model's file has none."""

    def __init__(self, ranges: Floats | None) -> None:
        self._low: Floats | None = None
        self._high: Floats | None = None
        self._age: tuple[float, float] | None = None
        if ranges is not None:
            margin = np.maximum(MARGIN * (ranges[:, 1] - ranges[:, 0]), LEAST_MARGIN)
            self._low, self._high = ranges[:, 0] - margin, ranges[:, 1] + margin
            self._low[METERS_OWN], self._high[METERS_OWN] = -np.inf, np.inf
            self._age = float(ranges[METERS_OWN, 0]), float(ranges[METERS_OWN, 1])
        self._samples = 0
        self.share = 0.0
        """Of the houses, over about a day."""
        self._outside: Floats = np.zeros(len(NAMES))

    @property
    def judged(self) -> bool:
        """Whether the model's file says what it was trained on."""
        return self._low is not None

    def handed(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the model is asked with, of what `features` tells."""
        if self._age is None:
            return features
        table = features.copy()
        np.clip(features[:, METERS_OWN], *self._age, out=table[:, METERS_OWN])
        return table

    def outside(self, features: NDArray[np.float32]) -> Bools:
        """[houses, features]"""
        if self._low is None or self._high is None:
            return np.zeros(features.shape, dtype=bool)
        return np.asarray((features < self._low) | (features > self._high))

    def note(self, outside: Bools, heard: Bools) -> None:
        """Take a sample of what `outside` gave, of the houses that were `heard` for long enough to be judged."""
        if not heard.any():
            return
        self._samples = min(self._samples + 1, MEMORY)
        some = outside[heard]
        self.share += (float(some.any(axis=1).mean()) - self.share) / self._samples
        self._outside += (some.mean(axis=0) - self._outside) / self._samples

    @property
    def most(self) -> tuple[str, float]:
        """The feature that is outside most often, and for what share of the houses."""
        k = int(np.argmax(self._outside))
        return NAMES[k], float(self._outside[k])

    def verdict(self) -> str:
        """Why the model should advise no longer; empty where it may."""
        if self._samples < JUDGED_AFTER or self.share <= LIMIT:
            return ""
        name, share = self.most
        return (
            f"{100.0 * self.share:.0f} % of the houses are unlike those it was trained on, "
            f"most often by `{name}` ({100.0 * share:.0f} %)"
        )

    def learned(self) -> dict[str, Any]:
        return {"samples": self._samples, "share": self.share, "outside": self._outside.tolist()}

    def relearn(self, learned: Any) -> bool:
        """Take back what `learned()` gave. False where it does not fit; nothing is changed then."""
        try:
            samples, share = learned["samples"], float(learned["share"])
            outside = np.asarray(learned["outside"], dtype=np.float64)
        except (KeyError, TypeError, ValueError):
            return False
        shares = np.append(outside, share)
        fits = outside.shape == self._outside.shape and bool(((shares >= 0.0) & (shares <= 1.0)).all())
        if not fits or not isinstance(samples, int) or not 0 <= samples <= MEMORY:
            return False
        self._samples, self.share, self._outside = samples, share, outside
        return True
