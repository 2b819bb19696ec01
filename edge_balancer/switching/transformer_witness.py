"""The transformer's phases step by the load of a house that moves. Did they, and by more than they wander anyway?

Two figures are followed: the transformer's power itself, and what it carries beyond the metered houses. The second is
calmer where the meters are quick, the first where they are slow; of each the log knows how far it has wandered lately
over as long a time as lies between the readings compared, and the calmer one bears witness. Pure.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_balancer.switching.picture import Before, Finding, Floats, Move, Picture

KEPT_S: Final = 900.0
"""How long readings are kept: from them the log knows how restless the feeder is at this hour."""
LEAST_PAIRS: Final = 8
"""Fewer comparisons do not show how far the transformer wanders."""
MEAN_S: Final = 10.0
"""A transformer's meter gives means over so long at most: a reading of earlier after the move may be of both phases."""
OLDEST_S: Final = 60.0
"""An older reading does not show how things stood before the move."""
UNSETTLED_S: Final = 30.0
"""A house commanded within this time before may move between the readings compared."""
TELLING_WATTS: Final = 500.0
"""A smaller load is not worth the question."""
AGREE_WANDERS: Final = 1.0
"""The house's load must be so many times as much as the greatest the transformer has wandered before it may agree."""
ACCUSE_WANDERS: Final = 2.0
"""And so many times before it may accuse a switch."""
LEVEL_S: Final = 180.0
LEAST_LEVEL: Final = 4
"""How it stood before the move is the median of so many readings at least, of so long."""
STEADY: Final = 0.5
"""The phase that the move does not touch must keep still to this share of the house's load, or the transformer tells of
something else. So must the load itself before it may accuse: an inverter that tripped speaks against no switch."""
MOVED: Final = 0.35
"""With less of its load than this still on the old phase the house has moved."""
ODD: Final = 0.25
"""A switch is accused where all of the load is on the old phase to within this share, and the third phase as still."""


@dataclass(frozen=True, slots=True)
class TransformerWitness:
    """What the transformer says of a move; `waiting` where it may yet say more."""

    finding: Finding | None
    words: str
    waiting: bool


SILENT: Final = TransformerWitness(None, "", False)


@dataclass(frozen=True, slots=True)
class _Row:
    at: float
    power_w: Floats
    """[3]"""
    beyond_w: Floats
    """[3] what it carried beyond the houses; NaN where a house was not read or was on its way."""


