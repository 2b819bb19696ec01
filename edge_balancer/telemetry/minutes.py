"""Means over wall-clock minutes, for the store. A house that sent nothing in a minute has no row: gaps are not
filled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_balancer.telemetry.latest import Round
from edge_balancer.types.readings import ThreePhaseReading, Triple
from edge_balancer.types.snapshot import FeederState, MinuteMean, MinuteOfFeeder

Floats = NDArray[np.float64]
MINUTE_S = 60


class MinuteMeans:
    """Sums of the running minute; arrays of shape [houses]."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = tuple(ids)
        self._minute: int | None = None
        self._three: dict[str, list[tuple[Triple, Triple, Triple]]] = {}
        """House -> its readings: power, reactive power and voltage of the three phases."""
        self._feeder: list[FeederState] = []
        self._clear()

    def _clear(self) -> None:
        count = len(self._ids)
        self._n = np.zeros(count)
        self._p = np.zeros(count)
        self._q = np.zeros(count)
        self._q_n = np.zeros(count)
        self._v = np.zeros(count)
        self._v_n = np.zeros(count)
        self._v_min = np.full(count, np.inf)
        self._v_max = np.full(count, -np.inf)

    def add(self, batch: Round) -> None:
        """Readings of distinct houses that count for the running minute."""
        index = batch.index
        self._n[index] += 1
        self._p[index] += batch.p
        known = np.isfinite(batch.q)
        self._q[index[known]] += batch.q[known]
        self._q_n[index[known]] += 1
        known = np.isfinite(batch.v)
        seen, v = index[known], batch.v[known]
        self._v[seen] += v
        self._v_n[seen] += 1
        self._v_min[seen] = np.minimum(self._v_min[seen], v)
        self._v_max[seen] = np.maximum(self._v_max[seen], v)

    def add_three_phase(self, readings: Sequence[ThreePhaseReading]) -> None:
        for reading in readings:
            self._three.setdefault(reading.house, []).append((reading.p, reading.q, reading.v))

    def add_feeder(self, state: FeederState) -> None:
        self._feeder.append(state)

    def turn(self, wall: float, phase: NDArray[np.int8]) -> tuple[tuple[MinuteMean, ...], tuple[MinuteOfFeeder, ...]]:
        """Close the minute if `wall` (Unix s) is in another one; `phase` [houses] is where the houses are now."""
        minute = int(wall // MINUTE_S) * MINUTE_S
        if minute == self._minute:
            return (), ()
        closed, self._minute = self._minute, minute
        if closed is None:
            return (), ()
        rows = (*self._house_rows(closed, phase), *self._three_rows(closed))
        feeder = self._feeder_row(closed)
        self._three.clear()
        self._feeder.clear()
        self._clear()
        return rows, feeder

    def _house_rows(self, minute: int, phase: NDArray[np.int8]) -> list[MinuteMean]:
        seen = np.flatnonzero(self._n > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            p = self._p[seen] / self._n[seen]
            q = self._q[seen] / self._q_n[seen]
            v = self._v[seen] / self._v_n[seen]
        v_min = np.where(self._v_n[seen] > 0, self._v_min[seen], np.nan)
        v_max = np.where(self._v_n[seen] > 0, self._v_max[seen], np.nan)
        columns = (seen, phase[seen], p, q, v_min, v, v_max, self._n[seen])
        return [
            MinuteMean(minute, self._ids[house], where, p_w, q_var, low, mean, high, int(n))
            for house, where, p_w, q_var, low, mean, high, n in zip(*(c.tolist() for c in columns), strict=True)
        ]

    def _three_rows(self, minute: int) -> list[MinuteMean]:
        rows = []
        for house, values in self._three.items():
            table = np.array(values)
            known = np.isfinite(table)
            count = known.sum(axis=0)
            means = np.where(count > 0, np.where(known, table, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
            v = np.where(known[:, 2], table[:, 2], np.nan)
            columns = (*means.tolist(), np.fmin.reduce(v).tolist(), np.fmax.reduce(v).tolist())
            for phase, (p_w, q_var, mean, low, high) in enumerate(zip(*columns, strict=True)):
                name = f"{house}/L{phase + 1}"
                rows.append(MinuteMean(minute, name, phase, p_w, q_var, low, mean, high, len(values)))
        return rows

    def _feeder_row(self, minute: int) -> tuple[MinuteOfFeeder, ...]:
        if not self._feeder:
            return ()
        states = self._feeder
        p = np.mean([[phase.p for phase in s.phases] for s in states], axis=0)
        v_max = np.array([[_number(phase.v_max) for phase in s.phases] for s in states])
        v_min = np.array([[_number(phase.v_min) for phase in s.phases] for s in states])
        return (
            MinuteOfFeeder(
                minute=minute,
                i_n=float(np.mean([s.i_n for s in states])),
                i_n_max=max(s.i_n for s in states),
                imbalance=float(np.mean([s.imbalance for s in states])),
                p=_triple(p),
                v_max=_triple(np.fmax.reduce(v_max, axis=0)),
                v_min=_triple(np.fmin.reduce(v_min, axis=0)),
                coverage=float(np.mean([s.coverage for s in states])),
            ),
        )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _triple(values: Floats) -> tuple[float, float, float]:
    first, second, third = values.tolist()
    return (first, second, third)
