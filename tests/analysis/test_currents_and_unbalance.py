"""The formulas against the vector of the domain notes, hand-made cases and invariants."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.analysis.currents import (
    house_currents,
    live_voltages,
    neutral_current,
    phase_currents,
    phase_means,
    phase_sums,
    three_phase_currents,
    working_voltages,
)
from edge_balancer.analysis.unbalance import (
    current_unbalance_pct,
    load_imbalance_pct,
    lvur_pct,
    negative_sequence_current_pct,
    pvur_pct,
    symmetrical_components,
    vuf_from_line_voltages_pct,
    vuf_pct,
    zero_sequence_pct,
)
from edge_balancer.types.phases import ROTATION

NAN = math.nan
NOMINAL = 230.0

VECTOR = np.array([cmath.rect(v, math.radians(deg)) for v, deg in ((230, 0), (224, -121.5), (236, 119))])
LINE_TO_LINE = np.abs(VECTOR - np.roll(VECTOR, -1))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("VUF", vuf_pct(VECTOR), "0.82003"),
        ("CIGRE", vuf_from_line_voltages_pct(LINE_TO_LINE), "0.82003"),
        ("LVUR", lvur_pct(LINE_TO_LINE), "0.79721"),
        ("PVUR", pvur_pct(np.abs(VECTOR)), "2.60870"),
        ("V0/V1", zero_sequence_pct(VECTOR), "2.24467"),
    ],
)
def test_the_test_vector_comes_out_to_the_digit(name: str, value: np.ndarray, expected: str) -> None:
    assert f"{float(value):.5f}" == expected, name


@pytest.mark.parametrize(
    ("v_ll", "expected"),
    [
        ((400.0, 400.0, 400.0), 0.0),
        ((400.0, 400.0, 0.0), 100.0),
        ((200.0, 200.0, 400.0), 100.0),
        ((200.0, 200.0, 401.0), NAN),
        ((400.0, 0.0, 0.0), NAN),
        ((0.0, 0.0, 0.0), NAN),
        ((-400.0, 400.0, 400.0), NAN),
        ((400.0, NAN, 400.0), NAN),
    ],
)
def test_line_voltages_that_close_to_no_triangle_give_no_vuf(v_ll: tuple[float, ...], expected: float) -> None:
    assert float(vuf_from_line_voltages_pct(np.array(v_ll))) == pytest.approx(expected, abs=1e-5, nan_ok=True)


@given(st.lists(st.tuples(st.floats(180, 270), st.floats(-20, 20)), min_size=3, max_size=3))
def test_cigre_equals_the_phasors_for_any_triangle(polar: list[tuple[float, float]]) -> None:
    phasors = np.array([cmath.rect(v, math.radians(d)) * r for (v, d), r in zip(polar, ROTATION.tolist(), strict=True)])
    lines = np.abs(phasors - np.roll(phasors, -1))
    # 1 - sqrt(3 - 6 beta) cancels near balance: what can be asked for is the root of the rounding, in percent.
    assert float(vuf_from_line_voltages_pct(lines)) == pytest.approx(float(vuf_pct(phasors)), abs=1e-5)


def test_formulas_take_stacks_of_measurements() -> None:
    stack = np.array([VECTOR, 2 * VECTOR, 230 * ROTATION])
    assert vuf_pct(stack) == pytest.approx([0.82003, 0.82003, 0.0], abs=1e-5)
    assert symmetrical_components(stack).shape == (3, 3)
    assert lvur_pct(np.tile(LINE_TO_LINE, (2, 4, 1))).shape == (2, 4)


def test_pure_sequences_are_told_apart() -> None:
    for sequence, phasors in enumerate((np.ones(3), ROTATION, ROTATION.conj())):
        parts = np.abs(symmetrical_components(phasors.astype(complex)))
        assert parts == pytest.approx(np.eye(3)[sequence], abs=1e-12)
    assert math.isnan(float(vuf_pct(np.zeros(3, dtype=complex))))


@pytest.mark.parametrize(
    ("currents", "expected"), [((10.0, 10.0, 10.0), 0.0), ((30.0, 0.0, 0.0), 200.0), ((12.0, 10.0, 8.0), 20.0)]
)
def test_current_unbalance(currents: tuple[float, ...], expected: float) -> None:
    assert float(current_unbalance_pct(np.array(currents))) == pytest.approx(expected)


def test_current_unbalance_of_no_current_is_unknown() -> None:
    assert math.isnan(float(current_unbalance_pct(np.zeros(3))))


def test_one_loaded_phase_has_as_much_negative_as_positive_sequence() -> None:
    assert float(negative_sequence_current_pct(np.array([10.0 + 0j, 0, 0]))) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ((10e3, 10e3, 10e3), 0.0),
        ((12e3, 10e3, 8e3), 20.0),
        ((-12e3, -10e3, -8e3), 20.0),
        ((30e3, 0.0, 0.0), 200.0),
        ((5e3, -5e3, 0.0), 150.0),
        ((300.0, 0.0, 0.0), 20.0),
        ((0.0, 0.0, 0.0), 0.0),
    ],
)
def test_load_imbalance_is_calm_near_idle_and_bounded_with_export(p: tuple[float, ...], expected: float) -> None:
    assert float(load_imbalance_pct(np.array(p), floor_w=1e3)) == pytest.approx(expected)


@given(st.lists(st.floats(-1e5, 1e5), min_size=3, max_size=3))
def test_load_imbalance_never_exceeds_200_percent(p: list[float]) -> None:
    assert 0.0 <= float(load_imbalance_pct(np.array(p), floor_w=1.0)) <= 200.0 + 1e-9


@pytest.mark.parametrize(
    ("p", "q", "phase", "expected"),
    [
        (2300.0, 0.0, 0, 10.0),
        (0.0, 2300.0, 0, -10.0j),
        (2300.0, 0.0, 1, 10.0 * cmath.exp(-2j * cmath.pi / 3)),
        (-2300.0, NAN, 2, -10.0 * cmath.exp(2j * cmath.pi / 3)),
    ],
)
def test_a_house_current_lags_with_reactive_power_and_turns_with_its_phase(
    p: float, q: float, phase: int, expected: complex
) -> None:
    current = house_currents(np.array([p]), np.array([q]), np.array([NOMINAL]), np.array([phase]))
    assert complex(current[0]) == pytest.approx(expected)


def test_a_house_without_power_or_phase_has_an_unknown_current() -> None:
    currents = house_currents(
        np.array([NAN, 100.0]), np.zeros(2), np.full(2, NOMINAL), np.array([0, -1], dtype=np.int8)
    )
    assert np.isnan(currents).all()


@pytest.mark.parametrize(
    ("v", "phase", "expected"),
    [
        ((240.0, NAN, 232.0), (0, 0, 0), (240.0, 236.0, 232.0)),
        ((240.0, NAN, 232.0), (0, 1, 1), (240.0, 232.0, 232.0)),
        ((240.0, NAN, 232.0), (0, 1, 0), (240.0, NOMINAL, 232.0)),
        ((240.0, NAN, 232.0), (0, -1, 0), (240.0, NOMINAL, 232.0)),
        ((240.0, 0.0, 80.0), (0, 0, 1), (240.0, 240.0, NOMINAL)),
    ],
)
def test_a_missing_or_dead_voltage_is_its_phases_mean_else_nominal(
    v: tuple[float, ...], phase: tuple[int, ...], expected: tuple[float, ...]
) -> None:
    index = np.array(phase, dtype=np.int8)
    live = live_voltages(np.array(v), NOMINAL)
    assert working_voltages(live, phase_means(live, index), index, NOMINAL).tolist() == list(expected)


def test_sums_leave_out_houses_without_a_phase() -> None:
    phase = np.array([0, 1, -1, 1], dtype=np.int8)
    assert phase_sums(np.array([1.0, 2.0, 4.0, 8.0]), phase).tolist() == [1.0, 10.0, 0.0]
    assert phase_sums(np.ones((2, 4)), phase).tolist() == [[1.0, 2.0, 0.0]] * 2
    assert phase_sums(np.empty(0), np.empty(0, dtype=np.int8)).tolist() == [0.0, 0.0, 0.0]
    assert phase_sums(np.empty((2, 0)), np.empty(0, dtype=np.int8)).tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize(
    ("currents", "expected"), [((10, 10, 10), 0.0), ((10, 0, 0), 10.0), ((10, 10, 0), 10.0), ((20, 10, 10), 10.0)]
)
def test_the_neutral_carries_what_the_phases_do_not_cancel(currents: tuple[float, ...], expected: float) -> None:
    assert float(neutral_current(np.array(currents) * ROTATION)) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-3e3, 3e3), st.integers(0, 2)), min_size=1, max_size=30))
def test_neutral_of_houses_equals_neutral_of_phases(houses: list[tuple[float, float, int]]) -> None:
    p, q = (np.array(column, dtype=float) for column in (tuple(h[0] for h in houses), tuple(h[1] for h in houses)))
    phase = np.array([h[2] for h in houses], dtype=np.int8)
    volts = np.full(len(houses), NOMINAL)
    by_house = float(neutral_current(house_currents(p, q, volts, phase)))
    by_phase = float(neutral_current(phase_currents(np.array((p, q)), volts, phase)))
    assert by_house == pytest.approx(by_phase, abs=1e-6)


def test_a_balanced_three_phase_load_leaves_the_neutral_empty() -> None:
    currents = three_phase_currents(
        np.array([[3e3, 3e3, 3e3], [2300.0, 0.0, 0.0]]), np.full((2, 3), NAN), np.full((2, 3), NOMINAL), NOMINAL
    )
    assert neutral_current(currents) == pytest.approx([0.0, 10.0], abs=1e-9)
