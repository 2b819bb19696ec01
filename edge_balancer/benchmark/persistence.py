"""All stays as it was in the last slot: the forecast that needs none. Pure.

Its error is told from the history alone, as a causal forecaster could.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.currents import Complexes
from edge_balancer.benchmark.case import Case
from edge_balancer.benchmark.oracle import Oracle
from edge_balancer.forecast.horizon import BLOCK_MINUTES, Horizon, horizon

_LOOKS: Final = 500


class Persistence:
    """The last whole slot of a case, whatever the block."""

    name: Final = "persistence"

    def __init__(self, case: Case) -> None:
        self._case = case
        self._error_va = self._off(Oracle(case))

    def forecast(self, wall: float, horizon: Horizon) -> Complexes:
        """Power (houses, blocks) in VA of the slot that ended last before `wall` (Unix s)."""
        slot = int((wall - self._case.start) / self._case.step_s + 1e-6) - 1
        last = self._case.power[min(max(slot, 0), self._case.slots - 1)].astype(np.complex128)
        return np.repeat(last[:, np.newaxis], len(horizon.weights_min), axis=1)

    def error_va(self, first_va: float) -> NDArray[np.float64]:
        """Of all houses' sum, their errors taken as independent, as the blend's are."""
        del first_va
        return self._error_va

    def _off(self, truth: Oracle) -> NDArray[np.float64]:
        """Root of the houses' summed mean square errors, [blocks], at even instants of the history."""
        case, looking = self._case, horizon(30.0)
        last = case.judged - int(sum(BLOCK_MINUTES) * 60.0 / case.step_s)
        if last < 2:
            return np.zeros(len(BLOCK_MINUTES))
        square = np.zeros((case.houses, len(BLOCK_MINUTES)))
        slots = np.unique(np.linspace(1, last, _LOOKS).astype(np.intp))
        for slot in slots.tolist():
            wall = case.start + slot * case.step_s
            square += np.abs(truth.forecast(wall, looking) - self.forecast(wall, looking)) ** 2
        return np.asarray(np.sqrt((square / len(slots)).sum(axis=0)))
