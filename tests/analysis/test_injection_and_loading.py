"""Export, reverse power, loading and coverage, around zero above all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_balancer.analysis.injection import export_per_phase, reverse_power_w, uneven_injection
from edge_balancer.analysis.loading import (
    coverage_of_houses,
    phase_loading_pct,
    power_coverage,
    total_loading_pct,
)

NAN = math.nan


def test_export_counts_exporting_houses_only() -> None:
    p = np.array([-3000.0, 2000.0, -500.0, NAN, -900.0])
    phase = np.array([0, 0, 1, 1, -1], dtype=np.int8)
    assert export_per_phase(p, phase).tolist() == [3000.0, 500.0, 0.0]


@pytest.mark.parametrize(
    ("export", "spread_w", "spread_pct"),
    [
        ((3000.0, 3000.0, 3000.0), 0.0, 0.0),
        ((7000.0, 2000.0, 1000.0), 6000.0, 60.0),
        ((9000.0, 0.0, 0.0), 9000.0, 100.0),
        ((60.0, 0.0, 0.0), 60.0, 0.0),
        ((0.0, 0.0, 0.0), 0.0, 0.0),
    ],
)
def test_uneven_injection(export: tuple[float, ...], spread_w: float, spread_pct: float) -> None:
    found = uneven_injection(np.array(export))
    assert [found.spread_w, found.spread_pct] == pytest.approx([spread_w, spread_pct])
    assert found.export_w == export


@pytest.mark.parametrize(
    ("p", "expected"), [((1e3, 2e3, 3e3), 0.0), ((-4e3, 1e3, 1e3), 2e3), ((-4e3, NAN, 1e3), 3e3), ((0.0,), 0.0)]
)
def test_reverse_power_is_the_net_flow_back(p: tuple[float, ...], expected: float) -> None:
    assert float(reverse_power_w(np.array(p))) == expected


def test_loading_per_phase_and_in_all() -> None:
    assert phase_loading_pct(np.array([100.0, 200.0, 0.0]), 400.0).tolist() == [25.0, 50.0, 0.0]
    p, q = np.array([30e3, 30e3, 0.0]), np.array([40e3, 40e3, NAN])
    assert float(total_loading_pct(p, q, 250e3)) == pytest.approx(40.0)


@pytest.mark.parametrize(("fresh", "total", "expected"), [(55, 55, 1.0), (11, 55, 0.2), (0, 55, 0.0), (0, 0, 0.0)])
def test_coverage_of_houses(fresh: int, total: int, expected: float) -> None:
    assert coverage_of_houses(fresh, total) == expected


def test_the_residual_is_what_the_houses_do_not_show() -> None:
    houses = np.array([8e3 + 1e3j, 0j, 100 + 0j])
    found = power_coverage(houses, np.array([10e3 + 1e3j, 5e3 + 0j, 50 + 0j]), floor_va=500.0)
    assert found.residual_va.tolist() == [2e3 + 0j, 5e3 + 0j, -50 + 0j]
    assert found.fraction[:2] == pytest.approx([1 - 2e3 / abs(10e3 + 1e3j), 0.0])
    assert math.isnan(found.fraction[2]), "a phase near zero cannot tell"
    assert found.total == pytest.approx(1 - 7050.0 / (abs(10e3 + 1e3j) + 5050.0))


@pytest.mark.parametrize("transformer", [(10 + 0j, 0j, 0j), (NAN + 0j, 1e3 + 0j, 1e3 + 0j)])
def test_power_coverage_near_zero_or_unmeasured_is_unknown(transformer: tuple[complex, ...]) -> None:
    assert math.isnan(power_coverage(np.zeros(3, dtype=complex), np.array(transformer), floor_va=500.0).total)
