"""Which block of which meter is asked next on one line. Pure: time is handed in; asking and decoding are in `poller`.

A meter's fast blocks make a cycle, asked one after another so that its values belong together; every slow block stands
alone. Among what is due the earliest comes first, so that a line that cannot keep up serves all in turn. Slow blocks
wait for their patience where the fast ones leave no room, and are spread over their period. The fast cycles of all
meters start together on purpose: the readings of one moment then say what the feeder carries.

A meter that does not answer is asked once more at its next turn, since one lost reply is common; from then on it backs
off, doubling from its period (at least 5 s) to 60 s, and only its fast cycle is tried. So a dead meter costs the
others one timeout in each of those periods. A block that the meter refuses several times running is given up until
`restart`, or until the meter has been silent and is back: it may have been replaced.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

LEAST_BACKOFF_S: Final = 5.0
MOST_BACKOFF_S: Final = 60.0
SILENT_AFTER: Final = 2
"""Failures in a row from which on a meter counts as silent."""
REFUSALS: Final = 3
"""In a row, until a block is given up."""
_PATIENCE_S: Final = 30.0
"""Longest time that a slow block lets the fast ones of a crowded line go first."""
_FIRST_PASS_S: Final = 10.0
"""Time within which all slow blocks of a line are read for the first time, room permitting."""


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """What one meter needs: numbers of blocks and their periods. Raises ValueError where there is nothing to ask."""

    fast: int
    slow: int
    every_s: float
    slow_every_s: float

    def __post_init__(self) -> None:
        if self.fast < 1 or self.slow < 0:
            raise ValueError(f"{self.fast} fast and {self.slow} slow blocks: a meter has at least one fast block")
        if self.every_s < 0 or self.slow_every_s <= 0:
            raise ValueError(
                f"every {self.every_s} s and {self.slow_every_s} s: periods are positive, the first may be 0"
            )


@dataclass(frozen=True, slots=True)
class Turn:
    """One block to ask now. Blocks count through the meter's plan: the fast ones, then the slow ones."""

    meter: int
    block: int
    begins: bool
    """Whether a fast cycle begins with it: what was gathered before is of the past."""


