"""The order in which a line's meters are asked: periods, fairness, backoff, blocks that are given up."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.schedule import MeterPlan, News, Outcome, Schedule, Turn, backoff_s

Answer = Literal["ok", "fail", "refuse", "busy"]


@dataclass(frozen=True)
class Ask:
    meter: int
    block: int
    at: float


Device = Callable[[Ask], Answer]


@dataclass(frozen=True)
class Asked:
    at: float
    turn: Turn
    answer: Answer
    outcome: Outcome


@dataclass
class VirtualLine:
    """Asks as a poller does, in time of its own: an answer takes `cost_s`, a missing one `timeout_s`."""

    schedule: Schedule
    device: Device
    cost_s: float = 0.1
    timeout_s: float = 1.0
    now: float = 0.0
    asked: list[Asked] = field(default_factory=list)

    def run(self, until: float) -> VirtualLine:
        while self.now < until:
            turn = self.schedule.next(self.now)
            if not isinstance(turn, Turn):
                assert turn > self.now, "what is due is asked, not waited for"
                self.now = min(turn, until)
                continue
            began, answer = self.now, self.device(Ask(turn.meter, turn.block, self.now))
            self.now += self.timeout_s if answer == "fail" else self.cost_s
            if answer == "ok":
                outcome = self.schedule.answered(turn, self.now)
            elif answer == "fail":
                outcome = self.schedule.failed(turn, self.now)
            else:
                outcome = self.schedule.refused(turn, self.now, lasting=answer == "refuse")
            self.asked.append(Asked(began, turn, answer, outcome))
        return self

    def times(self, meter: int, block: int = 0) -> list[float]:
        return [asked.at for asked in self.asked if (asked.turn.meter, asked.turn.block) == (meter, block)]

    def news(self, meter: int) -> list[News]:
        return [a.outcome.news for a in self.asked if a.turn.meter == meter and a.outcome.news is not None]


def well(_: Ask) -> Answer:
    return "ok"


def line(plans: Sequence[MeterPlan], device: Device = well, *, cost_s: float = 0.1) -> VirtualLine:
    return VirtualLine(Schedule(plans, 0.0), device, cost_s)


def plan(every_s: float = 5.0, *, fast: int = 1, slow: int = 0, slow_every_s: float = 300.0) -> MeterPlan:
    return MeterPlan(fast, slow, every_s, slow_every_s)


def test_a_meter_is_read_at_its_period_without_drift() -> None:
    assert line([plan(5)]).run(26).times(0) == pytest.approx([0, 5, 10, 15, 20, 25])


def test_a_period_of_zero_uses_what_the_line_allows() -> None:
    assert line([plan(0)], cost_s=0.5).run(2).times(0) == pytest.approx([0, 0.5, 1, 1.5])


def test_the_blocks_of_a_cycle_are_asked_one_after_another() -> None:
    asked = line([plan(1, fast=3), plan(1, fast=2)]).run(1).asked
    assert [(a.turn.meter, a.turn.block, a.turn.begins) for a in asked] == [
        (0, 0, True), (0, 1, False), (0, 2, False), (1, 0, True), (1, 1, False),
    ]  # fmt: skip
    assert [a.outcome.complete for a in asked] == [False, False, True, False, True]


def test_slow_blocks_come_once_soon_after_the_start_and_then_at_their_period_apart_from_each_other() -> None:
    meters = [plan(5, slow=2, slow_every_s=60) for _ in range(3)]
    run = line(meters).run(1000)
    slow = sorted((t, meter, block) for meter in range(3) for block in (1, 2) for t in run.times(meter, block))
    first = {(meter, block): min(run.times(meter, block)) for meter in range(3) for block in (1, 2)}
    assert max(first.values()) <= 11
    later = [t for t, _, _ in slow if t > 60]
    assert min(b - a for a, b in pairwise(later)) > 8, "six blocks in 60 s are 10 s apart"
    for meter in range(3):
        for block in (1, 2):
            times = run.times(meter, block)
            assert [b - a for a, b in pairwise(times)][1:] == pytest.approx([60.0] * (len(times) - 2), abs=1)


@pytest.mark.parametrize("every_s", [0.0, 1.0])
def test_a_line_that_cannot_keep_up_serves_all_in_turn(every_s: float) -> None:
    run = line([plan(every_s) for _ in range(7)], cost_s=0.5).run(70)
    assert [a.turn.meter for a in run.asked] == list(range(7)) * 20


def test_on_a_crowded_line_slow_blocks_still_come_and_fast_ones_keep_most_of_it() -> None:
    run = line([plan(0, slow=1, slow_every_s=60) for _ in range(8)], cost_s=0.5).run(600)
    for meter in range(8):
        times = run.times(meter, 1)
        assert max(b - a for a, b in pairwise(times)) < 90
    fast = sum(asked.turn.block == 0 for asked in run.asked)
    assert fast > 0.9 * len(run.asked)


def test_a_meter_that_is_asked_seldom_is_not_pushed_aside_by_one_without_pause() -> None:
    run = line([plan(0), plan(10)], cost_s=0.5).run(100)
    assert [round(b - a) for a, b in pairwise(run.times(1))] == [10] * 9


@pytest.mark.parametrize(
    ("period_s", "expected"),
    [
        (5.0, [5, 5, 10, 20, 40, 60, 60]),
        (0.0, [0, 5, 10, 20, 40, 60, 60]),
        (1.0, [1, 5, 10, 20, 40, 60, 60]),
        (8.0, [8, 8, 16, 32, 60, 60, 60]),
        (300.0, [300] * 7),
    ],
)
def test_backoff_grants_one_more_turn_and_then_doubles(period_s: float, expected: list[float]) -> None:
    assert [backoff_s(period_s, failures) for failures in range(1, 8)] == expected


def test_a_meter_that_never_answers_is_asked_ever_more_seldom() -> None:
    run = line([plan(5)], lambda _: "fail").run(400)
    assert [round(b - a - run.timeout_s) for a, b in pairwise(run.times(0))] == [5, 5, 10, 20, 40, *[60] * 5]


def test_one_lost_reply_costs_one_cycle_and_is_not_told() -> None:
    run = line([plan(5)], lambda ask: "fail" if 9 < ask.at < 11 else "ok").run(40)
    assert run.news(0) == []
    assert [round(t) for t in run.times(0)] == [0, 5, 10, 16, 21, 26, 31, 36]


def test_silence_is_told_once_and_the_return_once() -> None:
    run = line([plan(5)], lambda ask: "fail" if 100 < ask.at < 400 else "ok").run(600)
    assert run.news(0) == [News.SILENT, News.BACK]
    assert sum(asked.answer == "ok" for asked in run.asked) > 40


def test_while_a_meter_is_silent_only_the_first_block_of_its_cycle_is_tried() -> None:
    run = line([plan(1, fast=2, slow=3, slow_every_s=20)], lambda ask: "fail" if ask.at > 50 else "ok").run(500)
    assert {a.turn.block for a in run.asked if a.at > 80} == {0}


def test_a_cycle_with_a_lost_block_is_not_complete() -> None:
    run = line([plan(1, fast=2)], lambda ask: "fail" if ask.block == 1 else "ok").run(10)
    assert not any(asked.outcome.complete for asked in run.asked)
    assert run.news(0) == [News.SILENT], "a meter of which no cycle ever comes together is told"


def test_a_slow_block_that_never_comes_does_not_stop_the_cycles() -> None:
    run = line([plan(5, slow=1)], lambda ask: "fail" if ask.block == 1 else "ok").run(2000)
    assert len(run.times(0)) > 350
    assert len(run.times(0, 1)) < 15
    assert run.news(0) == []


def test_a_block_that_is_refused_is_given_up_and_the_others_go_on() -> None:
    run = line([plan(1, fast=3)], lambda ask: "refuse" if ask.block == 1 else "ok").run(20)
    assert len(run.times(0, 1)) == 3
    assert run.news(0) == [News.GIVEN_UP]
    assert run.schedule.given_up(0) == (1,)
    complete = [asked.at for asked in run.asked if asked.outcome.complete]
    assert len(complete) == len(run.times(0)) - 3, "while it is asked in vain the cycle is not complete"


def test_a_meter_that_refuses_everything_is_left_alone_until_the_restart() -> None:
    run = line([plan(1), plan(1)], lambda ask: "refuse" if ask.meter == 0 else "ok").run(20)
    assert len(run.times(0)) == 3
    assert len(run.times(1)) >= 19
    run.schedule.restart(run.now)
    assert len(run.run(40).times(0)) == 6


def test_with_nothing_left_to_ask_nothing_is_due_ever() -> None:
    run = line([plan(1)], lambda _: "refuse").run(20)
    assert run.schedule.next(run.now) == math.inf


def test_refusals_that_pass_give_nothing_up() -> None:
    answers = iter(["refuse", "refuse", "ok"] * 10)
    run = line([plan(1)], lambda _: next(answers)).run(20)  # type: ignore[arg-type]
    assert run.news(0) == []
    assert len(run.times(0)) == 20


def test_a_busy_meter_is_asked_on() -> None:
    run = line([plan(1)], lambda _: "busy").run(20)
    assert len(run.times(0)) == 20
    assert run.news(0) == []
    assert not any(asked.outcome.complete for asked in run.asked)


def test_a_meter_that_was_silent_and_is_back_is_asked_for_everything_again() -> None:
    def replaced(ask: Ask) -> Answer:
        if 20 < ask.at < 100:
            return "fail"
        return "refuse" if ask.at < 20 and ask.block == 1 else "ok"

    run = line([plan(1, fast=2)], replaced).run(200)
    assert run.news(0) == [News.GIVEN_UP, News.SILENT, News.BACK]
    assert run.schedule.given_up(0) == ()
    assert len(run.times(0, 1)) > 50


def test_after_the_line_was_away_all_are_asked_at_once_and_silence_is_not_told_again() -> None:
    run = line([plan(5), plan(5), plan(5)], lambda ask: "fail" if ask.meter == 1 else "ok").run(300)
    run.schedule.restart(300.0)
    before = len(run.asked)
    run.run(304)
    assert [asked.turn.meter for asked in run.asked[before:]] == [0, 1, 2]
    assert run.run(700).news(1) == [News.SILENT]


def test_a_turn_that_was_not_given_is_refused() -> None:
    schedule = Schedule([plan(1), plan(1)], 0.0)
    turn = schedule.next(0.0)
    assert isinstance(turn, Turn)
    with pytest.raises(ValueError, match="not the turn"):
        schedule.answered(Turn(1 - turn.meter, 0, begins=True), 0.0)


@pytest.mark.parametrize(
    ("fast", "slow", "every_s", "slow_every_s"), [(0, 1, 1, 1), (1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, 0)]
)
def test_a_plan_without_sense_is_refused(fast: int, slow: int, every_s: float, slow_every_s: float) -> None:
    with pytest.raises(ValueError, match=r"positive|at least one"):
        MeterPlan(fast, slow, every_s, slow_every_s)


PLANS = st.lists(
    st.builds(
        MeterPlan,
        fast=st.integers(1, 3),
        slow=st.integers(0, 3),
        every_s=st.sampled_from([0.0, 0.5, 1.0, 5.0, 20.0]),
        slow_every_s=st.sampled_from([10.0, 60.0, 300.0]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=20, deadline=None)
@given(plans=PLANS, dead=st.sets(st.integers(0, 5)), cost_s=st.sampled_from([0.02, 0.1, 0.4]))
def test_a_dead_meter_costs_one_timeout_a_backoff_period_and_the_others_live(
    plans: list[MeterPlan], dead: set[int], cost_s: float
) -> None:
    run = line(plans, lambda ask: "fail" if ask.meter in dead else "ok", cost_s=cost_s).run(400)
    for meter, wanted in enumerate(plans):
        if meter not in dead:
            # Every block of every meter that lives is read, and without longer gaps than a full round can explain.
            for block in range(wanted.fast + wanted.slow):
                times = run.times(meter, block)
                assert times
                round_s = sum(p.fast + p.slow for p in plans) * cost_s + len(dead) * run.timeout_s
                period_s = wanted.every_s if block < wanted.fast else 1.25 * min(wanted.slow_every_s, 400)
                gaps = [b - a for a, b in pairwise([*times, run.now])]
                assert max(gaps) <= period_s + 3 * round_s + 30 * (block >= wanted.fast)
            continue
        tries = run.times(meter)
        assert {a.turn.block for a in run.asked if a.turn.meter == meter} == {0}
        for failures, (first, second) in enumerate(pairwise(tries), start=1):
            assert second - first >= backoff_s(wanted.every_s, failures) + run.timeout_s - 1e-6
        assert run.news(meter) == [News.SILENT] * (len(tries) > 1)


@settings(max_examples=20, deadline=None)
@given(plans=PLANS, odds=st.randoms(use_true_random=False))
def test_whatever_comes_back_nobody_is_forgotten_and_the_order_stays_sound(
    plans: list[MeterPlan], odds: random.Random
) -> None:
    answers: tuple[Answer, ...] = ("ok", "ok", "ok", "fail", "refuse", "busy")
    run = line(plans, lambda _: odds.choice(answers)).run(200)
    # From now on all are well: whoever was not given up for good is read again within the longest backoff.
    before, run.device = len(run.asked), well
    run.run(run.now + 400)
    for meter, wanted in enumerate(plans):
        blocks = {a.turn.block for a in run.asked[before:] if a.turn.meter == meter}
        expected = set(range(wanted.fast + wanted.slow)) - set(run.schedule.given_up(meter))
        if expected & set(range(wanted.fast)):
            assert expected <= blocks
            assert not run.schedule.silent(meter)
        told = [n for n in run.news(meter) if n is not News.GIVEN_UP]
        assert told == [News.SILENT, News.BACK] * (len(told) // 2), "silent and back take turns"
