"""The last reading of every house, with its age: what the feeder looks like now. Nothing is judged but freshness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.settings.policy import TelemetrySettings
from edge_balancer.types.readings import TRANSFORMER, Reading, ThreePhaseReading

Floats = NDArray[np.float64]

PERIOD_STEP: Final = 0.2
"""How fast a meter's known period follows its gaps."""
LATE: Final = 1.4
"""A gap of this many periods means that a reading was lost."""
FIRST_LATE: Final = 0.05
LATE_STEP: Final = 0.02
"""How fast the known share of lost readings follows: an outage counts once, a bad radio again and again."""


@dataclass(frozen=True, slots=True)
class Round:
    """Readings of distinct houses as arrays of shape [n]: house index, measured at (monotonic s), W, var (NaN
    unknown), V (NaN unknown)."""

    index: NDArray[np.intp]
    at: Floats
    p: Floats
    q: Floats
    v: Floats


class LatestReadings:
    """Arrays of shape [houses]; three-phase values of shape [houses, 3], zero for single-phase houses."""

    def __init__(self, ids: Sequence[str], settings: TelemetrySettings) -> None:
        count = len(ids)
        self._settings = settings
        self._index = {name: k for k, name in enumerate(ids)}
        self.at: Floats = np.full(count, -np.inf)
        """When it was measured; -inf where never."""
        self.period: Floats = np.full(count, np.nan)
        """How often its meter reports, s; NaN until two readings have come."""
        self.late: Floats = np.full(count, FIRST_LATE)
        """Which share of its readings comes only after others were lost."""
        self.p: Floats = np.full(count, np.nan)
        self.q: Floats = np.full(count, np.nan)
        self.v: Floats = np.full(count, np.nan)
        self.p3: Floats = np.zeros((count, 3))
        self.q3: Floats = np.zeros((count, 3))
        self.v3: Floats = np.full((count, 3), np.nan)
        self.transformer: ThreePhaseReading | None = None
        self._limit: Floats = np.full(count, settings.stale_s)

    def take(self, readings: Iterable[Reading]) -> list[Round]:
        """Store single-phase readings and give them back as rounds in which no house stands twice, in order of arrival.

        A house that is not configured, and a reading older than the one held, are passed over: intake counts them.
        """
        rounds: list[Round] = []
        pending = list(readings)
        while pending:
            seen: set[int] = set()
            rows: list[tuple[int, float, float, float, float]] = []
            later: list[Reading] = []
            for reading in pending:
                house = self._index.get(reading.house)
                if house is None:
                    continue
                if house in seen:
                    later.append(reading)
                    continue
                if reading.at < self.at[house]:
                    continue
                seen.add(house)
                rows.append((house, reading.at, reading.p, reading.q, reading.v))
            pending = later
            if rows:
                rounds.append(self._store(rows))
        return rounds

    def _store(self, rows: list[tuple[int, float, float, float, float]]) -> Round:
        table = np.array(rows, dtype=np.float64)
        index = table[:, 0].astype(np.intp)
        batch = Round(index, table[:, 1], table[:, 2], table[:, 3], table[:, 4])
        self._learn_period(index, batch.at)
        self.at[index] = batch.at
        self.p[index] = batch.p
        self.q[index] = batch.q
        self.v[index] = batch.v
        return batch

    def take_three_phase(self, readings: Iterable[ThreePhaseReading]) -> None:
        """Store readings of three-phase houses and of the transformer."""
        for reading in readings:
            if reading.house == TRANSFORMER:
                if self.transformer is None or reading.at >= self.transformer.at:
                    self.transformer = reading
                continue
            house = self._index.get(reading.house)
            if house is None or reading.at < self.at[house]:
                continue
            self._learn_period(np.array([house]), np.array([reading.at]))
            self.at[house] = reading.at
            self.p3[house] = reading.p
            self.q3[house] = np.nan_to_num(reading.q, nan=0.0)
            self.v3[house] = reading.v

    def _learn_period(self, index: NDArray[np.intp], at: Floats) -> None:
        settings = self._settings
        gap = at - self.at[index]
        known = self.period[index]
        told = np.isfinite(gap) & (gap > 0)
        late = self.late[index]
        # Of the first gap nobody knows what it should have been.
        self.late[index] = np.where(told & ~np.isnan(known), late + LATE_STEP * ((gap > LATE * known) - late), late)
        # A gap after an outage is not a period: it counts as the longest a fresh reading may be old.
        gap = np.minimum(gap, settings.max_age_s / settings.stale_periods)
        learned = np.where(np.isnan(known), gap, known + PERIOD_STEP * (gap - known))
        self.period[index] = np.where(told, learned, known)
        # A period that is not known (NaN) asks for nothing.
        wanted = np.fmax(settings.stale_s, self.period[index] * settings.stale_periods)
        self._limit[index] = np.minimum(wanted, settings.max_age_s)

    def fresh(self, now: float) -> NDArray[np.bool_]:
        """Which houses have a reading that may be used at `now`, shape [houses]."""
        return (now - self.at) <= self._limit

    @property
    def usual_period_s(self) -> float:
        """How often a meter usually reports, the median of the houses, s; NaN while none is known."""
        known = np.sort(self.period[np.isfinite(self.period)])
        half = len(known) // 2
        # `np.median` on some dozens of values takes ten times as long.
        return float((known[half] + known[-1 - half]) / 2.0) if len(known) else float("nan")

    @property
    def stale_limits_s(self) -> Floats:
        """The age at which each house's reading becomes stale, s, shape [houses]."""
        return self._limit

    def fresh_transformer(self, now: float) -> ThreePhaseReading | None:
        """The transformer's reading, where it is not stale."""
        reading = self.transformer
        return reading if reading is not None and now - reading.at <= self._settings.stale_s else None
