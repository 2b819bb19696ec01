"""The online form: windows of voltages in, a verdict on every house out, within bounded memory. Pure.

What other houses do to a house, w_h (`changes`), is laid beside what they do to each phase: W_k, the mean of w over the
houses on phase k without the house itself, its neighbours most (`coupling`), and over the transformer's meter where
there is one, less the mean of the three. Regressed on W of the recorded phase and of the two after it, with lags of a
slot for clocks, beside what all share and the own power once more, the slope of the house's real phase stands out
(`judgement`). That is the correlation of H. Pezeshki and P. Wolfs, "Consumer phase identification in a three phase
unbalanced LV distribution network", ISGT Europe 2012, as a regression, so that each source of voltage changes is
charged with its own part. Houses whose record proves wrong count for the phase that they were found on (the iteration
of F. Olivier et al., "Phase identification of smart meters by clustering voltage measurements", PSCC 2018): most
records must be right, or the transformer metered.

Slopes are in the recorded phase's frame, so that moves change nothing: what is identified is how far record and truth
are apart. Two memories, a long one and a recent one that begins anew at each move, so that a switch that lied, or a
house that was reconnected, shows soon.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.belief import UNSURE_WEIGHT, Belief, first_belief
from edge_balancer.analysis.phases.changes import (
    COMMON,
    OWN,
    Changes,
    changes,
    lagged,
    learn_own_drop,
    own_drop_regression,
    residuals,
)
from edge_balancer.analysis.phases.coupling import FLOOR, Coupling
from edge_balancer.analysis.phases.judgement import Judgement, judge
from edge_balancer.analysis.phases.regression import Regression
from edge_balancer.analysis.phases.window import LIKELY, SURE, UNRECORDED, Bools, Floats, Phases, Verdict, Window
from edge_balancer.types.phases import Phase

LEAST_SLOTS: Final = 16
"""Of a window: less leaves nothing between its ends."""
_LAGS: Final = 1
_SLOPES: Final = 2 * (2 * _LAGS + 1)
_LEAST_SAMPLES: Final = 120
"""Fewer changes than this say nothing, however clear they look."""
_COUPLING_SLOTS: Final = 1000
_LONELY_AT_MOST: Final = 0.75
"""Confidence of a house without neighbours, however clear its slopes look."""
_CONTRADICTS: Final = 0.8
"""So sure must the recent memory be of another phase for nothing to be known for a while."""
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Time constants of forgetting, s."""

    long_s: float = 7.0 * DAY_S
    recent_s: float = DAY_S / 3.0

    def __post_init__(self) -> None:
        for name in ("long_s", "recent_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} = {getattr(self, name):g}: give seconds > 0")


