"""Whether a learned forecast is better than the blend on this feeder: both are held against what came. Pure.

Every five minutes both forecasts are noted; four hours later, when all blocks have been measured, their errors are
added up: of the sum that makes the neutral current, with every house turned to the phase it was on, and house by house.
A day is 288 such samples, a week seven such days; time in which nothing could be judged is not counted. It survives a
restart; the forecasts that wait for their hours to come do not.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.forecast.horizon import BLOCK_MINUTES, Horizon
from edge_balancer.forecast.usual import pack, unpack
from edge_balancer.types.kept import KeptHouses

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]

STEP_S: Final = 300.0
"""Every block begins and ends at a whole number of these."""
DAY: Final = 288
"""Samples."""
WEEK: Final = 7
"""Days that are judged together, once there are as many."""
WORSE: Final = 1.01
"""A week's root mean square error above the blend's by more than this is no chance."""
MUCH_WORSE: Final = 1.5
"""A day's above the blend's by this much need not wait for the week."""
LEAST_SEEN: Final = 0.8
MOST_SEEN: Final = 1.5
"""A block counts as measured where readings cover this share of it; a slow meter's mean reaches back before it."""
LEAST_HOUSES: Final = 0.5
"""Of the houses that count, so many must have been measured."""
LARGEST_W: Final = 15_000.0
"""A meter's wild reading must not decide: an error of one house counts as this at most."""
_ENDS: Final = np.round(np.cumsum(np.asarray(BLOCK_MINUTES)) * 60.0 / STEP_S).astype(np.intp)
_STARTS: Final = np.concatenate([[0], _ENDS[:-1]])
_KEPT: Final = int(_ENDS[-1]) + 1
_SUMS: Final = 4
"""Sums of a day: neutral by the model, neutral by the blend, houses by the model, houses by the blend; squares, W2."""


class Score:
    """Errors of the model and of the blend for `counts` [houses]."""

    def __init__(self, counts: NDArray[np.bool_], horizon: Horizon) -> None:
        houses, blocks = len(counts), len(BLOCK_MINUTES)
        self._counts = counts
        self._weights = horizon.weights_min / horizon.weights_min.sum()
        self._model = np.zeros((_KEPT, houses, blocks), dtype=np.float32)
        self._blend = np.zeros((_KEPT, houses, blocks), dtype=np.float32)
        self._turn = np.zeros((_KEPT, houses), dtype=np.complex64)
        self._energy = np.zeros((_KEPT, houses))
        self._seen = np.zeros((_KEPT, houses))
        self._count = 0
        self._next: float | None = None
        self._days: Floats = np.zeros((0, _SUMS))
        """Whole days, the oldest first."""
        self._today: Floats = np.zeros(_SUMS)
        self._samples = 0
        """Of today."""
        self.of_house: Floats = np.zeros((houses, 2))
        """[houses] mean square error of the model and of the blend over about a week, W2."""

    def due(self, now: float) -> bool:
        """Whether a sample is to be taken. One that was missed means that the record begins anew."""
        if self._next is None or now >= self._next + STEP_S:
            self._next, self._count = now, 0
        return now >= self._next

    def sample(self, now: float, model: Floats, blend: Floats, turn: Complex, measured: tuple[Floats, Floats]) -> bool:
        """Note two forecasts [houses, blocks], W, where each house's phase turns it, and what was measured since the
        beginning: energy (W s) in so many seconds. True where a day has become full with it."""
        self._next = (now if self._next is None else self._next) + STEP_S
        row = self._count % _KEPT
        self._model[row], self._blend[row], self._turn[row] = model, blend, turn
        self._energy[row], self._seen[row] = measured
        self._count += 1
        return self._count >= _KEPT and self._judge((row + 1) % _KEPT)

    def _judge(self, old: int) -> bool:
        """The oldest sample has seen its whole horizon."""
        ends, starts = (old + _ENDS) % _KEPT, (old + _STARTS) % _KEPT
        energy = (self._energy[ends] - self._energy[starts]).T
        seen = (self._seen[ends] - self._seen[starts]).T
        length_s = STEP_S * (_ENDS - _STARTS)
        known = (seen >= LEAST_SEEN * length_s) & (seen <= MOST_SEEN * length_s) & self._counts[:, None]
        if known.all(axis=1).sum() < LEAST_HOUSES * max(1, int(self._counts.sum())):
            return False
        mean = np.where(known, energy / np.maximum(seen, 1e-9), 0.0)
        sums = []
        squares = []
        for told in (self._model[old], self._blend[old]):
            error = np.where(known, np.clip(told - mean, -LARGEST_W, LARGEST_W), 0.0)
            square = error**2 @ self._weights
            squares.append(square)
            sums += [float(np.abs(self._turn[old] @ error) ** 2 @ self._weights), float(square.sum())]
        self._today += np.array([sums[0], sums[2], sums[1], sums[3]])
        some = known.any(axis=1)
        self.of_house[some] += (np.stack(squares, axis=1)[some] - self.of_house[some]) / (WEEK * DAY)
        self._samples += 1
        if self._samples < DAY:
            return False
        self._days = np.concatenate([self._days, self._today[None, :]])[-WEEK:]
        self._today, self._samples = np.zeros(_SUMS), 0
        return True

    @property
    def days(self) -> int:
        """Whole days judged, seven at most."""
        return len(self._days)

    @property
    def samples(self) -> int:
        """Judged since the last whole day."""
        return self._samples

    def ratio(self, days: int, *, neutral: bool = True) -> float | None:
        """Root mean square error of the model over that of the blend, of the last so many whole days; None where they
        are not full yet or the blend made no error. `neutral`: of the sum that makes the neutral current, else of the
        single houses."""
        if not 0 < days <= len(self._days):
            return None
        model, blend = self._days[-days:].sum(axis=0)[[0, 1] if neutral else [2, 3]]
        return float(np.sqrt(model / blend)) if blend > 0.0 else None

    def verdict(self) -> str:
        """Why the model should advise no longer; empty where it may. Asked when a day has become full."""
        day, week = self.ratio(1), self.ratio(WEEK)
        if day is not None and day > MUCH_WORSE:
            return f"over a day its error of the neutral current was {day:.1f} times that of the survival blend"
        if week is not None and week > WORSE:
            return f"over a week its error of the neutral current was {100.0 * (week - 1.0):.0f} % above the blend's"
        return ""

    def learned(self) -> dict[str, Any]:
        return {
            "days": self._days.tolist(),
            "today": self._today.tolist(),
            "samples": self._samples,
            "houses": pack(self.of_house.astype(np.float32)),
        }

    def relearn(self, learned: Any, houses: KeptHouses) -> bool:
        """Take back what `learned()` gave, of `houses`. False where it does not fit; nothing is changed then."""
        try:
            days = np.asarray(learned["days"], dtype=np.float64).reshape(-1, _SUMS)[-WEEK:]
            today = np.asarray(learned["today"], dtype=np.float64).reshape(_SUMS)
            samples = learned["samples"]
            of_house = unpack(learned["houses"], np.float32, (houses.count, 2))
        except (KeyError, TypeError, ValueError):
            return False
        values = (days, today, of_house)
        good = all(bool(np.isfinite(value).all() and (value >= 0.0).all()) for value in values)
        if not good or not isinstance(samples, int) or not 0 <= samples < DAY:
            return False
        self._days, self._today, self._samples = days, today, samples
        houses.place(of_house.astype(np.float64), self.of_house)
        return True
