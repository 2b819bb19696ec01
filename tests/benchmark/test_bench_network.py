"""What schedules do to a network, and what a perfect forecast says."""

from __future__ import annotations

import numpy as np
import pytest

from edge_balancer.benchmark.network import Network
from edge_balancer.benchmark.oracle import Oracle
from edge_balancer.benchmark.volts import HouseVoltages
from edge_balancer.forecast.horizon import horizon
from edge_balancer.twin.grid.generate import Style
from tests.benchmark.bench_cases import small_case


def test_balance_shows_on_the_network() -> None:
    case = small_case(12, 360, seed=1, step_s=10.0)
    network = Network(case, Style.RURAL, 1)
    none = np.zeros((360, 12), dtype=np.float32)
    even, crowded = (np.repeat(np.array([phase], dtype=np.int8), 360, axis=0) for phase in ([0, 1, 2] * 4, [1] * 12))
    good, bad = network.figures(even, none), network.figures(crowded, none)
    assert bad.vuf_pct > 2.0 * good.vuf_pct
    assert bad.loss_pct > good.loss_pct > 0.0
    assert bad.lowest_v < good.lowest_v < 230.0
    again = network.figures(even, none)
    assert again == good


def test_export_lifts_voltages_until_inverters_trip() -> None:
    case = small_case(9, 120, seed=1, step_s=60.0, pv_w=9000.0)
    case.power[:] = -9000.0
    network = Network(case, Style.RURAL, 3)
    schedule = np.repeat(np.array([[0] * 6 + [1, 2, 1]], dtype=np.int8), 120, axis=0)
    full = network.figures(schedule, np.zeros((120, 9), dtype=np.float32))
    away = network.figures(schedule, np.full((120, 9), 9000.0, dtype=np.float32))
    assert full.highest_v > 253.0
    assert full.over_voltage_pct == 100.0
    assert away.over_voltage_pct == 0.0
    assert away.highest_v < 240.0


def test_too_short_a_record_has_no_ten_minute_windows() -> None:
    case = small_case(3, 20, seed=1, step_s=10.0)
    with pytest.raises(ValueError, match="shorter than ten minutes"):
        Network(case, Style.RURAL, 1).figures(np.zeros((20, 3), dtype=np.int8), np.zeros((20, 3)))


@pytest.mark.parametrize("after_s", [0.0, 3.0, 10.0, 1234.5, 3600.0])
def test_the_oracle_tells_the_mean_over_each_block(after_s: float) -> None:
    case = small_case(3, 2400, seed=2, step_s=10.0)
    ahead = horizon(20.0)
    told = Oracle(case).forecast(case.start + after_s, ahead)
    assert told.shape == (3, len(ahead.starts_s))
    seconds = np.repeat(case.power, 20, axis=0)  # half seconds
    for k, (begin, end) in enumerate(zip(ahead.starts_s, ahead.ends_s, strict=True)):
        block = seconds[round(2 * (after_s + begin)) : round(2 * (after_s + end))]
        assert np.allclose(told[:, k], block.mean(axis=0))


def test_the_oracle_knows_the_record_to_its_end_and_keeps_the_last_beyond() -> None:
    case = small_case(2, 30, seed=2, step_s=60.0)
    end = case.start + 30 * 60.0
    told = Oracle(case).forecast(end - 420.0, horizon(20.0))
    assert np.allclose(told[:, 0], case.power[23:28].mean(axis=0))
    assert np.allclose(told[:, 1], case.power[28:].mean(axis=0))
    assert np.allclose(told[:, 2], case.power[29])


def test_the_medium_voltage_swings_in_the_figures_and_at_the_meters() -> None:
    case = small_case(6, 1440, seed=2)
    network = Network(case, Style.SUBURBAN, 7)
    wall = np.asarray(case.start + 60.0 * np.arange(1440), dtype=np.float64)
    level = network.level(wall)
    assert 0.005 < np.ptp(level) <= 0.015
    quick = HouseVoltages(network.flow, network.level)
    assert np.array_equal(quick.level(wall), level)
    high, low = (quick.at(case.power[0], case.initial, float(pu)) for pu in (level.max(), level.min()))
    assert (high - low > 0.9 * 230.0 * np.ptp(level)).all()
    exact = network.flow.solve(case.power[0], case.initial.astype(np.int64), float(level.max())).house_v[0]
    assert high == pytest.approx(np.abs(exact), abs=0.1)


@pytest.mark.parametrize("style", list(Style))
def test_the_quick_voltages_are_those_of_the_power_flow(style: Style) -> None:
    case = small_case(9, 20, seed=4)
    flow = Network(case, style, 2).flow
    quick = HouseVoltages(flow)
    rng = np.random.default_rng(1)
    for power in case.power:
        phases = rng.integers(0, 3, 9).astype(np.int8)
        exact = np.abs(flow.solve(power, phases.astype(np.int64)).house_v[0])
        assert np.abs(exact - 230.0).max() > 0.1
        assert quick.at(power, phases) == pytest.approx(exact, abs=0.1)
        assert np.array_equal(quick.at(power, phases), quick.at(power, phases))
