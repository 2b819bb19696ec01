"""The online form: windows of voltages in, a verdict on every house out, within bounded memory. Pure.

What other houses do to a house, w_h (`changes`), is regressed on what they do to each phase (`company`), with lags of a
slot for clocks, beside what all share and the own power once more; the slope of the house's real phase stands out
(`judgement`). That is the correlation of H. Pezeshki and P. Wolfs, "Consumer phase identification in a three phase
unbalanced LV distribution network", ISGT Europe 2012, as a regression, so that each source of voltage changes is
charged with its own part. Houses whose record proves wrong count for the phase that they were found on (the iteration
of F. Olivier et al., "Phase identification of smart meters by clustering voltage measurements", PSCC 2018): most
records must be right, or the transformer metered.

Slopes are in the recorded phase's frame, so that moves change nothing: what is identified is how far record and truth
are apart (`memories`).
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_balancer.analysis.phases.belief import Belief, first_belief
from edge_balancer.analysis.phases.changes import changes, learn_own_drop, own_drop_regression, residuals
from edge_balancer.analysis.phases.company import Company
from edge_balancer.analysis.phases.coupling import Coupling
from edge_balancer.analysis.phases.memories import DAY_S, Judged, Memories, Memory
from edge_balancer.analysis.phases.window import LIKELY, UNRECORDED, Phases, Verdict, Window
from edge_balancer.types.phases import Phase

LEAST_SLOTS: Final = 16
"""Of a window: less leaves nothing between its ends."""
_COUPLING_SLOTS: Final = 1000
_AT_ONCE: Final = 20
"""Houses learned of in one step of the work."""


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
        self.belief = belief or first_belief(self._unrecorded)
        """What further windows start from."""
        self.own = own_drop_regression(count)
        self.coupling = Coupling(count)
        self.memories = Memories(~self._unrecorded, self._memory)
        self.now: Phases = np.full(count, UNRECORDED, dtype=np.int8)
        """[H] the phase recorded last."""
        self._powered = np.zeros(count, dtype=np.bool_)
        self.verdicts: tuple[Verdict, ...] = ()
        """After the last window."""

    def update(self, window: Window) -> tuple[Verdict, ...]:
        """Takes in the next window, of some hours, and judges every house. Slots between windows may be missing.

        Raises ValueError where the window is shorter than 16 slots or not of these houses.
        """
        for _ in self.steps(window):
            pass
        return self.verdicts

    def steps(self, window: Window) -> Iterator[None]:
        """`update` in steps of a few milliseconds, for a caller that must not be kept; `verdicts` change with the last.

        No other window may be begun meanwhile.
        """
        if window.volts.shape[1] != len(self.houses) or len(window) < LEAST_SLOTS:
            wanted = f"({LEAST_SLOTS} or more, {len(self.houses)})"
            raise ValueError(f"the window has shape {window.volts.shape}: give slots and houses of {wanted}")
        self._forget(len(window) * window.step_s, window.step_s)
        moved = self._moves(window.recorded)
        found = changes(window)
        self._powered = found.powered
        yield
        for start in range(0, len(self.houses), 4 * _AT_ONCE):
            learn_own_drop(found, self.own, range(start, min(start + 4 * _AT_ONCE, len(self.houses))))
            yield
        w = residuals(found, self.own)
        # Houses without a record are judged in the frame of L1.
        frame = np.where(self._unrecorded, 0, window.recorded[1:]).astype(np.int64)
        use = found.use & (frame != UNRECORDED)
        yield from self.coupling.add(w, use, frame)
        yield
        near = self.coupling.weights()
        yield
        company = Company(found, w, use, frame, self.belief, near)
        yield
        slots = np.arange(len(w))
        for h in range(len(self.houses)):
            if h % _AT_ONCE == 0:
                yield
            rows = company.rows(h)
            if rows.any():
                here = (slots >= moved[h])[rows]
                self.memories.add(h, company.values(h)[rows], w[rows, h], frame[rows, h], here, window.step_s)
        yield
        self.now = np.where(self._unrecorded, UNRECORDED, window.recorded[-1]).astype(np.int8)
        yield from self._judge()

    def recent(self) -> tuple[Verdict, ...]:
        """Verdicts from the recent memory alone: of a house that moved, from what came after the move."""
        hours = (self.memories.recent_s / 3600.0).tolist()
        judged = zip(self.memories.of_recent(self.coupling.lonely()), hours, strict=True)
        return tuple(self._verdict(h, Judged(one, age, age)) for h, (one, age) in enumerate(judged))

    def forget_house(self, house: int) -> None:
        """What was seen of a house counts no more, and its record is believed until voltages say otherwise again."""
        self.memories.drop(house)
        self.belief.offset[house] = 0
        self.belief.weight[house] = 0.0 if self._unrecorded[house] else 1.0

    def _forget(self, seconds: float, step_s: float) -> None:
        self.memories.forget(seconds)
        self.own.forget(float(np.exp(-seconds / self._memory.long_s)))
        # Short, since a house that was reconnected goes with its neighbours the other way.
        self.coupling.forget(float(np.exp(-seconds / max(DAY_S, _COUPLING_SLOTS * step_s))))

    def _moves(self, recorded: Phases) -> NDArray[np.int64]:
        """[H] the slot from which the house has been where it is recorded now: 0 where it did not move."""
        since = np.zeros(recorded.shape[1], dtype=np.int64)
        steps = np.diff(recorded, axis=0) != 0
        some = steps.any(axis=0)
        since[some] = len(steps) - np.argmax(steps[::-1, some], axis=0)
        known = self.now != UNRECORDED
        anew = some | (known & (recorded[0] != self.now))
        for h in np.flatnonzero(anew):
            self.memories.begin_anew(int(h))
        return since

    def _judge(self) -> Generator[None, None, None]:
        lonely = self.coupling.lonely()
        now = np.maximum(self.now, 0).astype(np.int64)
        slow = yield from self.memories.of_all(lonely)
        yield
        here = self.memories.of_here(now, lonely)
        yield
        fast = self.memories.of_recent(lonely)
        yield
        judged = self.memories.weigh(now, slow, here, fast)
        pairs = [(one.judgement, one.hours) for one in judged]
        self.belief = self.belief.revised(pairs, self.now, self._unrecorded)
        self.verdicts = tuple(self._verdict(h, one) for h, one in enumerate(judged))

    def _verdict(self, h: int, judged: Judged) -> Verdict:
        one, hours = judged.judgement, judged.hours
        recorded = None if self.now[h] == UNRECORDED else Phase(int(self.now[h]))
        base = 0 if recorded is None else int(recorded)
        known = one.confidence >= LIKELY and (recorded is not None or bool(self._unrecorded[h]))
        phase = Phase((base + one.offset) % 3) if known else None
        remark = self._remark(h, hours, known=known)
        return Verdict(self.houses[h], recorded, phase, one.confidence, hours, remark, judged.here_h)

    def _remark(self, h: int, hours: float, *, known: bool) -> str:
        if hours == 0.0:
            return "no voltage, or no other house or meter to compare with on every phase"
        if not known:
            return "its voltage does not tell yet"
        return "" if self._powered[h] else "no power: its own load could not be taken out"
