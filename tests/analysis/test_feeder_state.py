"""The state of the feeder from houses alone, with three-phase houses, and with the transformer's meter."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_balancer.analysis.feeder import IDLE_FRACTION, NO_THREE_PHASE, Houses, ThreePhaseHouses, feeder_state
from edge_balancer.analysis.unbalance import current_unbalance_pct, load_imbalance_pct, pvur_pct
from edge_balancer.settings.feeder import FeederSettings
from edge_balancer.types.readings import TRANSFORMER, ThreePhaseReading
from edge_balancer.types.snapshot import FeederState
from edge_balancer.types.switching import Mode

NAN = math.nan
SETTINGS = FeederSettings(transformer_kva=69.0)  # 100 A rated
# Between 230 V at 0, 224 V at -121.5 and 236 V at 119 degrees: VUF 0.82003 %.
LINE_TO_LINE = (396.12403627, 397.41031462, 401.53073652)
Row = tuple[float, float, float, int, bool]


def houses_of(rows: list[Row]) -> Houses:
    p, q, v, phase, fresh = ([row[k] for row in rows] for k in range(5))
    return Houses(
        np.array(p, dtype=float),
        np.array(q, dtype=float),
        np.array(v, dtype=float),
        np.array(phase, dtype=np.int8),
        np.array(fresh, dtype=bool),
    )


def state_of(
    rows: list[Row],
    three_phase: ThreePhaseHouses = NO_THREE_PHASE,
    transformer: ThreePhaseReading | None = None,
    total: int | None = None,
) -> FeederState:
    houses_total = len(rows) + len(three_phase.p) if total is None else total
    return feeder_state(7.0, houses_of(rows), three_phase, transformer, SETTINGS, Mode.AUTO, houses_total)


FEEDER: list[Row] = [
    (4600.0, 0.0, 230.0, 0, True),
    (-1150.0, NAN, 240.0, 0, True),
    (2300.0, 0.0, 230.0, 1, True),
    (9999.0, 0.0, 250.0, 1, False),
    (5000.0, 0.0, 231.0, -1, True),
    (NAN, 0.0, 229.0, 2, True),
]


def test_sums_and_voltages_are_of_fresh_houses_on_a_known_phase() -> None:
    state = state_of(FEEDER)
    assert [(s.p, s.houses, s.export_w) for s in state.phases] == [(3450.0, 2, 1150.0), (2300.0, 1, 0.0), (0.0, 0, 0.0)]
    assert (state.l1.v_min, state.l1.v_mean, state.l1.v_max) == (230.0, 235.0, 240.0)
    assert (state.l3.v_min, state.l3.v_mean, state.l3.v_max) == (None, None, None)
    assert state.l1.i == pytest.approx(20.0 - 1150.0 / 240.0)
    assert [state.houses_fresh, state.houses_total, state.coverage] == pytest.approx([4, 6, 4 / 6])
    assert (state.t, state.mode, state.reverse_power) == (7.0, Mode.AUTO, False)


def test_without_a_transformer_meter_the_neutral_is_the_houses_phasor_sum_and_there_is_no_vuf() -> None:
    state = state_of([(2300.0, 0.0, 230.0, 0, True), (2300.0, 0.0, 230.0, 1, True)])
    assert state.i_n == pytest.approx(10.0)
    assert state.vuf is None
    assert state.pvur is None, "L3 has no voltage"
    assert state.loading == pytest.approx(10.0)
    assert state.current_unbalance == pytest.approx(100.0)


def test_pvur_comes_from_the_mean_voltages_of_the_phases() -> None:
    state = state_of([(500.0, 0.0, v, k, True) for k, v in enumerate((230.0, 224.0, 236.0))])
    assert state.pvur == pytest.approx(2.60870, abs=1e-5)


def test_a_dead_voltage_is_shown_but_neither_averaged_nor_divided_by() -> None:
    state = state_of([(2300.0, 0.0, 230.0, 0, True), (0.0, 0.0, 0.0, 0, True)])
    assert (state.l1.v_min, state.l1.v_mean) == (0.0, 230.0)
    assert state.l1.i == pytest.approx(10.0)


def test_three_phase_houses_count_on_every_phase_and_a_stale_one_on_none() -> None:
    shared = ThreePhaseHouses(
        np.array([[2300.0, 2300.0, -2300.0], [NAN, 1.0, 1.0]]),
        np.array([[NAN, 0.0, 0.0], [0.0, 0.0, 0.0]]),
        np.array([[230.0, 231.0, 232.0], [300.0, 300.0, 300.0]]),
    )
    state = state_of([(2300.0, 0.0, 230.0, 2, True)], shared)
    assert [s.p for s in state.phases] == [2300.0, 2300.0, 0.0]
    assert [s.houses for s in state.phases] == [1, 1, 2]
    assert [s.v_max for s in state.phases] == [230.0, 231.0, 232.0]
    assert state.l3.export_w == 2300.0
    assert (state.houses_fresh, state.houses_total) == (2, 3)


def transformer(**values: Any) -> ThreePhaseReading:
    return ThreePhaseReading(house=TRANSFORMER, at=0.0, **{"p": (6900.0, 2300.0, 2300.0), **values})


BALANCED: list[Row] = [(2300.0, 0.0, 230.0, k, True) for k in range(3)]


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (transformer(i_n=17.5), 17.5),
        (transformer(), 20.0),
        (transformer(v=(460.0, 230.0, 230.0)), 5.0),
        (transformer(p=(NAN, NAN, NAN)), 0.0),
        (transformer(p=(NAN, 4600.0, 2300.0)), 10.0),
    ],
)
def test_the_transformers_meter_decides_the_neutral_current(reading: ThreePhaseReading, expected: float) -> None:
    assert state_of(BALANCED, transformer=reading).i_n == pytest.approx(expected, abs=1e-9)


def test_the_transformers_meter_gives_vuf_loading_pvur_and_reverse_power() -> None:
    state = state_of(
        BALANCED,
        transformer=transformer(
            p=(-6900.0, 2300.0, 2300.0),
            i=(31.0, 10.0, 10.0),
            v=(230.0, 224.0, 236.0),
            v_ll=LINE_TO_LINE,
        ),
    )
    assert state.vuf == pytest.approx(0.82003, abs=1e-5)
    assert state.loading == pytest.approx(31.0)
    assert state.pvur == pytest.approx(2.60870, abs=1e-5)
    assert state.reverse_power
    assert state.imbalance == pytest.approx(100.0 * (6900.0 - 2300.0 / 3) / (11500.0 / 3))
    assert [s.p for s in state.phases] == [2300.0] * 3, "the phases' sums stay the houses'"


def test_line_voltages_that_cannot_be_give_no_vuf() -> None:
    assert state_of(BALANCED, transformer=transformer(v_ll=(400.0, 100.0, 100.0))).vuf is None


def test_with_nothing_fresh_the_sums_are_zero_and_coverage_says_so() -> None:
    state = state_of([(4600.0, 0.0, 230.0, 0, False)])
    assert (state.i_n, state.imbalance, state.coverage, state.houses_fresh) == (0.0, 0.0, 0.0, 0)
    assert (state.loading, state.current_unbalance, state.pvur) == (None, None, None)


@pytest.mark.parametrize("total", [0, 3])
def test_a_feeder_without_single_phase_houses_is_no_error(total: int) -> None:
    assert state_of([], total=total).coverage == 0.0


value = st.one_of(st.just(NAN), st.floats(-1e4, 1e4))


@given(st.lists(st.tuples(value, value, st.one_of(value, st.floats(0, 300)), st.integers(-1, 2), st.booleans())))
def test_any_readings_give_a_state_that_json_can_carry(rows: list[Row]) -> None:
    state = state_of(rows)
    assert msgspec.json.decode(msgspec.json.encode(state), type=FeederState) == state
    assert state.i_n <= sum(s.i for s in state.phases) + 1e-9
    assert 0.0 <= state.imbalance <= 200.0 + 1e-9


def test_the_figures_are_those_of_the_formulas() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        rows = [
            (float(p), 0.0, float(v), k % 3, True)
            for k, (p, v) in enumerate(zip(rng.normal(900, 4000, 12), rng.normal(230, 5, 12), strict=True))
        ]
        state = state_of(rows)
        p, i, v = (np.array([getattr(s, name) for s in state.phases], dtype=float) for name in ("p", "i", "v_mean"))
        assert state.imbalance == pytest.approx(float(load_imbalance_pct(p, IDLE_FRACTION * 23e3)))
        assert state.current_unbalance == pytest.approx(float(current_unbalance_pct(i)))
        assert state.pvur == pytest.approx(float(pvur_pct(v)))
