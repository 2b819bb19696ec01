"""A meter's values become those of the house: ratio, direction, order of the phases, totals."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from firmware_bridge.contract import Phase
from firmware_bridge.meters.catalogue import load_meter
from firmware_bridge.meters.measure import measurement, unsigned_problem
from firmware_bridge.meters.points import Point, Quantity, SinglePhase, ThreePhase
from firmware_bridge.meters.template import point_named
from firmware_bridge.settings.devices import LineMeter


def meter(model: str = "eastron_sdm630", **given: Any) -> LineMeter:
    return LineMeter(house="house-7", model=model, unit=1, **given)


def values(**given: float) -> dict[Point, float]:
    found = {point_named(name): value for name, value in given.items()}
    return {point: value for point, value in found.items() if point is not None}


SINGLE = load_meter("eastron_sdm120")
THREE = load_meter("eastron_sdm630")
TOTALS = load_meter("eastron_sdm72")


def test_a_single_phase_meter_says_what_it_has() -> None:
    seen = values(p=1150.0, q=-20.0, v=230.0, i=5.0, e_import=1000.0, e_export=10.0, f=50.0, pf=0.98)
    assert measurement(SINGLE, seen, meter()) == SinglePhase(1150.0, -20.0, 230.0, 5.0, 1000.0, 10.0, 50.0)
    assert measurement(SINGLE, values(p=0.0), meter()) == SinglePhase(0.0)


@pytest.mark.parametrize(
    ("template", "given"),
    [(SINGLE, {"v": 230.0}), (SINGLE, {}), (THREE, {"v_l1": 230.0, "p": 100.0}), (TOTALS, {"e_import": 1.0})],
)
def test_without_active_power_there_is_no_measurement(template: Any, given: dict[str, float]) -> None:
    assert measurement(template, values(**given), meter()) is None


def test_a_three_phase_meter_says_its_phases() -> None:
    seen = values(
        p_l1=100.0, p_l2=-200.0, p_l3=300.0, p=200.0, q_l1=1.0, v_l1=229.0, v_l2=230.0, v_l3=231.0, i_l3=1.5,
        v_ll_l1=398.0, v_ll_l2=399.0, v_ll_l3=400.0, i_n=2.5, f=50.0, e_import_l2=7.0, e_export_l2=8.0,
    )  # fmt: skip
    assert measurement(THREE, seen, meter()) == ThreePhase(
        p=(100.0, -200.0, 300.0),
        q=(1.0, None, None),
        v=(229.0, 230.0, 231.0),
        i=(None, None, 1.5),
        e_import=(None, 7.0, None),
        e_export=(None, 8.0, None),
        v_ll=(398.0, 399.0, 400.0),
        i_n=2.5,
        f=50.0,
    )


def test_a_phase_that_told_no_power_leaves_its_place_empty() -> None:
    assert measurement(THREE, values(p_l1=100.0, p_l3=300.0), meter()) == ThreePhase(p=(100.0, None, 300.0))


def test_a_meter_of_totals_gives_one_phase_of_totals() -> None:
    seen = values(p=-350.0, e_import=1000.0, e_export=20.0)
    assert measurement(TOTALS, seen, meter()) == SinglePhase(-350.0, e_import=1000.0, e_export=20.0)


def test_a_ratio_multiplies_all_that_goes_through_current_transformers() -> None:
    seen = values(
        p_l1=10.0, q_l1=2.0, v_l1=230.0, i_l1=0.5, e_import_l1=3.0, e_export_l1=4.0, v_ll_l1=400.0, i_n=0.1, f=50.0
    )
    found = measurement(THREE, seen, meter(ratio=40))
    assert found == ThreePhase(
        p=(400.0, None, None),
        q=(80.0, None, None),
        v=(230.0, None, None),
        i=(20.0, None, None),
        e_import=(120.0, None, None),
        e_export=(160.0, None, None),
        v_ll=(400.0, None, None),
        i_n=4.0,
        f=50.0,
    )


def test_a_meter_wired_the_other_way_round_has_signs_and_counters_swapped() -> None:
    seen = values(p=1150.0, q=-20.0, v=230.0, i=5.0, e_import=1000.0, e_export=10.0, f=50.0)
    assert measurement(SINGLE, seen, meter(invert=True)) == SinglePhase(-1150.0, 20.0, 230.0, 5.0, 10.0, 1000.0, 50.0)


def test_an_inverted_zero_is_zero() -> None:
    found = measurement(SINGLE, values(p=0.0), meter(invert=True))
    assert found is not None
    assert str(found.p) == "0.0"


@pytest.mark.parametrize("order", [" ".join(order) for order in itertools.permutations(["L1", "L2", "L3"])])
def test_inputs_come_to_the_phases_that_they_are_connected_to(order: str) -> None:
    """The meter is told the truth of a known feeder in its own order; the measurement must be the feeder's."""
    power = {Phase.L1: 100.0, Phase.L2: 200.0, Phase.L3: 300.0}
    between = {frozenset({"L1", "L2"}): 397.0, frozenset({"L2", "L3"}): 399.0, frozenset({"L3", "L1"}): 401.0}
    inputs = [Phase(name) for name in order.split()]
    seen = {}
    for place, phase in enumerate(Phase):
        seen[Point(Quantity.P, phase)] = power[inputs[place]]
        seen[Point(Quantity.E_IMPORT, phase)] = 10 * power[inputs[place]]
        seen[Point(Quantity.V_LL, phase)] = between[frozenset({inputs[place].value, inputs[(place + 1) % 3].value})]
    assert measurement(THREE, seen, meter(order=order)) == ThreePhase(
        p=(100.0, 200.0, 300.0), e_import=(1000.0, 2000.0, 3000.0), v_ll=(397.0, 399.0, 401.0)
    )


@pytest.mark.parametrize(
    ("model", "has_pv", "allow", "refused"),
    [
        ("pzem_004t", True, False, True),
        ("pzem_004t", True, True, False),
        ("pzem_004t", False, False, False),
        ("orno_we514", True, False, True),
        ("eastron_sdm120", True, False, False),
    ],
)
def test_a_meter_that_cannot_show_export_is_refused_where_solar_may_feed_in(
    model: str, has_pv: bool, allow: bool, refused: bool
) -> None:
    problem = unsigned_problem(load_meter(model), meter(model, has_pv=has_pv, allow_unsigned=allow))
    assert bool(problem) is refused
    if refused:
        assert "house-7" in problem
        assert "allow_unsigned = true" in problem
