"""Figures and counts, on values that one can work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.simulation.conduct import Conduct
from edge_balancer.simulation.outcome import Outcome
from edge_balancer.simulation.physics import Steps
from edge_balancer.simulation.world import World
from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.phases import Phase
from edge_balancer.types.switching import Command
from tests.simulation.small import world

HOUSES = 6


@pytest.fixture(scope="module")
def feeder() -> World:
    return world(controller={"decision": {"operations_per_house_day": 2.0, "max_operations_per_house_day": 3}})


def steps(volts: np.ndarray[tuple[int, int], np.dtype[np.float64]], neutral: list[float]) -> Steps:
    """Sixty minutes with these voltages of the houses [60, H] and neutral currents, repeated."""
    flat = np.ones(60)
    return Steps(
        neutral_a=np.resize(neutral, 60), phase_a=np.ones((60, 3)), v_square=volts**2, v_min=np.nanmin(volts, axis=1),
        v_max=np.nanmax(volts, axis=1), vuf_pct=np.array([[0.5, 1.0]]) * flat[:, None], loss_w=60.0 * flat,
        source_w=2060.0 * flat, net_w=2000.0 * flat, pv_w=500.0 * flat, pv_lost_w=50.0 * flat,
    )  # fmt: skip


def test_over_voltage_is_counted_by_ten_minute_means_of_each_house(feeder: World) -> None:
    volts = np.full((60, HOUSES), 230.0)
    volts[0:10, 0] = 254.0  # 10 minutes above 253 V
    volts[10:15, 1] = 280.0  # a mean of 256 V
    volts[20:24, 2] = 260.0  # five minutes do not make the mean
    volts[30:40, 3] = 206.0  # below 207 V
    volts[40:49, 4] = np.nan  # dark for nine minutes, then fine
    outcome = Outcome(feeder)
    outcome.add(steps(volts, [1.0]))
    seen = outcome.figures()
    assert (seen.over_voltage_min, seen.under_voltage_min) == (20.0, 10.0)
    assert seen.v_max == pytest.approx(np.sqrt((280.0**2 + 230.0**2) / 2.0))


def test_the_neutrals_figures(feeder: World) -> None:
    outcome = Outcome(feeder)
    outcome.add(steps(np.full((60, HOUSES), 230.0), [3.0, 4.0, 5.0]))
    seen = outcome.figures()
    assert seen.neutral_mean_a == pytest.approx(4.0)
    assert seen.neutral_rms_a == pytest.approx(np.sqrt(50.0 / 3.0))
    assert (seen.neutral_p95_a, seen.neutral_max_a) == (5.0, 5.0)
    assert seen.vuf_mean_pct == pytest.approx(1.0)
    assert (seen.loss_kwh, seen.pv_kwh, seen.pv_lost_kwh) == pytest.approx((0.06, 0.5, 0.05))
    series = outcome.series()
    assert series.neutral_a.tolist() == [4.0]
    assert series.phase_a.shape == (1, 3)


def order(feeder: World, at: float, origin: Phase, phase: Phase, number: int) -> Command:
    return Command(f"c{number}", number, feeder.names[0], phase, origin, at, at + 10.0, "d")


def test_operations_above_the_cap_and_returns_within_the_dwell_are_counted(feeder: World) -> None:
    conduct = Conduct(feeder, since=1000.0)
    moves = [
        (0.0, Phase.L1, Phase.L2),  # before the judged time, but it counts for the cap
        (2000.0, Phase.L2, Phase.L3),
        (2100.0, Phase.L3, Phase.L2),  # back within the dwell of 900 s
        (2200.0, Phase.L2, Phase.L1),  # the fourth in 24 h, within the dwell, but no return
        (86_500.0, Phase.L1, Phase.L2),  # the first has dropped out: again the fourth
        (200_000.0, Phase.L2, Phase.L1),
    ]
    for number, (at, origin, phase) in enumerate(moves):
        conduct.commanded(order(feeder, at, origin, phase, number), at)
    assert (conduct.commands, conduct.cap_violations) == (5, 2)
    assert (conduct.dwell_violations, conduct.oscillations) == (2, 1)
    assert conduct.returns == {1: 1, 4: 1}
    conduct.commanded(order(feeder, 207_000.0, Phase.L1, Phase.L2, 9), 207_000.0)  # back after nearly two hours
    assert (conduct.oscillations, conduct.returns) == (1, {1: 1, 4: 2})


def test_time_on_a_wrong_phase_counts_from_the_judged_time_on(feeder: World) -> None:
    conduct = Conduct(feeder, since=1000.0)
    wrong, still = np.zeros(HOUSES, dtype=bool), np.zeros(HOUSES, dtype=bool)
    wrong[2] = True
    conduct.stood(wrong, still, False, True, 500.0, 500.0)
    for now in (1500.0, 2000.0):
        conduct.stood(wrong, still, True, now == 2000.0, now, 500.0)
    assert conduct.wrong_s.tolist() == [0.0, 0.0, 1000.0, 0.0, 0.0, 0.0]
    assert (conduct.wrong_episodes, conduct.halted_s, conduct.blind_s) == (0, 1000.0, 500.0)
    conduct.stood(~wrong, still, False, False, 2100.0, 100.0)
    assert conduct.wrong_episodes == HOUSES - 1


def test_a_doubt_is_right_where_the_house_is_elsewhere_and_tells_after_how_long(feeder: World) -> None:
    conduct = Conduct(feeder, since=1000.0)
    wrong, still = np.zeros(HOUSES, dtype=bool), np.zeros(HOUSES, dtype=bool)
    wrong[2] = True
    conduct.doubted(4, True, 500.0)  # in the history: not counted
    conduct.stood(wrong, still, False, False, 900.0, 100.0)
    # Commanded once more on the way: while the command is under way nobody is wrong, and the clock runs on.
    conduct.stood(wrong, wrong, False, False, 4000.0, 100.0)
    conduct.stood(wrong, still, False, False, 8000.0, 100.0)
    conduct.doubted(2, True, 8000.0)
    conduct.doubted(3, False, 8000.0)
    assert (conduct.doubts, conduct.doubts_wrong, conduct.doubt_after_s) == (1, 1, [7200.0])
    assert conduct.wrong_s.tolist() == [0.0, 0.0, 100.0, 0.0, 0.0, 0.0]
    assert conduct.wrong_episodes == 0
    assert [(one.kind, one.reason) for one in conduct.troubles] == [
        ("doubted", "it was elsewhere"),
        ("doubted", "it was where it is on record"),
    ]


def test_what_was_recorded_before_the_judged_time_does_not_count(feeder: World) -> None:
    conduct = Conduct(feeder, since=1000.0)
    for at in (500.0, 1500.0):
        for kind in (EventKind.FAILED, EventKind.TIMED_OUT, EventKind.LOCKED, EventKind.VERIFIED):
            conduct.recorded(Event(kind, at, at, True, "h", "c", {"strength": "agrees"}), at)
    assert (conduct.failed, conduct.timed_out, conduct.lock_outs) == (1, 1, 1)
    assert (conduct.verified, conduct.verified_by_witness) == (1, 1)
