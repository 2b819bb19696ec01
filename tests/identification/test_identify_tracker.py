"""The online form: a switch that lied and a house that was reconnected show soon, and memory stays bounded."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from edge_balancer.analysis.phases.memories import Memory
from edge_balancer.analysis.phases.tracker import PhaseTracker
from edge_balancer.analysis.phases.window import Phases, Verdict
from edge_balancer.types.phases import Phase
from scripts.bench.identify import DAY
from tests.identification.identification_cases import bare, drawn, real_of, window_of

HOURS = 120


def followed(recorded: Phases, real: Phases) -> list[tuple[Verdict, ...]]:
    case = drawn()
    tracker = PhaseTracker(case.houses)
    window = window_of(case, recorded, real=real)
    return [tracker.update(window.part(at, at + HOURS)) for at in range(0, len(recorded), HOURS)]


def test_a_switch_that_lied_is_found_within_hours_of_the_move() -> None:
    real = real_of(drawn())
    recorded = real.copy()
    recorded[DAY:, 7] = (recorded[DAY:, 7] + 1) % 3
    story = followed(recorded, real)
    house = drawn().houses[7]
    assert not any(one.wrong for verdicts in story[: DAY // HOURS] for one in verdicts)
    later = [[one.house for one in verdicts if one.wrong] for verdicts in story[DAY // HOURS + 4 :]]
    assert later == [[house]] * len(later)
    assert story[-1][7].phase == Phase(int(real[-1, 7]))


def test_a_house_that_was_reconnected_behind_the_records_is_found_within_a_day() -> None:
    real = real_of(drawn())
    recorded = real.copy()
    real[DAY:, 7] = (real[DAY:, 7] + 2) % 3
    story = followed(recorded, real)
    assert [one.house for one in story[-1] if one.wrong] == [drawn().houses[7]]
    assert story[-1][7].phase == Phase(int(real[-1, 7]))


def test_moves_as_recorded_raise_no_alarm_and_the_recent_memory_begins_anew() -> None:
    real = real_of(drawn())
    real[DAY:, 7] = (real[DAY:, 7] + 1) % 3
    case = drawn()
    tracker = PhaseTracker(case.houses)
    window = window_of(case, real, real=real)
    for at in range(0, 2 * DAY, HOURS):
        verdicts = tracker.update(window.part(at, at + HOURS))
        assert not any(one.wrong for one in verdicts)
        if at == DAY:
            assert tracker.recent()[7].evidence_h < 2.5 < tracker.recent()[6].evidence_h
    assert tracker.recent()[7].phase == Phase(int(real[-1, 7]))
    assert tracker.recent()[7].confidence >= 0.99


def test_memory_does_not_grow_and_the_same_windows_give_the_same_verdicts() -> None:
    case = drawn()
    window = window_of(case, real_of(case))
    sizes, story = [], []
    for _ in range(2):
        tracker = PhaseTracker(case.houses)
        verdicts = []
        for at in range(0, DAY, HOURS):
            verdicts.append(tracker.update(window.part(at, at + HOURS)))
            sizes.append(len(pickle.dumps(tracker)))
        story.append(verdicts)
    assert story[0] == story[1]
    assert max(sizes) < 1.02 * min(sizes)


def test_what_is_not_a_window_of_these_houses_is_refused() -> None:
    tracker = PhaseTracker(["a", "b", "c"])
    for slots, houses in ((20, 4), (15, 3)):
        with pytest.raises(ValueError, match=r"16 or more, 3"):
            tracker.update(bare(np.full((slots, houses), 230.0)))
    with pytest.raises(ValueError, match="recent_s = 0"):
        Memory(recent_s=0.0)
