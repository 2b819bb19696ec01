"""A feeder of the bench without PV, for tests that drive the real engine."""

from __future__ import annotations

import numpy as np

from edge_balancer.benchmark.case import Case
from tests.learning.learning_cases import START, living


def quiet_case(houses: int, minutes: int) -> Case:
    """No inverter trips, so that what meters say hangs on no move."""
    power = living(houses, minutes, 7).astype(np.complex64)
    return Case(
        power,
        np.zeros(power.shape, dtype=np.float32),
        np.ones(houses, dtype=np.bool_),
        (np.arange(houses) % 2).astype(np.int8),
        60.0,
        START,
        minutes // 2,
        np.zeros(houses),
        transformer_kva=30.0,
    )
