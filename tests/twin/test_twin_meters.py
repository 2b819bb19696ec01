"""The twin's meters: what becomes of the truth on its way, and that each meter's chances are its own."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from edge_balancer.twin.devices.meters import MeterOptions, Meters, Reports, Windows

START = 1_750_000_000.0
PERFECT = MeterOptions(
    jitter=0.0, delay_s=0.0, loss=0.0, accuracy_pct=0.0, voltage_accuracy_pct=0.0, power_step_w=0.0,
    voltage_step_v=0.0, clock_offset_s=0.0, clock_skew_ppm=0.0,
)  # fmt: skip


def windows_of(options: MeterOptions, houses: int = 5, seconds: float = 3600.0, step_s: float = 10.0) -> Windows:
    meters = Meters(houses, options, 7, START)
    parts = [meters.due(START + t) for t in np.arange(step_s, seconds + step_s, step_s)]
    return Windows(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Windows)))


def said(options: MeterOptions, p: float, v: float = 230.0, seconds: float = 43_200.0) -> Reports:
    meters = Meters(5, options, 7, START)
    some = meters.due(START + seconds)
    return meters.read(some, np.full(len(some), p), np.zeros(len(some)), np.full(len(some), v))


def test_a_meters_periods_follow_one_another_without_gap() -> None:
    some = windows_of(replace(PERFECT, jitter=0.2))
    for house in range(5):
        own = some.house == house
        assert (some.begin[own][1:] == some.end[own][:-1]).all()
        lengths = np.diff(some.end[own])
        assert lengths.mean() == pytest.approx(60.0, rel=0.02)
        assert lengths.std() > 1.0


def test_a_perfect_meter_says_the_truth() -> None:
    seen = said(PERFECT, 1234.5678, 229.876)
    assert (seen.p == 1234.5678).all()
    assert (seen.v == 229.876).all()
    assert (seen.stamp == seen.arrival).all()


def test_how_often_they_are_asked_changes_nothing() -> None:
    options = MeterOptions(loss=0.1, bursts_per_day=20.0, gateway_outages_per_day=20.0, burst_s=600.0)
    often, seldom = windows_of(options, step_s=5.0), windows_of(options, step_s=3600.0)
    for field in fields(Windows):
        one = getattr(often, field.name)[np.lexsort((often.house, often.end))]
        assert (one == getattr(seldom, field.name)).all(), field.name


def test_a_house_is_the_same_however_many_others_there_are() -> None:
    options = MeterOptions(loss=0.1, bursts_per_day=5.0)
    few, many = windows_of(options, houses=3), windows_of(options, houses=9)
    assert (few.end[few.house == 2] == many.end[many.house == 2]).all()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"loss": 0.2}, 0.2, id="single readings"),
        # Mean length 450 s, 24 gaps a day: 24 * 450 / (86400 + 24 * 450).
        pytest.param({"bursts_per_day": 24.0, "burst_s": 900.0}, 1 / 9, id="bursts of a meter's own"),
        pytest.param({"gateway_outages_per_day": 24.0, "gateway_outage_s": 900.0}, 1 / 9, id="the gateway"),
        pytest.param({"loss": 1.0}, 1.0, id="everything"),
    ],
)
def test_as_much_is_lost_as_was_asked(change: dict[str, Any], expected: float) -> None:
    meters = Meters(60, replace(PERFECT, period_s=300.0, **change), 3, START)
    kept = len(meters.due(START + 8 * 86_400.0))
    share = meters.lost / (kept + meters.lost)
    assert share == pytest.approx(expected, rel=0.25)


def test_the_gateway_takes_all_meters_with_it() -> None:
    some = windows_of(replace(PERFECT, gateway_outages_per_day=24.0, gateway_outage_s=1800.0), 40, 6 * 3600.0)
    silent = np.diff(np.sort(some.end)).max()
    assert silent > 120.0  # with 40 meters on their own beats something is heard all the time but then


def test_errors_stay_within_the_class_but_for_their_noise() -> None:
    seen = said(replace(PERFECT, accuracy_pct=1.0, voltage_accuracy_pct=0.5), 10_000.0)
    means = np.array([seen.p[seen.house == h].mean() for h in range(5)])
    assert (np.abs(means / 10_000.0 - 1.0) < 0.011).all()
    assert means.std() > 5.0
    spread = np.array([seen.p[seen.house == h].std() for h in range(5)])
    assert spread == pytest.approx(np.full(5, 20.0), rel=0.15)
    assert np.abs(seen.v / 230.0 - 1.0).max() < 0.011


def test_values_come_in_whole_steps() -> None:
    seen = said(replace(PERFECT, power_step_w=10.0, voltage_step_v=0.5), 1234.5, 229.3)
    assert set(seen.p.tolist()) == {1230.0}
    assert set(seen.v.tolist()) == {229.5}


def test_clocks_are_wrong_run_away_and_are_set() -> None:
    seen = said(
        replace(PERFECT, clock_offset_s=2.0, clock_skew_ppm=2000.0, clock_set_h=6.0), 0.0, seconds=2 * 21_600.0 - 100.0
    )
    off = seen.stamp - seen.arrival
    for house in range(5):
        own = seen.house == house
        first = own & (seen.arrival < START + 21_600.0)
        second = own & ~first
        assert np.ptp(off[first]) < 43.3
        assert np.abs(np.diff(off[first])).max() < 0.2  # it runs away slowly
        assert abs(off[second][0]) < 2.1  # and is set
    assert np.abs(off).max() > 10.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": 1.5}, "loss"),
        ({"period_s": 0.0}, "period_s"),
        ({"jitter": -0.1}, "jitter"),
        ({"burst_s": float("nan")}, "burst_s"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(PERFECT, **change)
