"""Ten-minute windows: alignment, gaps, clock steps, and the week's verdict."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.analysis.weeks import WINDOWS_PER_WEEK, Limits, WeekOfWindows, voltage_limits, vuf_limits
from edge_balancer.analysis.windows import TenMinuteMeans, WindowMeans
from edge_balancer.settings.feeder import FeederSettings

NAN = math.nan
T0 = 1_763_829_600.0  # a multiple of 600 s
LIMITS = Limits(low=207.0, high=253.0, extreme_low=195.5, extreme_high=253.0)


def feed(means: TenMinuteMeans, start: float, stop: float, step: float, values: list[float]) -> list[WindowMeans]:
    """Add the same values every `step` from `start` up to but not including `stop`."""
    return [w for t in np.arange(start, stop, step) for w in means.add(float(t), np.array(values))]


def test_windows_are_aligned_to_the_clock_and_close_at_the_first_value_after_their_end() -> None:
    means = TenMinuteMeans(1)
    assert feed(means, T0 + 130, T0 + 600, 10, [230.0]) == []
    (window,) = means.add(T0 + 607.0, np.array([230.0]))
    assert (window.start, window.mean.tolist()) == (int(T0), [pytest.approx(230.0)])
    assert window.coverage.tolist() == [pytest.approx(470 / 600)]


def test_the_aggregate_is_the_root_of_the_time_weighted_mean_square() -> None:
    means = TenMinuteMeans(1, hold_s=600.0)
    means.add(T0, np.array([200.0]))
    means.add(T0 + 450, np.array([240.0]))
    (window,) = means.add(T0 + 600, np.array([0.0]))
    assert window.mean.tolist() == [pytest.approx(math.sqrt(0.75 * 200**2 + 0.25 * 240**2))]


def test_a_value_across_the_boundary_counts_in_both_windows() -> None:
    means = TenMinuteMeans(1, hold_s=120.0)
    means.add(T0 + 570, np.array([230.0]))
    (first,) = means.add(T0 + 630, np.array([250.0]))
    (second,) = means.add(T0 + 1200, np.array([230.0]))
    assert first.coverage.tolist() == [pytest.approx(30 / 600)]
    assert second.coverage.tolist() == [pytest.approx((30 + 120) / 600)]
    assert second.mean.tolist() == [pytest.approx(math.sqrt((30 * 230**2 + 120 * 250**2) / 150))]


@pytest.mark.parametrize(("measured_s", "judged"), [(299.0, False), (300.0, True), (599.0, True)])
def test_a_window_with_less_than_half_its_coverage_is_marked(measured_s: float, judged: bool) -> None:
    means = TenMinuteMeans(2, hold_s=600.0)
    means.add(T0, np.array([230.0, 230.0]))
    means.add(T0 + measured_s, np.array([NAN, 230.0]))
    (window,) = means.add(T0 + 600, np.array([NAN, NAN]))
    assert window.judged.tolist() == [judged, True]
    assert np.isnan(window.judged_mean).tolist() == [not judged, False]


def test_a_channel_that_never_spoke_has_no_mean() -> None:
    means = TenMinuteMeans(2)
    (window,) = feed(means, T0, T0 + 601, 60, [230.0, NAN])
    assert window.mean.tolist() == [pytest.approx(230.0), pytest.approx(NAN, nan_ok=True)]
    assert window.coverage.tolist() == [1.0, 0.0]


def test_a_long_pause_gives_no_invented_windows() -> None:
    means = TenMinuteMeans(1, hold_s=180.0)
    means.add(T0 + 540, np.array([230.0]))
    closed = means.add(T0 + 86_400 * 30 + 5, np.array([230.0]))
    assert [(w.start, w.coverage.tolist()) for w in closed] == [
        (int(T0), [pytest.approx(60 / 600)]),
        (int(T0) + 600, [pytest.approx(120 / 600)]),
    ]


def test_a_clock_set_back_begins_the_window_anew_and_is_counted() -> None:
    means = TenMinuteMeans(1)
    feed(means, T0, T0 + 500, 10, [260.0])
    feed(means, T0 - 300, T0, 10, [230.0])
    (window,) = means.add(T0, np.array([230.0]))
    assert means.clock_steps == 1
    assert (window.start, window.mean.tolist()) == (int(T0) - 600, [pytest.approx(230.0)])


@pytest.mark.parametrize("hold_s", [0.0, -1.0, 601.0])
def test_an_impossible_hold_is_refused(hold_s: float) -> None:
    with pytest.raises(ValueError, match="hold_s"):
        TenMinuteMeans(1, hold_s)


@given(st.lists(st.tuples(st.floats(0.0, 2000.0), st.one_of(st.just(NAN), st.floats(1.0, 500.0))), max_size=40))
def test_coverage_never_exceeds_the_window_and_no_time_is_counted_twice(steps: list[tuple[float, float]]) -> None:
    means = TenMinuteMeans(1, hold_s=180.0)
    wall, expected, previous = T0, 0.0, NAN
    closed: list[WindowMeans] = []
    means.add(wall, np.array([NAN]))
    for dt, value in steps:
        expected += 0.0 if math.isnan(previous) else min(dt, 180.0)
        wall, previous = wall + dt, value
        closed += means.add(wall, np.array([value]))
    closed += means.add(wall + 1200.0, np.array([NAN]))
    expected += 0.0 if math.isnan(previous) else 180.0
    assert sum(float(w.coverage[0]) for w in closed) * 600 == pytest.approx(expected, abs=1e-3)
    assert all(0.0 <= float(w.coverage[0]) <= 1.0 + 1e-9 for w in closed)
    assert all(w.start % 600 == 0 for w in closed)


def window(index: int, *means: float, coverage: float = 1.0) -> WindowMeans:
    return WindowMeans(int(T0) + 600 * index, np.array(means), np.full(len(means), coverage))


@pytest.mark.parametrize(
    ("mean", "below", "above", "extreme", "within"),
    [
        (230.0, 0.0, 0.0, 0, True),
        (253.0, 0.0, 0.0, 0, True),
        (253.1, 0.0, 100.0, 1, False),
        (206.9, 100.0, 0.0, 0, False),
        (195.4, 100.0, 0.0, 1, False),
    ],
)
def test_a_mean_is_judged_against_both_pairs_of_limits(
    mean: float, below: float, above: float, extreme: int, within: bool
) -> None:
    week = WeekOfWindows(1, LIMITS)
    week.record(window(0, mean))
    verdict = week.verdict(T0 + 600)
    assert (verdict.below_pct[0], verdict.above_pct[0], verdict.extreme[0]) == (below, above, extreme)
    assert bool(verdict.within[0]) is within


@pytest.mark.parametrize(("low_windows", "within"), [(50, True), (51, False)])
def test_five_percent_of_the_week_may_be_outside(low_windows: int, within: bool) -> None:
    week = WeekOfWindows(2, LIMITS)
    for k in range(WINDOWS_PER_WEEK):
        week.record(window(k, 230.0, 200.0 if k < low_windows else 230.0))
    verdict = week.verdict(T0 + 600 * WINDOWS_PER_WEEK)
    assert verdict.judged.tolist() == [1008, 1008]
    assert verdict.outside_pct.tolist() == [0.0, pytest.approx(100 * low_windows / 1008)]
    assert verdict.within.tolist() == [True, within]


def test_windows_marked_for_coverage_are_not_judged() -> None:
    week = WeekOfWindows(1, LIMITS)
    week.record(window(0, 100.0, coverage=0.49))
    verdict = week.verdict(T0 + 600)
    assert (verdict.judged.tolist(), verdict.within.tolist()) == ([0], [False])
    assert np.isnan(verdict.outside_pct).all()


def test_what_is_older_than_a_week_or_ahead_of_the_clock_does_not_count() -> None:
    week = WeekOfWindows(1, LIMITS)
    week.record(window(0, 100.0))
    assert week.verdict(T0 + 600 * 1008).judged.tolist() == [1]
    assert week.verdict(T0 + 600 * 1009).judged.tolist() == [0]
    assert week.verdict(T0 - 600).judged.tolist() == [0]


def test_a_window_lived_twice_counts_as_it_was_last() -> None:
    week = WeekOfWindows(1, LIMITS)
    week.record(window(3, 100.0))
    week.record(window(3, 230.0))
    verdict = week.verdict(T0 + 3000)
    assert (verdict.judged.tolist(), verdict.outside_pct.tolist()) == ([1], [0.0])


def test_limits_follow_the_settings() -> None:
    feeder = FeederSettings()
    limits = voltage_limits(feeder)
    assert [limits.low, limits.high, limits.extreme_low, limits.extreme_high] == pytest.approx([207, 253, 195.5, 253])
    assert vuf_limits(feeder) == Limits(low=-math.inf, high=2.0)