class TransformerLog:
    """The transformer's readings of the last quarter of an hour."""

    def __init__(self) -> None:
        self._rows: deque[_Row] = deque()

        self.newest = -math.inf
        """When the newest was taken."""

    def take(self, picture: Picture) -> None:
        """Note the transformer's reading, where it is a new one."""
        reading = picture.transformer
        if reading is None or not reading.at > self.newest:
            return
        self.newest = reading.at
        if any(map(math.isnan, reading.p)):
            return
        power = np.array(reading.p)
        self._rows.append(_Row(reading.at, power, power - _booked(picture)))
        while self._rows[0].at < reading.at - KEPT_S:
            self._rows.popleft()

    def ask(self, picture: Picture, move: Move, before: Before) -> TransformerWitness:
        """What the transformer says of a move of a house that has been read since."""
        p = float(picture.p[move.house])
        first = self._last_until(before.at)
        if first is None or not abs(p) >= TELLING_WATTS or np.isnan(before.p) or _others_move(picture, move, first.at):
            return SILENT
        last = next((row for row in self._rows if row.at >= move.since + MEAN_S), None)
        if last is None:
            expected = move.since + MEAN_S - first.at
            telling = abs(p) >= AGREE_WANDERS * self._wander(first, expected, move)[0]
            return TransformerWitness(None, "", telling)
        lag = last.at - first.at
        wander, beyond = self._wander(first, lag, move, last)
        if not abs(p) >= AGREE_WANDERS * wander:
            return SILENT
        if beyond:
            change = last.beyond_w - first.beyond_w
        else:
            # Its own load left the old phase as it was, and came to the new one as it is.
            change = last.power_w - first.power_w
            change[move.origin] += before.p
            change[move.target] -= p
        if not abs(float(change[move.third])) <= STEADY * abs(p):
            return SILENT
        # The house is booked on its new phase. If it had stayed, its load would be surplus on the old one and missing
        # there.
        share = float(change[move.origin] - change[move.target]) / (2.0 * p)
        if share < MOVED:
            words = f"the transformer carries the house's {p:.0f} W on the new phase"
            return TransformerWitness(Finding.AGREES, words, False)
        if not abs(p) >= ACCUSE_WANDERS * wander or abs(p - before.p) > STEADY * abs(p):
            return SILENT
        return self._against(picture, move, first, p)

    def _against(self, picture: Picture, move: Move, first: _Row, p: float) -> TransformerWitness:
        """Whether the load is still surplus on the old phase and missing on the new one, with every house read since.

        What another house switched on in the same seconds looks alike at first, and no more once its meter has spoken;
        so does an odd reading from before the move, hence the median of several.
        """
        houses = (picture.phase >= 0) | picture.p3.any(axis=1)
        if not picture.whole(move.house, move.since) or not (picture.at[houses] >= move.since).all():
            return TransformerWitness(None, "", True)
        calm = np.array([row.beyond_w for row in self._rows if first.at - LEVEL_S <= row.at <= first.at])
        calm = calm[np.isfinite(calm).all(axis=1)]
        if len(calm) < LEAST_LEVEL:
            return SILENT
        change = self._rows[-1].beyond_w - np.median(calm, axis=0)
        share = float(change[move.origin] - change[move.target]) / (2.0 * p)
        if abs(share - 1.0) <= ODD and abs(float(change[move.third])) <= ODD * abs(p):
            words = f"the transformer still carries the house's {p:.0f} W on the old phase"
            return TransformerWitness(Finding.CONTRADICTS, words, False)
        return SILENT

    def _last_until(self, at: float) -> _Row | None:
        row = next((row for row in reversed(self._rows) if row.at <= at), None)
        return row if row is not None and at - row.at <= OLDEST_S else None

    def _wander(self, first: _Row, lag: float, move: Move, last: _Row | None = None) -> tuple[float, bool]:
        """How far the difference of two phases has wandered lately over `lag` s, as the greatest half change, W; and
        whether that is of what is beyond the houses, the calmer figure. Infinity where it is not known."""
        rows = [row for row in self._rows if row.at <= first.at]
        at = np.array([row.at for row in rows])
        later = np.searchsorted(at, at + max(lag, 1e-3))
        earlier = np.flatnonzero(later < len(rows))
        later = later[earlier]

        def greatest(powers: list[Floats]) -> float:
            apart = np.array([power[move.target] - power[move.origin] for power in powers])
            change = np.abs(apart[later] - apart[earlier]) / 2.0
            change = change[np.isfinite(change)]
            return float(change.max()) if len(change) >= LEAST_PAIRS else math.inf

        whole = greatest([row.power_w for row in rows])
        if np.isnan(first.beyond_w).any() or (last is not None and np.isnan(last.beyond_w).any()):
            return whole, False
        beyond = greatest([row.beyond_w for row in rows])
        return min(whole, beyond), beyond <= whole


def _others_move(picture: Picture, move: Move, since: float) -> bool:
    """Whether another house moves, or may just have moved, between the readings compared."""
    unsettled = picture.moving | (picture.last_move > since - UNSETTLED_S)
    unsettled[move.house] = False
    return bool(unsettled.any())


def _booked(picture: Picture) -> Floats:
    """What the metered houses draw from each phase, W, [3]; NaN unless all are known and none is on its way."""
    single = picture.phase >= 0
    metered = single | picture.p3.any(axis=1)
    if picture.moving.any() or not picture.fresh[metered].all():
        return np.full(3, np.nan)
    sums = np.bincount(picture.phase[single], weights=picture.p[single], minlength=3)
    return np.asarray(sums + picture.p3.sum(axis=0))
