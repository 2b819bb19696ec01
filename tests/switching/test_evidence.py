"""What the meters can and cannot tell about a move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_balancer.switching import evidence
from edge_balancer.switching import picture as asked
from edge_balancer.switching.evidence import before_move
from edge_balancer.switching.picture import Finding, Move, Picture
from edge_balancer.switching.transformer_witness import TransformerLog
from tests.switching.cases import NAN, picture

# House 0 is moved from L1 to L2; 1-3 stay on L1, 4-6 on L2, 7-9 on L3.
BEFORE_PHASES = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
AFTER_PHASES = [1, *BEFORE_PHASES[1:]]
HOUSES = len(BEFORE_PHASES)
# L1 is heavily loaded, L2 hardly: houses on L1 see 218 V, on L2 232 V, the head about 226 V.
BEFORE_VOLTS = [218.0, 218.0, 218.0, 218.0, 232.0, 232.0, 232.0, 228.0, 228.0, 228.0]
DONE_AT = 85.0
"""When the switch says done. The meters are read at 100 s, and give means over 10 s."""


def judge(before: Picture, after: Picture, since: float = DONE_AT, use_voltage: bool = True) -> asked.Testimony:
    return evidence.testify(
        after, Move(0, 0, 1, since), before_move(before, 0), TransformerLog(), use_voltage=use_voltage
    )


def after_volts(own: float, others: list[float] = BEFORE_VOLTS, **changed: Any) -> Picture:
    return picture([own, *others[1:]], AFTER_PHASES, **changed)


BEFORE = picture(BEFORE_VOLTS, BEFORE_PHASES)


@pytest.mark.parametrize(
    ("own_v", "finding"),
    [
        pytest.param(232.0, Finding.AGREES, id="with the new phase"),
        pytest.param(228.0, Finding.AGREES, id="nearer to the new phase"),
        pytest.param(223.5, Finding.ALIVE, id="between the two"),
        pytest.param(218.0, Finding.CONTRADICTS, id="with the old phase"),
        pytest.param(0.0, Finding.DEAD, id="no supply"),
        pytest.param(100.0, Finding.DEAD, id="hardly any supply"),
        pytest.param(NAN, Finding.ALIVE, id="no voltage measured, but a load"),
    ],
)
def test_the_voltage_keeps_company_with_the_new_phase(own_v: float, finding: Finding) -> None:
    assert judge(BEFORE, after_volts(own_v)).finding is finding


def test_a_house_that_landed_on_the_third_phase_is_not_verified() -> None:
    volts = [*BEFORE_VOLTS[:7], 245.0, 245.0, 245.0]
    testimony = judge(picture(volts, BEFORE_PHASES), after_volts(245.0, volts))
    assert testimony.finding is Finding.CONTRADICTS
    assert "L3, not L2" in testimony.witness


def test_no_reading_since_the_report_is_no_testimony() -> None:
    assert judge(BEFORE, after_volts(218.0), since=100.5).finding is Finding.NOTHING


def test_where_the_phases_are_alike_a_living_meter_must_do() -> None:
    alike = picture([230.0] * HOUSES, BEFORE_PHASES)
    testimony = judge(alike, picture([230.0] * HOUSES, AFTER_PHASES))
    assert testimony.finding is Finding.ALIVE
    assert "230 V" in testimony.witness


def test_the_voltage_is_not_asked_where_it_must_not_bear_witness() -> None:
    assert judge(BEFORE, after_volts(218.0), use_voltage=False).finding is Finding.ALIVE


RESTLESS = [218.0, 212.0, 222.0, 218.0, 238.0, 232.0, 227.0, 228.0, 228.0, 228.0]
"""Neighbours whose loads have changed since the move was decided: as much as the phases differ by."""


@pytest.mark.parametrize(
    ("changed", "own_v"),
    [
        pytest.param({"others": RESTLESS}, 218.0, id="the neighbours themselves have changed as much"),
        pytest.param({"period_s": np.full(HOUSES, 60.0)}, 218.0, id="a mean that was running before the move"),
        pytest.param({"period_s": np.full(HOUSES, NAN)}, 218.0, id="a meter of which the period is not known"),
        pytest.param({"at": np.array([100.0, *[80.0] * 9])}, 218.0, id="neighbours read before the move"),
        pytest.param({"fresh": np.array([True] * 5 + [False] * 5)}, 218.0, id="one neighbour only on the new phase"),
    ],
)
def test_the_voltage_accuses_no_switch_on_doubtful_grounds(changed: dict[str, Any], own_v: float) -> None:
    assert judge(BEFORE, after_volts(own_v, **changed)).finding is Finding.ALIVE


def test_a_house_that_draws_much_is_not_taken_for_one_that_stayed() -> None:
    """16 A lower its own voltage by 4 V on any phase, which is half of what the phases differ by."""
    volts = [222.0, 226.0, 226.0, 226.0, 234.0, 234.0, 234.0, 230.0, 230.0, 230.0]
    heavy = [3680.0 + 230.0, *[230.0] * 9]
    before = picture(volts, BEFORE_PHASES, powers=heavy)
    assert judge(before, after_volts(230.0, volts, p=np.array(heavy))).finding is Finding.AGREES
    assert judge(before, after_volts(222.0, volts, p=np.array(heavy))).finding is Finding.CONTRADICTS


@pytest.mark.parametrize(
    ("before_p", "after_p", "finding"),
    [
        pytest.param(900.0, 0.0, Finding.DEAD, id="a load that is gone"),
        pytest.param(5.0, 0.0, Finding.ALIVE, id="there was none"),
        pytest.param(900.0, 3.0, Finding.ALIVE, id="something is measured"),
    ],
)
def test_without_voltages_a_load_that_is_gone_is_a_house_without_supply(
    before_p: float, after_p: float, finding: Finding
) -> None:
    dark = [NAN] * HOUSES
    before = picture(dark, BEFORE_PHASES, powers=[before_p] + [1000.0] * 9)
    assert judge(before, picture(dark, AFTER_PHASES, powers=[after_p] + [1000.0] * 9)).finding is finding


def test_a_neighbour_without_supply_says_nothing_about_its_phase() -> None:
    """Its breaker is open: 0 V in the mean of L2 would make the right voltage look wrong."""
    volts = [*BEFORE_VOLTS[:4], 0.0, *BEFORE_VOLTS[5:]]
    assert judge(picture(volts, BEFORE_PHASES), after_volts(232.0, volts)).finding is Finding.AGREES


def test_a_neighbour_on_its_way_says_nothing_about_its_phase() -> None:
    moving = np.zeros(HOUSES, dtype=bool)
    moving[4] = True
    volts = [*BEFORE_VOLTS[:4], 190.0, *BEFORE_VOLTS[5:]]
    assert judge(BEFORE, after_volts(232.0, volts, moving=moving)).finding is Finding.AGREES
