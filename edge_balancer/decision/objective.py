"""What imbalance costs: the expected neutral current over the coming hours. Numbers in, numbers out; pure.

A forecast is wrong by some sigma; with an error of that size around it a forecast current n is met as about
sqrt(|n|^2 + sigma^2) on average. That is linear where the imbalance is large and certain, and flat where it is smaller
than what anybody can know. (Minimising |n|^2 instead spends the operations on peaks and leaves the mean.)

The search for moves works on squares. They stand in for the cost exactly, for moves that lead from |n0| to |n1|, with
the weight of the secant: sqrt(a) - sqrt(b) = (a - b) / (sqrt(a) + sqrt(b)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExpectedCurrent:
    """Cost of currents n [..., dims] in A min: sum of `weights_min` * sqrt(|n|^2 + sigma_a^2), [dims] each."""

    weights_min: Floats
    sigma_a: Floats

    def of(self, n: Complex) -> Floats:
        """Cost [...] of n [..., dims]."""
        return np.asarray(np.sqrt(square(n) + self.sigma_a**2) @ self.weights_min)

    @property
    def least(self) -> float:
        """Cost of no imbalance at all: nothing can bring it below this."""
        return float(self.sigma_a @ self.weights_min)

    def secant(self, before: Floats, after: Floats) -> Floats:
        """Weights [dims] with which squares tell the change of cost from |n|^2 = `before` to `after`, [dims] each."""
        sigma2 = self.sigma_a**2
        total = np.sqrt(before + sigma2) + np.sqrt(after + sigma2)
        return np.asarray(self.weights_min / np.maximum(total, 1e-9))


def square(n: Complex) -> Floats:
    """|n|^2, element by element."""
    return np.asarray(n.real**2 + n.imag**2)
