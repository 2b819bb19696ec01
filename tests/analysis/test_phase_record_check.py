"""Minutes into windows, doubts that begin and end slowly, and what survives the store; closed loops: tests/engine."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest

from edge_balancer.analysis.phases.check import Doubt, RecordCheck
from edge_balancer.analysis.phases.kept import learned, relearn
from edge_balancer.analysis.phases.minutes import WINDOW_MINUTES, WindowOfMinutes
from edge_balancer.analysis.phases.tracker import PhaseTracker
from edge_balancer.analysis.phases.window import UNRECORDED, Bools, Window
from edge_balancer.types.phases import Phase
from edge_balancer.types.snapshot import MinuteMean
from scripts.bench.identify import DAY
from tests.identification.identification_cases import drawn, real_of, window_of

NAN = math.nan
L1, L2, L3 = Phase
T0 = 1_760_000_400 // 60 * 60


def row(house: str, minute: int, v: float, phase: int = 0) -> MinuteMean:
    return MinuteMean(T0 + 60 * minute, house, phase, 500.0, 50.0, v, v, v, 1)


def gathered(
    rows: dict[int, list[MinuteMean]], until: int, period_s: float = 60.0, **moving: list[str]
) -> list[Window]:
    """Minutes 0 to `until`; `moving` by minute as `m7=["a"]`."""
    minutes = WindowOfMinutes(["a", "b"], np.array([0, 1], dtype=np.int8))
    windows = [minutes.take(rows.get(m, []), moving.get(f"m{m}", []), period_s) for m in range(until + 1)]
    return [window for window in windows if window is not None]


def steady(until: int) -> dict[int, list[MinuteMean]]:
    return {m: [row("a", m, 230.0 + m / 100.0), row("b", m, 231.0, 1)] for m in range(until + 1)}


def test_two_hours_of_minutes_make_a_window() -> None:
    (window,) = gathered(steady(120), 120)
    assert (len(window), window.step_s) == (WINDOW_MINUTES, 60.0)
    assert window.volts[:3, 0].tolist() == [230.0, 230.01, 230.02]
    assert window.recorded[-1].tolist() == [0, 1]
    assert window.transformer_v is None


def test_minutes_without_a_reading_are_gaps_and_nothing_is_held_over() -> None:
    rows = steady(120)
    del rows[7], rows[8]
    rows[9] = [row("b", 9, 231.0, 1)]
    (window,) = gathered(rows, 120)
    assert np.flatnonzero(np.isnan(window.volts[:, 0])).tolist() == [7, 8, 9]
    assert np.flatnonzero(np.isnan(window.volts[:, 1])).tolist() == [7, 8]


def test_minutes_of_a_move_are_left_out_and_the_record_follows() -> None:
    rows = steady(120)
    for m in range(50, 121):
        rows[m][0] = row("a", m, 229.0, 2)
    # Commanded in minute 50 and verified in the next one.
    (window,) = gathered(rows, 120, m50=["a"])
    assert np.flatnonzero(np.isnan(window.volts[:, 0])).tolist() == [50, 51]
    assert np.isfinite(window.volts[:, 1]).all()
    assert (window.recorded[:50, 0] == 0).all()
    assert (window.recorded[50:, 0] == 2).all()


@pytest.mark.parametrize(
    ("period_s", "step_min", "slots"),
    [(NAN, 1, 120), (10.0, 1, 120), (61.0, 1, 120), (120.0, 2, 60), (300.0, 5, 40), (900.0, 15, 40)],
)
def test_slow_meters_make_long_slots(period_s: float, step_min: int, slots: int) -> None:
    rows = {m: r for m, r in steady(2 * slots * step_min).items() if m % step_min == 0}
    windows = gathered(rows, 2 * slots * step_min, period_s)
    assert windows
    assert all((len(window), window.step_s) == (slots, 60.0 * step_min) for window in windows)
    assert np.isfinite(windows[0].volts[:, 0]).mean() > 0.9


def test_a_clock_that_is_set_back_and_a_long_silence_begin_a_new_window() -> None:
    minutes = WindowOfMinutes(["a", "b"], np.array([0, 1], dtype=np.int8))
    for m in [*range(50, 100), *range(20, 80)]:
        assert minutes.take([row("a", m, 230.0)], [], 60.0) is None
    assert minutes.take([row("a", 1000, 230.0)], [], 60.0) is None, "half of it was never measured"


def test_the_transformer_s_phases_are_taken_by_name() -> None:
    rows = steady(120)
    for m in rows:
        rows[m] += [row(f"transformer/L{k + 1}", m, 235.0 + k, k) for k in range(3)]
        rows[m].append(row("stranger", m, 1.0))
    (window,) = gathered(rows, 120)
    assert window.transformer_v is not None
    assert window.transformer_v[5].tolist() == [235.0, 236.0, 237.0]


# Doubts -------------------------------------------------------------------------------------------------------------


def rows_of(window: Window, t: int) -> list[MinuteMean]:
    return [
        MinuteMean(T0 + 60 * t, house, int(window.recorded[t, h]), p, q, v, v, v, 1)
        for h, house in enumerate(drawn().houses)
        for p, q, v in [(float(window.power_w[t, h]), float(window.reactive_var[t, h]), float(window.volts[t, h]))]
        if math.isfinite(v)
    ]


def movable(value: bool = True) -> Bools:
    return np.full(len(drawn().houses), value)


def check_of(window: Window, *, can_move: bool = True) -> RecordCheck:
    return RecordCheck(drawn().houses, window.recorded[0], movable(can_move))


def wrong_window(h: int = 7, off: int = 1) -> Window:
    recorded = real_of(drawn())
    recorded[:, h] = (recorded[:, h] + off) % 3
    return window_of(drawn(), recorded, real=real_of(drawn()))


def followed(check: RecordCheck, window: Window, start: int, end: int) -> list[tuple[str, ...]]:
    story = []
    for t in range(start, end):
        check.take(rows_of(window, t), [], 60.0)
        story.append(tuple(check.doubts))
    return story


def test_a_wrong_record_is_doubted_within_a_day_once_and_no_other() -> None:
    window = wrong_window()
    check = check_of(window)
    story = followed(check, window, 0, DAY)
    first = story.index((drawn().houses[7],))
    assert story[first:] == [(drawn().houses[7],)] * (DAY - first)
    assert set(story[:first]) == {()}
    (doubt,) = check.doubts.values()
    recorded = int(window.recorded[0, 7])
    assert (int(doubt.recorded), int(doubt.phase)) == (recorded, (recorded - 1) % 3)
    assert doubt.hours >= 4.0
    assert 0.96 <= doubt.confidence < 1.0
    assert not doubt.moved


def test_a_minute_does_little_and_the_check_does_not_grow() -> None:
    """The work on a window is spread over many minutes: between two of them nothing has been judged yet."""
    window = wrong_window()
    check = check_of(window)
    followed(check, window, 0, 121)
    assert check.verdicts == ()
    followed(check, window, 121, 180)
    assert len(check.verdicts) == len(drawn().houses)
    sizes = []
    for day in range(3):
        followed(check, window, 180 + 480 * day, 180 + 480 * (day + 1))
        sizes.append(len(json.dumps(check.learned())) + len(pickle.dumps(check._tracker)))
    assert max(sizes) < 1.2 * min(sizes)


def test_what_was_learned_goes_on_after_a_restart_as_if_there_had_been_none() -> None:
    window = wrong_window()
    whole, halves = (PhaseTracker(drawn().houses) for _ in range(2))
    for start in range(0, DAY // 2, 120):
        whole.update(window.part(start, start + 120))
        halves.update(window.part(start, start + 120))
    again = PhaseTracker(drawn().houses)
    kept = json.loads(json.dumps(learned(halves)))
    assert relearn(again, kept, window.recorded[0].tolist(), movable())
    for start in range(DAY // 2, DAY, 120):
        left, right = whole.update(window.part(start, start + 120)), again.update(window.part(start, start + 120))
        assert [one.phase for one in left] == [one.phase for one in right]
        assert [one.confidence for one in left] == pytest.approx([one.confidence for one in right], abs=0.02)
        assert [one.evidence_h for one in left] == pytest.approx([one.evidence_h for one in right], rel=1e-5)


def test_a_restarted_check_keeps_its_doubts_unless_the_record_was_corrected() -> None:
    window = wrong_window()
    check = check_of(window, can_move=False)
    followed(check, window, 0, DAY)
    kept = json.loads(json.dumps(check.learned()))
    same, corrected = check_of(window, can_move=False), check_of(window_of(drawn(), real_of(drawn())), can_move=False)
    assert same.relearn(kept)
    assert same.doubts == check.doubts
    assert corrected.relearn(kept)
    assert corrected.doubts == {}
    switched = check_of(window_of(drawn(), real_of(drawn())))
    assert switched.relearn(kept)
    assert switched.doubts == check.doubts, "a switch that reports another phase has moved the house, or is wrong too"


def spoilt(kept: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return kept | changed


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 2},
        {"houses": ["h1"]},
        {"recorded": [7] * 18},
        {"recorded": [0]},
        {"offset": ["x"]},
        {"weight": None},
        {"sums": 5},
        {"sums": "not base64!"},
        {"sums": "AAAA"},
        {"coupling": ""},
        {"coupling": None},
    ],
)
def test_nonsense_is_refused_and_leaves_the_tracker_new(changed: dict[str, Any]) -> None:
    tracker = PhaseTracker(drawn().houses)
    kept = learned(PhaseTracker(drawn().houses))
    assert not relearn(tracker, spoilt(kept, **changed), [0] * 18, movable())
    assert tracker.now.tolist() == [UNRECORDED] * 18
    assert relearn(tracker, kept, [0] * 18, movable())


def test_doubts_that_cannot_be_read_are_left_out() -> None:
    window = wrong_window()
    kept = check_of(window).learned()
    name = drawn().houses[2]
    good = [name, 0, 1, 0.99, 7.5, False]
    check = check_of(window)
    assert check.relearn(kept | {"doubts": [good, ["nobody", 0, 1, 0.99, 7.5, False], [name, 9, 1, 0.9, 1.0, True], 4]})
    assert check.doubts == {name: Doubt(name, L1, L2, 0.99, 7.5, False)}
    assert check.release(name) == Doubt(name, L1, L2, 0.99, 7.5, False)
    assert check.release(name) is None
    assert check.learned()["doubts"] == []
