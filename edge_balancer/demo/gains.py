"""What switching gains, judged on the twin's truth and not on what the controller believes. Pure."""

from __future__ import annotations

import numpy as np

from edge_balancer.demo.options import NeutralFigures
from edge_balancer.twin.feeder import Truth


class Gains:
    """Neutral currents with and without moves, from `begin` on; a look counts for the time until the next one."""

    def __init__(self) -> None:
        self.began: float | None = None
        self._wall: list[float] = []
        self._balanced: list[float] = []
        self._without: list[float] = []

    def begin(self, wall: float) -> None:
        """Count from here; the time before the controller was up belongs to nobody."""
        if self.began is None:
            self.began = wall

    def add(self, truth: Truth) -> None:
        if self.began is not None and truth.wall >= self.began:
            self._wall.append(truth.wall)
            self._balanced.append(truth.neutral_a)
            self._without.append(truth.neutral_without_a)

    @property
    def minutes(self) -> float:
        return (self._wall[-1] - self._wall[0]) / 60.0 if self._wall else 0.0

    def figures(self) -> tuple[NeutralFigures, NeutralFigures]:
        """Without moves, and balanced. Zero where nothing was counted."""
        # A busy machine looks at uneven intervals; a look's weight is the time it stands for.
        weight = np.diff(np.array([*self._wall, self._wall[-1] if self._wall else 0.0]))
        return _figures(self._without, weight), _figures(self._balanced, weight)


def _figures(currents: list[float], weight: np.ndarray[tuple[int], np.dtype[np.float64]]) -> NeutralFigures:
    if not currents or weight.sum() <= 0.0:
        return NeutralFigures(0.0, 0.0)
    amps = np.array(currents)
    order = np.argsort(amps)
    share = np.cumsum(weight[order]) / weight.sum()
    p95 = amps[order][np.searchsorted(share, 0.95)]
    return NeutralFigures(float(amps @ weight / weight.sum()), float(p95))