class PhaseTracker:
    """Follows the houses of one feeder. `unrecorded` are houses of which no record says where they are."""

    def __init__(
        self,
        houses: Sequence[str],
        unrecorded: Collection[str] = (),
        memory: Memory | None = None,
        belief: Belief | None = None,
    ) -> None:
        self.houses = tuple(houses)
        self._memory = memory or Memory()
        self._unrecorded = np.array([house in unrecorded for house in houses], dtype=np.bool_)
        count = len(self.houses)
        self._belief = belief or first_belief(self._unrecorded)
        self._own = own_drop_regression(count)
        self._coupling = Coupling(count)
        prior = np.array([1.0] * _SLOPES + [1.0] * COMMON + [10.0] * OWN)
        self._long, self._recent = Regression(count, prior), Regression(count, prior)
        self._span_s = np.zeros((2, count))
        self._now: Phases = np.full(count, UNRECORDED, dtype=np.int8)
        self._powered = np.zeros(count, dtype=np.bool_)

    @property
    def belief(self) -> Belief:
        """What further windows start from."""
        return self._belief

    def update(self, window: Window) -> tuple[Verdict, ...]:
        """Takes in the next window, of some hours, and judges every house. Slots between windows may be missing.

        Raises ValueError where the window is shorter than 16 slots or not of these houses.
        """
        if window.volts.shape[1] != len(self.houses) or len(window) < LEAST_SLOTS:
            wanted = f"({LEAST_SLOTS} or more, {len(self.houses)})"
            raise ValueError(f"the window has shape {window.volts.shape}: give slots and houses of {wanted}")
        self._forget(len(window) * window.step_s, window.step_s)
        moved = self._moves(window.recorded)
        found = changes(window)
        self._powered = found.powered
        learn_own_drop(found, self._own)
        w = residuals(found, self._own)
        self._learn(window, found, w, moved)
        self._now = self._last_recorded(window.recorded)
        judged = self._judge()
        self._belief = self._belief.revised(judged, self._now, self._unrecorded)
        return tuple(self._verdict(h, one) for h, one in enumerate(judged))

    def recent(self) -> tuple[Verdict, ...]:
        """Verdicts from the recent memory alone: of a house that moved, from what came after the move."""
        hours = self._span_s[1] / 3600.0
        judged = zip(_judgements(self._recent, self._coupling.lonely()), hours.tolist(), strict=True)
        return tuple(self._verdict(h, one) for h, one in enumerate(judged))

    def _forget(self, seconds: float, step_s: float) -> None:
        for row, (regression, constant) in enumerate(
            ((self._long, self._memory.long_s), (self._recent, self._memory.recent_s))
        ):
            keep = float(np.exp(-seconds / constant))
            regression.forget(keep)
            self._span_s[row] *= keep
        self._own.forget(float(np.exp(-seconds / self._memory.long_s)))
        # Short, since a house that was reconnected goes with its neighbours the other way.
        self._coupling.forget(float(np.exp(-seconds / max(DAY_S, _COUPLING_SLOTS * step_s))))

    def _moves(self, recorded: Phases) -> NDArray[np.int64]:
        """[H] the slot from which the house has been where it is recorded now: 0 where it did not move."""
        since = np.zeros(recorded.shape[1], dtype=np.int64)
        steps = np.diff(recorded, axis=0) != 0
        some = steps.any(axis=0)
        since[some] = len(steps) - np.argmax(steps[::-1, some], axis=0)
        known = self._now != UNRECORDED
        anew = some | (known & (recorded[0] != self._now))
        for h in np.flatnonzero(anew):
            self._recent.clear(int(h))
            self._span_s[1, h] = 0.0
        return since

    def _last_recorded(self, recorded: Phases) -> Phases:
        return np.where(self._unrecorded, UNRECORDED, recorded[-1]).astype(np.int8)

    def _learn(self, window: Window, found: Changes, w: Floats, moved: NDArray[np.int64]) -> None:
        # Houses without a record are judged in the frame of L1.
        frame = np.where(self._unrecorded, 0, window.recorded[1:]).astype(np.int64)
        use = found.use & (frame != UNRECORDED)
        self._coupling.add(w, use, frame)
        held = (np.maximum(frame, 0) + self._belief.offset) % 3
        weight = np.where(use, self._belief.weight, 0.0)
        on = np.stack([weight * (held == k) for k in range(3)])
        near = self._coupling.weights()
        metered = FLOOR * found.transformer_use[:, None]
        sums = (w * on) @ near.T + (FLOOR * found.transformer).T[:, :, None]
        shares = on @ near.T + metered
        # Whoever is there to compare with, each phase, the house itself left out.
        others = on.sum(axis=2).T[:, :, None] - on.transpose(1, 0, 2) + found.transformer_use[:, None, None]
        slots = np.arange(len(w))
        for h in range(w.shape[1]):
            rows = use[:, h] & (others[:, :, h] > UNSURE_WEIGHT - 1e-9).all(axis=1)
            if not rows.any():
                continue
            phases = (sums[:, :, h] / np.maximum(shares[:, :, h], 1e-9)).T
            x = self._features(found, phases, frame[:, h], h)
            self._long.add(h, x[rows], w[rows, h])
            self._span_s[0, h] += rows.sum() * window.step_s
            rows &= slots >= moved[h]
            self._recent.add(h, x[rows], w[rows, h])
            self._span_s[1, h] += rows.sum() * window.step_s

    @staticmethod
    def _features(found: Changes, phases: Floats, frame: NDArray[np.int64], h: int) -> Floats:
        phases = phases - phases.mean(axis=1, keepdims=True)
        slots = np.arange(len(phases))
        columns = []
        for lag in range(-_LAGS, _LAGS + 1):
            earlier = lagged(phases, lag)
            columns += [earlier[slots, np.maximum(frame, 0)], earlier[slots, (np.maximum(frame, 0) + 1) % 3]]
        return np.concatenate([np.stack(columns, axis=1), found.common, found.own[:, h]], axis=1)

    def _judge(self) -> list[tuple[Judgement, float]]:
        """Of each house the judgement that counts, with the hours behind it."""
        lonely = self._coupling.lonely()
        long, recent = _judgements(self._long, lonely), _judgements(self._recent, lonely)
        judged = []
        for h, (slow, fast) in enumerate(zip(long, recent, strict=True)):
            one = slow
            if fast.confidence >= SURE and (fast.offset != slow.offset or slow.confidence < LIKELY):
                # What was known before tells of another connection.
                self._long.take(h, self._recent)
                self._span_s[0, h] = self._span_s[1, h]
                one = fast
            elif fast.offset != slow.offset and fast.confidence >= _CONTRADICTS:
                one = Judgement(slow.offset, min(slow.confidence, 1.0 - fast.confidence + 1.0 / 3.0))
            elif fast.offset == slow.offset and fast.confidence > slow.confidence:
                one = fast
            judged.append((one, float(self._span_s[0, h]) / 3600.0))
        return judged

    def _verdict(self, h: int, judged: tuple[Judgement, float]) -> Verdict:
        one, hours = judged
        recorded = None if self._now[h] == UNRECORDED else Phase(int(self._now[h]))
        base = 0 if recorded is None else int(recorded)
        known = one.confidence >= LIKELY and (recorded is not None or bool(self._unrecorded[h]))
        phase = Phase((base + one.offset) % 3) if known else None
        return Verdict(self.houses[h], recorded, phase, one.confidence, hours, self._remark(h, hours, known=known))

    def _remark(self, h: int, hours: float, *, known: bool) -> str:
        if hours == 0.0:
            return "no voltage, or no other house or meter to compare with on every phase"
        if not known:
            return "its voltage does not tell yet"
        return "" if self._powered[h] else "no power: its own load could not be taken out"


def _judgements(regression: Regression, lonely: Bools) -> list[Judgement]:
    means, covariances = regression.posterior()
    # Sum over the lags: the slope on a phase, wherever in time it is seen.
    summed = np.zeros((2, means.shape[1]))
    summed[0, 0:_SLOPES:2] = summed[1, 1:_SLOPES:2] = 1.0
    slopes = means @ summed.T
    spread = summed @ covariances @ summed.T
    judged = []
    for h in range(len(means)):
        one = judge(slopes[h], spread[h]) if regression.count[h] >= _LEAST_SAMPLES else Judgement(0, 1.0 / 3.0)
        judged.append(Judgement(one.offset, min(one.confidence, _LONELY_AT_MOST)) if lonely[h] else one)
    return judged
