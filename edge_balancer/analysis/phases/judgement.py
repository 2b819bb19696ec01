"""From regression coefficients to a phase and a confidence. Pure.

The regression gives each house its slopes b_0, b_1, b_2 on the voltages of the recorded phase and of the two after it,
known up to a constant, with their covariance C. A house on the phase of slope k follows that phase and none of the
others: b_k stands out. With k the largest and j another one, m = b_k - b_j,

    z_kj = m / sqrt(f^2 Var(m) + (tau (b_k - b_least))^2)
    confidence = 1 / (1 + sum_j a_kj Phi(-z_kj) / Phi(z_kj))

a_kj is 1, but against the record (k not the recorded phase, j that phase) the odds that most records are right: what
overturns a record must be clearer than what confirms it. The second term of the root is what the model does not know,
and no amount of data takes away: houses on other streets, neutral conductors and reactances let a house follow a
foreign phase a little. f covers that neighbouring minutes are not independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.analysis.phases.window import Floats

INFLATION: Final = 1.5
RECORD_ODDS: Final = 10.0
"""How much likelier a recorded phase is than another one before any voltage was seen."""
STRUCTURE: Final = 0.2
"""tau: with unlimited data, a slope that stands out by less than half of the spread of all three is never sure."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The likeliest offset from the recorded phase (0: the record is right) and its probability."""

    offset: int
    confidence: float


def judge(slopes: Floats, covariance: Floats, *, recorded: bool = True) -> Judgement:
    """`slopes` [2] on the recorded phase and the one after it, against the third; `covariance` [2, 2]. Without a record
    (`recorded` false) no phase is likelier beforehand.
    """
    b = np.array([slopes[0], slopes[1], 0.0])
    c = np.zeros((3, 3))
    c[:2, :2] = covariance
    best = int(np.argmax(b))
    spread = float(b[best] - b.min())
    against = 0.0
    for other in range(3):
        if other == best:
            continue
        variance = c[best, best] + c[other, other] - 2.0 * c[best, other]
        scale = math.sqrt(INFLATION**2 * max(float(variance), 1e-12) + (STRUCTURE * spread) ** 2)
        doubt = 0.5 * math.erfc(float(b[best] - b[other]) / scale / math.sqrt(2.0))
        against += (RECORD_ODDS if recorded and other == 0 else 1.0) * doubt / (1.0 - doubt)
    return Judgement(best, max(1.0 / 3.0, 1.0 / (1.0 + against)))
