"""A policy that learns which houses are worth moving: a factor on the price of each house's moves. Numbers only.

The objective counts what a forecast says; it does not know which houses' moves have paid. Some few inputs, scaled, go
linearly into the logarithm of the factor. The weights begin with imitation (what perfect foresight moved, among all
that could have been moved at that instant) and are improved in the closed loop itself, by the cross-entropy method on
common days: all members of a generation see the same loads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.features import NAMES
from edge_balancer.forecast.interface import LEAST_FACTOR, MOST_FACTOR
from edge_balancer.learning.graph import Graph

Singles = NDArray[np.float32]
Floats = NDArray[np.float64]

INPUTS: Final = ("step_2min", "step_6min", "step_20min", "session", "session_age", "up_age", "unrest", "pv", "roof")
COLUMNS: Final = tuple(NAMES.index(name) for name in INPUTS)
MIDDLE: Final = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.3, 0.5, 0.2], dtype=np.float32)
WIDTH: Final = np.array([0.5, 0.5, 0.5, 2.0, 0.3, 0.25, 0.3, 0.5, 0.3], dtype=np.float32)
"""Fixed, so that weights learned on one feeder mean the same on another."""
_CLIP: Final = 3.0
ELITE: Final = 0.3
FIRST_WIDTH: Final = 0.12
LEAST_WIDTH: Final = 0.02


@dataclass(frozen=True, slots=True)
class Policy:
    """`weights` [inputs] in the logarithm of the factor. A common factor would be undone by the price's own account,
    which is why there is no constant."""

    weights: tuple[float, ...]

    def price_factor(self, inputs: Singles) -> Singles:
        """[n] within the interface's bounds, for all features [n, features]."""
        return self.factor_of(inputs[:, COLUMNS])

    def factor_of(self, chosen: Singles) -> Singles:
        """The same of its own inputs alone, [..., inputs]."""
        scaled = np.clip((chosen - MIDDLE) * (1.0 / WIDTH), -_CLIP, _CLIP)
        log = scaled @ np.array(self.weights, dtype=np.float32)
        return np.asarray(np.exp(np.clip(log, np.log(LEAST_FACTOR), np.log(MOST_FACTOR))), dtype=np.float32)

    def draw(self, graph: Graph, source: str) -> str:
        """Write itself into a graph; name of the output, of shape [N]."""
        scaled = graph.scaled(graph.columns(source, COLUMNS), MIDDLE, WIDTH, _CLIP)
        log = graph.add("MatMul", [scaled, graph.constant(np.array(self.weights, dtype=np.float32))])
        limits = [graph.constant(np.asarray(np.log(one), dtype=np.float32)) for one in (LEAST_FACTOR, MOST_FACTOR)]
        return graph.add("Exp", [graph.add("Clip", [log, *limits])])


def imitated(inputs: Singles, log_worth: Floats, moved: NDArray[np.bool_]) -> Policy:
    """From candidates for a move: `inputs` [n, inputs] of `COLUMNS`, `log_worth` [n] logarithm of the predicted gain
    over the price, and whether foresight `moved` that house then. A logistic regression says how much an input shifts
    the threshold at which foresight moves."""
    from sklearn.linear_model import LogisticRegression

    scaled = np.clip((inputs - MIDDLE) / WIDTH, -_CLIP, _CLIP)
    x = np.column_stack([log_worth, scaled])
    if moved.all() or not moved.any():
        return Policy((0.0,) * len(INPUTS))
    model = LogisticRegression(C=1.0, max_iter=200)
    model.fit(x, moved)
    slope, rest = float(model.coef_[0, 0]), model.coef_[0, 1:]
    if slope <= 0.05:
        # What foresight does is not explained by the predicted gain at all: there is nothing to shift.
        return Policy((0.0,) * len(INPUTS))
    return Policy(tuple(np.clip(-rest / slope, -0.5, 0.5).tolist()))


def improved(
    start: Policy,
    judge: Callable[[list[Policy]], Floats],
    generations: int,
    brood: int,
    rng: np.random.Generator,
    said: Callable[[str], None],
) -> Policy:
    """The cross-entropy method from `start`. `judge` gives each policy's cost, lower is better, on common days; the
    factor of one throughout and the start are always among those judged, and the best mean of the end is returned
    only if it is better than both there."""
    neutral = Policy((0.0,) * len(INPUTS))
    mean, width = np.array(start.weights), np.full(len(INPUTS), FIRST_WIDTH)
    best, best_cost = neutral, np.inf
    for generation in range(generations):
        half = rng.standard_normal(((brood + 1) // 2, len(INPUTS)))
        # Mirrored: what is due to chance cancels between the two.
        draws = np.concatenate([half, -half])[:brood]
        members = [neutral, Policy(tuple(mean.tolist())), *(Policy(tuple((mean + width * d).tolist())) for d in draws)]
        cost = judge(members)
        order = np.argsort(cost[2:], kind="stable")[: max(2, round(ELITE * brood))]
        elite = np.array([members[2 + k].weights for k in order])
        for member, one in zip(members, cost.tolist(), strict=True):
            gain = one - float(cost[0])
            if gain < best_cost and member is not neutral:
                best, best_cost = member, gain
        said(f"policy, generation {generation + 1} of {generations}: {best_cost:+.2%} against no policy")
        mean = 0.3 * mean + 0.7 * elite.mean(axis=0)
        width = np.maximum(0.3 * width + 0.7 * elite.std(axis=0), LEAST_WIDTH)
    if not generations:
        return start
    final = Policy(tuple(mean.tolist()))
    cost = judge([neutral, final, best])
    return (neutral, final, best)[int(np.argmin(cost))]
