"""How long a model takes for a feeder of 200 houses on this machine."""

from __future__ import annotations

import statistics
import time
from typing import Final

import numpy as np

from edge_balancer.forecast.answers import answer_of
from edge_balancer.forecast.features import FEATURES
from edge_balancer.forecast.interface import Model

HOUSES: Final = 200
REPEATS: Final = 50


def median_ms(model: Model) -> float:
    """Median of some calls, ms, on rows within what the model was trained on. Raises ModelRefusedError for nonsense."""
    chance = np.random.default_rng(0)
    rows = chance.random((HOUSES, len(FEATURES)))
    if model.card.ranges is not None:
        low, high = model.card.ranges.T
        rows = low + rows * (high - low)
    table = rows.astype(np.float32)
    took = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        outputs = model(table)
        took.append(1000.0 * (time.perf_counter() - begin))
        answer_of(outputs, HOUSES)
    return statistics.median(took)
