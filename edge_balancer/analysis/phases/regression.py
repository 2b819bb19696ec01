"""Bayesian linear regressions of many houses at once, updated window by window, with forgetting. Pure.

A Gaussian prior, of mean 0 and the standard deviations that are handed in, and the normal equations of all windows so
far give the coefficients' posterior N(m, s2 (X'X + s2 P)^-1), with P the prior's precision, m = (X'X + s2 P)^-1 X'y and
s2 the variance of what is left (C. Bishop, "Pattern Recognition and Machine Learning", 2006, section 3.3). Memory: one
matrix a house, however long it runs. To forget is to weigh all earlier sums with a factor below 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.window import Floats

Floats32 = NDArray[np.float32]

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

    def take(self, house: int, other: Regression, of: int) -> None:
        """What another of the same kind knows of its house `of` takes the place of what this one knew."""
        self._xx[house], self._xy[house] = other._xx[of], other._xy[of]
        self._yy[house], self.count[house] = other._yy[of], other.count[of]

    def pooled(self, parts: int) -> Regression:
        """Of H houses that stand here `parts` times one after the other, what all parts together know."""
        return self._made(*(sums.reshape(parts, -1, *sums.shape[1:]).sum(axis=0) for sums in self._sums))

    def chosen(self, houses: NDArray[np.intp]) -> Regression:
        """A copy of what is known of some houses."""
        return self._made(*(sums[houses] for sums in self._sums))

    @property
    def _sums(self) -> tuple[Floats, Floats, Floats, Floats]:
        return (self._xx, self._xy, self._yy, self.count)

    def _made(self, xx: Floats, xy: Floats, yy: Floats, count: Floats) -> Regression:
        other = Regression(0, np.ones(self._xy.shape[1]))
        other._precision = self._precision
        other._xx, other._xy, other._yy, other.count = xx, xy, yy, count
        return other

    def packed(self) -> Floats32:
        """All sums in a row, for `unpack` of one of the same kind."""
        upper = np.triu_indices(self._xy.shape[1])
        parts = (self._xx[:, upper[0], upper[1]], self._xy, self._yy, self.count)
        return np.concatenate([part.ravel() for part in parts]).astype("<f4")

    def packed_size(self) -> int:
        """How many numbers `packed` gives."""
        houses, n = self._xy.shape
        return houses * (n * (n + 1) // 2 + n + 2)

    def unpack(self, packed: Floats32) -> None:
        """Takes back what `packed` gave."""
        houses, n = self._xy.shape
        rows, columns = np.triu_indices(n)
        triangle, self._xy, self._yy, self.count = (
            part.astype(np.float64).reshape(houses, *shape)
            for part, shape in zip(
                np.split(packed, houses * np.cumsum([len(rows), n, 1])), ((len(rows),), (n,), (), ()), strict=True
            )
        )
        self._xx[:, rows, columns] = self._xx[:, columns, rows] = triangle

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
