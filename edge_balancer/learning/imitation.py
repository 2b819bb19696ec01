"""What perfect foresight moved, among all that could have been moved at that instant: rows for a policy to imitate.

Foresight is the benchmark's: pairwise dynamic programming on the judged minutes. It moves a house right before its load
begins, when no meter shows anything yet: who reacts can do the same some minutes later. So at each of its moves, and
that much later, the predicted gain of every house's best single move is told from what was known then, with the houses
where foresight had them before the move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.benchmark.case import Case
from edge_balancer.benchmark.pairwise import Effort, Progress, best_known
from edge_balancer.forecast.horizon import horizon, patience_for
from edge_balancer.learning.feeders import Ready
from edge_balancer.learning.loop import STEP_S
from edge_balancer.learning.policy import Policy, imitated
from edge_balancer.types.phases import ROTATION

LAG_MIN: Final = 3
"""On two feeders the predicted gain tells foresight's moves no better than chance at the instant itself (area under the
curve 0.50), and 0.64, 0.66, 0.67, 0.68 and 0.69 of it 1, 2, 3, 5 and 10 minutes later."""
LEAST_WORTH: Final = 0.05
"""Houses whose predicted gain is a smaller share of the usual one are no candidates."""


@dataclass(frozen=True, slots=True)
class Examples:
    """`inputs` [n, policy's inputs]; `gain` [n] predicted, A min; `moved` [n] whether foresight moved that house."""

    inputs: NDArray[np.float32]
    gain: NDArray[np.float64]
    moved: NDArray[np.bool_]


def examples(ready: Ready, correction_w: NDArray[np.float32] | None, budget: float, progress: Progress) -> Examples:
    """From one feeder whose inputs for the policy were kept."""
    feeder = ready.feeder
    houses = feeder.load.shape[1]
    case = Case(
        feeder.load, feeder.pv_w, np.ones(houses, dtype=np.bool_), feeder.initial, 60.0, 0.0, feeder.judged,
        feeder.roof_w, feeder.nominal_v,
    )  # fmt: skip
    rng = np.random.default_rng([7, houses, len(feeder.load)])
    schedule = best_known(case, (budget,), feeder.initial, Effort(rounds=0), rng, progress)[budget].schedule
    parts = []
    rows, moving = np.nonzero(np.diff(schedule, axis=0))
    for row in np.unique(rows).tolist():
        minute = feeder.judged + row + LAG_MIN
        if minute >= len(feeder.load):
            continue
        forecast = feeder.forecast[minute] + (0.0 if correction_w is None else correction_w[minute])
        current = np.conj(forecast) / feeder.nominal_v
        weights = horizon(patience_for(budget, float(feeder.unrest[minute]), STEP_S)).weights_min
        gain = _gains(current, feeder.error_va[minute] / feeder.nominal_v, schedule[row], weights)
        moved = np.zeros(houses, dtype=np.bool_)
        moved[moving[rows == row]] = True
        parts.append((ready.kept[minute], gain, moved))
    if not parts:
        none = np.zeros((0, ready.kept.shape[2]), dtype=np.float32)
        return Examples(none, np.zeros(0), np.zeros(0, dtype=np.bool_))
    return Examples(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def imitating(found: list[Examples]) -> Policy:
    """A policy of what foresight did on several feeders."""
    inputs = np.concatenate([one.inputs for one in found])
    moved = np.concatenate([one.moved for one in found])
    # In units of each feeder's usual gain of a move that was made, for houses differ between feeders.
    scales = [float(np.median(one.gain[one.moved])) if one.moved.any() else 1.0 for one in found]
    worth = np.concatenate([one.gain / max(scale, 1e-6) for one, scale in zip(found, scales, strict=True)])
    some = worth > LEAST_WORTH
    return imitated(inputs[some], np.log(worth[some]), moved[some])


def _gains(
    current: NDArray[np.complexfloating],
    error: NDArray[np.floating],
    phase: NDArray[np.int8],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """[houses] what the better of a house's two moves takes off the expected current, A min."""
    turned = current * ROTATION[phase][:, np.newaxis]
    neutral = turned.sum(axis=0)
    before = float(np.sqrt(np.abs(neutral) ** 2 + error**2) @ weights)
    best = np.full(len(current), -np.inf)
    for step in (1, 2):
        then = neutral - turned + current * ROTATION[(phase + step) % 3][:, np.newaxis]
        best = np.maximum(best, before - np.sqrt(np.abs(then) ** 2 + error**2) @ weights)
    return best
