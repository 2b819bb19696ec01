"""Recordings of a real site: the minute means of its own store. Reads only, an hour at a time.

Quarters of an hour, to which older minutes are thinned, tell nothing of how long a load lives and are left out: a site
that is to learn keeps its minutes for some weeks (`storage.minute_days`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from edge_balancer.learning.errors import LearningError
from edge_balancer.learning.recordings import DAY_S, PLAIN, SOLAR, Piece, Recording
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.minutes import POWER_SCALE

STEP_S: Final = 60
LEAST_DAYS: Final = 4.0
_HOUR_S: Final = 3600
_EDGE: Final = "SELECT minute, series FROM house_minutes WHERE p IS NOT NULL ORDER BY minute"
_ROWS: Final = (
    "SELECT minute, series, phase, p, q FROM house_minutes WHERE minute >= ? AND minute < ? AND p IS NOT NULL "
    "ORDER BY minute"
)


def store_recording(database: Path, config: Configuration, most_days: float | None = None) -> Recording:
    """The single-phase houses of the configuration that the store knows, over its last `most_days` or all that it
    has. Raises LearningError where that is too little, StorageError where it cannot be read."""
    known = [house for house in config.houses if not house.three_phase]
    index = _series(database, {house.id: h for h, house in enumerate(known)})
    first, last = _span(database, index)
    if last - first < LEAST_DAYS * DAY_S:
        raise LearningError(
            f"{database}: {(last - first) / DAY_S:.1f} days of minutes; learning needs {LEAST_DAYS:g} at least and "
            "gains from some weeks: set storage.minute_days to 35, and come back then"
        )
    if most_days is not None:
        first = max(first, int(last - most_days * DAY_S) // STEP_S * STEP_S)
    pv_w = np.array([house.pv_w for house in known], dtype=np.float64)
    away_s = config.decision.pv_reconnect_s + STEP_S
    slots = (last - first) // STEP_S + 1

    def pieces() -> Iterator[Piece]:
        away = _Away(pv_w, away_s)
        for begin in range(first, last + 1, _HOUR_S):
            end = min(begin + _HOUR_S, last + STEP_S)
            yield _hour(database, index, len(known), (first, begin, end), away)

    kinds = tuple(SOLAR if watts > 0.0 else PLAIN for watts in pv_w.tolist())
    houses = tuple(house.id for house in known)
    return Recording(f"store-{config.feeder.id}", houses, kinds, pv_w, float(first), float(STEP_S), slots, pieces)


def _series(database: Path, houses: dict[str, int]) -> dict[int, int]:
    """The store's number of each house -> its index."""
    with open_reader(database) as connection:
        known = connection.execute("SELECT series, name FROM series").fetchall()
    return {int(number): houses[str(name)] for number, name in known if str(name) in houses}


def _span(database: Path, index: dict[int, int]) -> tuple[int, int]:
    """First and last minute of these houses, by the primary key from either end: no look at every row."""
    found = []
    with open_reader(database) as connection:
        for order in ("ASC", "DESC"):
            rows = connection.execute(f"{_EDGE} {order}")
            found.append(next((int(minute) for minute, number in rows if int(number) in index), None))
    first, last = found
    if first is None or last is None:
        raise LearningError(f"{database}: no minute of a configured single-phase house; give the site's --config")
    return first, last


class _Away:
    """Until when each house's inverter is away after a move that the store shows: its load then says nothing."""

    def __init__(self, pv_w: np.ndarray[tuple[int], np.dtype[np.float64]], away_s: float) -> None:
        self._pv = (pv_w > 0.0).tolist()
        self._away_s = away_s
        self._phase = [-1] * len(pv_w)
        self._load_w = [0.0] * len(pv_w)
        self._until = [0.0] * len(pv_w)

    def heard(self, house: int, minute: int, phase: int, watts: float) -> bool:
        """Whether this minute of the house counts."""
        moved = phase != self._phase[house] and self._phase[house] >= 0
        if moved and self._pv[house] and self._load_w[house] < 0.0:
            self._until[house] = minute + self._away_s
        self._phase[house] = phase
        if minute < self._until[house]:
            return False
        self._load_w[house] = watts
        return True


def _hour(database: Path, index: dict[int, int], houses: int, span: tuple[int, int, int], away: _Away) -> Piece:
    first, begin, end = span
    shape = ((end - begin) // STEP_S, houses)
    load, heard = np.zeros(shape, dtype=np.complex64), np.zeros(shape, dtype=np.bool_)
    # Opened for each hour: a reader that stays holds the write-ahead log up.
    with open_reader(database) as connection:
        for minute, number, phase, p, q in connection.execute(_ROWS, (begin, end)):
            house = index.get(int(number))
            if house is None or not away.heard(house, int(minute), int(phase), float(p)):
                continue
            row = (int(minute) - begin) // STEP_S
            load[row, house] = complex(p, 0 if q is None else q) / POWER_SCALE
            heard[row, house] = True
    return Piece((begin - first) // STEP_S, load, heard)
