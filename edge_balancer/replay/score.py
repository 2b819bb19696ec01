"""What the moves were worth: the neutral current as measured from the readings, with the moves and without them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_balancer.replay.readings_file import Row
from edge_balancer.settings.root import Configuration
from edge_balancer.types.phases import ROTATION, Phase


class Score:
    """Neutral current |sum I| of the metered houses at every instant of the record; each value stands until the next
    instant.

    A house counts with its last reading, for as long as a reading may be fresh. No forecast and no decision enters
    here.
    """

    def __init__(self, config: Configuration, start: dict[str, Phase]) -> None:
        self._index = {house: k for k, house in enumerate(start)}
        self._nominal = config.feeder.nominal_voltage_v
        self._hold_s = config.telemetry.max_age_s
        self._start = ROTATION[np.array([int(phase) for phase in start.values()], dtype=np.int8)]
        self._phase = self._start.copy()
        self._current: NDArray[np.complex128] = np.zeros(len(start), dtype=np.complex128)
        self._at: NDArray[np.float64] = np.full(len(start), -np.inf)
        self._t: list[float] = []
        self._without: list[float] = []
        self._with: list[float] = []

    def moved(self, house: str, phase: Phase) -> None:
        self._phase[self._index[house]] = ROTATION[phase]

    def measure(self, t: float, rows: list[Row]) -> None:
        """Take the rows of one instant. Three-phase houses are balanced by their nature and do not count."""
        for house, p, q, v in rows:
            k = self._index.get(house)
            if k is None:
                continue
            volts = v if v > 0.0 else self._nominal
            self._current[k] = complex(p, -q if q == q else 0.0) / volts
            self._at[k] = t
        live = np.where(t - self._at <= self._hold_s, self._current, 0.0)
        self._t.append(t)
        self._without.append(abs(complex(live @ self._start)))
        self._with.append(abs(complex(live @ self._phase)))

    @property
    def days(self) -> float:
        return (self._t[-1] - self._t[0]) / 86_400.0 if len(self._t) > 1 else 0.0

    def result(self) -> dict[str, dict[str, float]]:
        """Mean and 95th percentile in A, weighted by how long each value stood (at most the hold)."""
        if not self._t:
            nothing = {"mean_a": 0.0, "p95_a": 0.0}
            return {"without_moves": nothing, "with_moves": dict(nothing)}
        stood = np.minimum(np.diff(self._t, append=self._t[-1]), self._hold_s)
        if len(stood) > 1:
            stood[-1] = float(np.median(stood[:-1]))
        else:
            stood[-1] = 1.0
        return {"without_moves": _summary(self._without, stood), "with_moves": _summary(self._with, stood)}


def _summary(values: list[float], weight: NDArray[np.float64]) -> dict[str, float]:
    a = np.array(values)
    order = np.argsort(a, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    p95 = float(a[order][np.searchsorted(share, 0.95)])
    return {"mean_a": round(float(np.average(a, weights=weight)), 3), "p95_a": round(p95, 3)}
