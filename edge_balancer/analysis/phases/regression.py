"""Bayesian linear regressions of many houses at once, updated window by window, with forgetting. Pure.

A Gaussian prior, of mean 0 and the standard deviations that are handed in, and the normal equations of all windows so
far give the coefficients' posterior N(m, s2 (X'X + s2 P)^-1), with P the prior's precision, m = (X'X + s2 P)^-1 X'y and
s2 the variance of what is left (C. Bishop, "Pattern Recognition and Machine Learning", 2006, section 3.3). Memory: one
matrix a house, however long it runs. To forget is to weigh all earlier sums with a factor below 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_balancer.analysis.phases.window import Floats

_LEAST_VARIANCE: Final = 1e-4
"""V2: of rounding to 0.03 V. A house that never shows any change is not known to infinite precision."""


class Regression:
    """The sums of H regressions on the same n kinds of values."""

    def __init__(self, houses: int, prior_sd: Floats) -> None:
        n = len(prior_sd)
        self._precision = np.diag(1.0 / prior_sd**2)
        self._xx = np.zeros((houses, n, n))
        self._xy = np.zeros((houses, n))
        self._yy = np.zeros(houses)
        self.count = np.zeros(houses)
        """[H] samples, older ones weighted as they are remembered."""

    def add(self, house: int, x: Floats, y: Floats) -> None:
        """Samples [S, n] and [S] of a house."""
        self._xx[house] += x.T @ x
        self._xy[house] += x.T @ y
        self._yy[house] += float(y @ y)
        self.count[house] += len(y)

    def forget(self, keep: float) -> None:
        """Weighs everything so far with `keep`, 0 to 1."""
        for sums in (self._xx, self._xy, self._yy, self.count):
            np.multiply(sums, keep, out=sums)

    def clear(self, house: int) -> None:
        """The house starts anew."""
        for sums in (self._xx, self._xy, self._yy, self.count):
            sums[house] = 0.0

    def take(self, house: int, other: Regression) -> None:
        """What another of the same kind knows of the house takes the place of what this one knew."""
        self._xx[house], self._xy[house] = other._xx[house], other._xy[house]
        self._yy[house], self.count[house] = other._yy[house], other.count[house]

    def coefficients(self) -> Floats:
        """[H, n] posterior means."""
        return self.posterior()[0]

    def posterior(self) -> tuple[Floats, Floats]:
        """Means [H, n] and covariances [H, n, n]."""
        raw = self._yy / np.maximum(self.count, 1.0)
        # Twice: how far the prior counts depends on what is left, and the other way round.
        means, _ = self._solve(np.maximum(raw, _LEAST_VARIANCE))
        variance = self._left(means)
        means, inverse = self._solve(variance)
        return means, self._left(means)[:, None, None] * inverse

    def _solve(self, variance: Floats) -> tuple[Floats, Floats]:
        inverse = np.asarray(np.linalg.inv(self._xx + variance[:, None, None] * self._precision), dtype=np.float64)
        return np.einsum("hij,hj->hi", inverse, self._xy), inverse

    def _left(self, means: Floats) -> Floats:
        explained = (means * self._xy).sum(axis=1)
        left: Floats = (self._yy - explained) / np.maximum(self.count - means.shape[1], 1.0)
        return np.maximum(left, _LEAST_VARIANCE)
