"""What each phase did to a house: the mean of its neighbours' changes on that phase, as values of a regression. Pure.

W_k of a house is the mean of w (`changes`) over the houses on phase k without the house itself, its neighbours most
(`coupling`), and over the transformer's meter where there is one, less the mean of the three.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.belief import UNSURE_WEIGHT, Belief
from edge_balancer.analysis.phases.changes import Changes, lagged
from edge_balancer.analysis.phases.coupling import FLOOR
from edge_balancer.analysis.phases.memories import LAGS
from edge_balancer.analysis.phases.window import Bools, Floats


class Company:
    """The phases of one window, S changes of H houses."""

    def __init__(
        self, found: Changes, w: Floats, use: Bools, frame: NDArray[np.int64], belief: Belief, near: Floats
    ) -> None:
        """`frame` [S, H] recorded phases, `near` [H, H] how much each house is compared with each other one."""
        self._found, self._use = found, use
        self._frame = np.maximum(frame, 0)
        held = (self._frame + belief.offset) % 3
        weight = np.where(use, belief.weight, 0.0)
        on = np.stack([weight * (held == k) for k in range(3)])
        metered = FLOOR * found.transformer_use[:, None]
        self._sums = (w * on) @ near.T + (FLOOR * found.transformer).T[:, :, None]
        self._shares = on @ near.T + metered
        # Whoever is there to compare with, each phase, the house itself left out.
        others = on.sum(axis=2).T[:, :, None] - on.transpose(1, 0, 2) + found.transformer_use[:, None, None]
        self._enough: Bools = (others > UNSURE_WEIGHT - 1e-9).all(axis=1)

    def rows(self, house: int) -> Bools:
        """[S] where the house can be compared with somebody on every phase."""
        return np.asarray(self._use[:, house] & self._enough[:, house])

    def values(self, house: int) -> Floats:
        """[S, n] W of the recorded phase and of the one after it at each lag, what all share, the own power."""
        phases = (self._sums[:, :, house] / np.maximum(self._shares[:, :, house], 1e-9)).T
        phases = phases - phases.mean(axis=1, keepdims=True)
        slots, frame = np.arange(len(phases)), self._frame[:, house]
        columns = []
        for lag in range(-LAGS, LAGS + 1):
            earlier = lagged(phases, lag)
            columns += [earlier[slots, frame], earlier[slots, (frame + 1) % 3]]
        return np.concatenate([np.stack(columns, axis=1), self._found.common, self._found.own[:, house]], axis=1)