class News(enum.Enum):
    """What is worth telling a person, once."""

    SILENT = enum.auto()
    BACK = enum.auto()
    GIVEN_UP = enum.auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from the outcome of a turn."""

    complete: bool = False
    """A fast cycle ended with it, and every block that is still asked was answered."""
    answered: bool = False
    """A fast cycle ended with it, each of its blocks answered or refused."""
    news: News | None = None


@dataclass(slots=True)
class _Job:
    """A fast cycle, or one slow block."""

    meter: int
    blocks: tuple[int, ...]
    period_s: float
    patience_s: float
    due: float
    then: float
    """The first due time after `due`; from there on every period."""
    failures: int = 0
    served: int = 0
    """The number of the turn in which it was last begun: among equals the one longest ago goes first."""

    def advance(self, now: float) -> None:
        # Turns missed under overload are missed; the rhythm holds where it can.
        self.due = max(self.then, now)
        self.then = self.due + self.period_s

    def postpone(self, until: float) -> None:
        self.due = until
        self.then = until + self.period_s


@dataclass(slots=True)
class _Meter:
    plan: MeterPlan
    fast: _Job
    slow: tuple[_Job, ...]
    failures: int = 0
    sound: bool = False
    """Its last fast cycle was answered and nothing failed since; else its slow blocks are not asked."""
    refusals: dict[int, int] = field(default_factory=dict)
    """How often in a row each block was refused."""

    def given_up(self, block: int) -> bool:
        return self.refusals.get(block, 0) >= REFUSALS

    def wanted(self, job: _Job) -> bool:
        return not all(self.given_up(block) for block in job.blocks)


def backoff_s(period_s: float, failures: int) -> float:
    """Time until a meter is asked again after this many failures in a row (1 or more)."""
    if failures < SILENT_AFTER:
        return period_s
    longest = max(MOST_BACKOFF_S, period_s)
    return min(max(LEAST_BACKOFF_S, period_s) * 2.0 ** min(failures - SILENT_AFTER, 16), longest)


@dataclass(slots=True)
class _Asking:
    """A job that was begun."""

    job: _Job
    left: list[int]
    """Its blocks still to come, the one being asked first."""
    whole: bool = True
    """No block of it was refused."""


class Schedule:
    """The order of one line. Tell it the outcome of each turn before asking for the next."""

    def __init__(self, plans: Sequence[MeterPlan], now: float) -> None:
        self._plans = tuple(plans)
        self._silent: set[int] = set()
        self._turns = 0
        self._meters: list[_Meter] = []
        self._asking: _Asking | None = None
        self.restart(now)

    def restart(self, now: float) -> None:
        """Begin anew, as after the line was away: all are due, nothing is held against anyone.

        Who was told as silent stays so, to be told as back.
        """
        self._asking, self._meters = None, []
        number, total = 0, sum(plan.slow for plan in self._plans)
        for index, plan in enumerate(self._plans):
            fast = _Job(index, tuple(range(plan.fast)), plan.every_s, 0.0, now, now + plan.every_s)
            slow = []
            for block in range(plan.fast, plan.fast + plan.slow):
                number += 1
                share, period_s = number / total, plan.slow_every_s
                first, then = now + share * min(_FIRST_PASS_S, period_s), now + share * period_s
                if then <= first:
                    then += period_s
                slow.append(_Job(index, (block,), period_s, min(_PATIENCE_S, period_s / 4), first, then))
            self._meters.append(_Meter(plan, fast, tuple(slow)))

    def silent(self, meter: int) -> bool:
        return meter in self._silent

    def given_up(self, meter: int) -> tuple[int, ...]:
        """The blocks that are no longer asked."""
        it = self._meters[meter]
        return tuple(sorted(block for block in it.refusals if it.given_up(block)))

    def next(self, now: float) -> Turn | float:
        """What to ask now; where nothing is due, the time at which something will be (infinity: never)."""
        asking = self._asking
        if asking is not None:
            return Turn(asking.job.meter, asking.left[0], begins=False)
        jobs = tuple(self._open())
        due = [job for job in jobs if job.due <= now]
        if not due:
            return min((job.due for job in jobs), default=math.inf)
        job = min(due, key=lambda job: (job.due + job.patience_s, job.served))
        meter = self._meters[job.meter]
        self._turns += 1
        job.served = self._turns
        self._asking = _Asking(job, [block for block in job.blocks if not meter.given_up(block)])
        return Turn(job.meter, self._asking.left[0], begins=job is meter.fast)

    def answered(self, turn: Turn, now: float) -> Outcome:
        """The block was read."""
        self._meters[turn.meter].refusals.pop(turn.block, None)
        return self._proceed(turn, now)

    def failed(self, turn: Turn, now: float) -> Outcome:
        """Nothing came that could be believed. The rest of a cycle is left: it would cost a timeout more."""
        job, meter = self._current(turn).job, self._meters[turn.meter]
        job.failures += 1
        meter.failures += 1
        meter.sound = False
        if job is meter.fast:
            job.postpone(now + backoff_s(job.period_s, meter.failures))
        else:
            # Its own period is long: an early second try, then seldom, since some meters stay mute where they
            # should refuse.
            early = max(LEAST_BACKOFF_S, meter.plan.every_s) * 2.0 ** min(job.failures - 1, 16)
            job.postpone(now + min(early, max(MOST_BACKOFF_S, job.period_s)))
        self._asking = None
        if meter.failures >= SILENT_AFTER and turn.meter not in self._silent:
            self._silent.add(turn.meter)
            return Outcome(news=News.SILENT)
        return Outcome()

    def refused(self, turn: Turn, now: float, *, lasting: bool) -> Outcome:
        """The meter answered that it will not give this block; `lasting` where asking again can hardly help."""
        meter = self._meters[turn.meter]
        self._current(turn).whole = False
        if not lasting:
            return self._proceed(turn, now)
        meter.refusals[turn.block] = meter.refusals.get(turn.block, 0) + 1
        given_up = meter.given_up(turn.block)
        outcome = self._proceed(turn, now)
        return replace(outcome, news=News.GIVEN_UP) if given_up and outcome.news is None else outcome

    def _open(self) -> Iterator[_Job]:
        for meter in self._meters:
            if meter.wanted(meter.fast):
                yield meter.fast
                if meter.sound:
                    yield from (job for job in meter.slow if meter.wanted(job))

    def _current(self, turn: Turn) -> _Asking:
        asking = self._asking
        if asking is None or asking.job.meter != turn.meter or asking.left[0] != turn.block:
            raise ValueError(f"{turn} is not the turn that was given last")
        return asking

    def _proceed(self, turn: Turn, now: float) -> Outcome:
        """The meter spoke, whatever it said."""
        asking, meter = self._current(turn), self._meters[turn.meter]
        del asking.left[0]
        if asking.left:
            return Outcome()
        self._asking = None
        job = asking.job
        job.failures = 0
        job.advance(now)
        if job is not meter.fast:
            return Outcome()
        meter.failures, meter.sound = 0, True
        if turn.meter not in self._silent:
            return Outcome(asking.whole, answered=True)
        self._silent.discard(turn.meter)
        meter.refusals.clear()
        return Outcome(asking.whole, answered=True, news=News.BACK)
