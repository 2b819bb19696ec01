"""The clocks: when a wall clock is believed, and how the demo's clock runs."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import pytest

from edge_balancer import clock as clock_module
from edge_balancer.clock import EARLIEST_PLAUSIBLE, Clock, ScaledClock, SystemClock, is_synced, kernel_synced

LATER = EARLIEST_PLAUSIBLE + 86_400.0


@pytest.mark.parametrize(
    ("wall", "flag", "kernel", "expected"),
    [
        (LATER, False, True, True),
        (LATER, False, False, False),
        (LATER, True, False, True),  # timesyncd set it; the kernel forgets after a day without the network
        (LATER, False, None, True),  # nobody can be asked
        (EARLIEST_PLAUSIBLE - 1, True, True, False),
        (0.0, False, None, False),
    ],
)
def test_a_wall_clock_is_believed_only_with_a_plausible_date_and_a_witness(
    wall: float, flag: bool, kernel: bool | None, expected: bool
) -> None:
    assert is_synced(wall, flag, kernel) is expected


@pytest.mark.parametrize(
    ("flag", "kernel", "expected"), [(False, None, False), (True, None, True), (False, True, True)]
)
def test_where_timesyncd_runs_and_the_kernel_cannot_be_asked_its_word_counts(
    flag: bool, kernel: bool | None, expected: bool
) -> None:
    assert is_synced(LATER, flag, kernel, timesyncd=True) is expected


def test_the_system_clock_follows_the_machine() -> None:
    clock: Clock = SystemClock()
    assert clock.speed == 1.0
    assert abs(clock.wall() - time.time()) < 1.0
    assert abs(clock.monotonic() - time.monotonic()) < 1.0


def test_the_system_clock_asks_the_kernel_once_a_minute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [1000.0]
    asked: list[float] = []

    def kernel() -> bool:
        asked.append(now[0])
        return now[0] < 1060.0

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: LATER)
    monkeypatch.setattr(clock_module, "kernel_synced", kernel)
    monkeypatch.setattr(clock_module, "TIMESYNC_FLAG", tmp_path / "absent")
    clock = SystemClock()
    answers = []
    for now[0] in (1000.0, 1030.0, 1059.9, 1060.0, 1100.0):
        answers.append(clock.synced())
    assert answers == [True, True, True, False, False]
    assert asked == [1000.0, 1060.0]


def test_an_implausible_date_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "kernel_synced", lambda: True)
    clock = SystemClock()
    assert clock.synced()
    monkeypatch.setattr(time, "time", lambda: 12.0)
    assert not clock.synced()


def test_the_kernel_answers_as_the_c_library_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    for returned, expected in ((0, True), (5, False), (-1, None)):

        class Library:
            adjtimex = staticmethod(lambda _buffer, returned=returned: returned)

        monkeypatch.setattr(ctypes, "CDLL", lambda _name, library=Library: library)
        assert kernel_synced() is expected


def test_reading_the_kernels_state_sets_nothing() -> None:
    before = time.time() - time.monotonic()
    assert kernel_synced() in (True, False, None)
    assert abs((time.time() - time.monotonic()) - before) < 0.5


def test_a_scaled_clock_runs_both_its_clocks_at_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = [500.0]
    monkeypatch.setattr(time, "monotonic", lambda: real[0])
    clock: Clock = ScaledClock(300.0, start_wall=1_800_000_000.0)
    start = clock.monotonic()
    real[0] += 2.0
    assert clock.monotonic() - start == pytest.approx(600.0)
    assert clock.wall() == pytest.approx(1_800_000_600.0)
    assert clock.synced()


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_clock_that_would_not_run_forward_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        ScaledClock(speed, 0.0)
