"""What the meters can and cannot tell about a move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_balancer.switching import evidence
from edge_balancer.switching.evidence import Finding, Picture, before_move
from edge_balancer.types.readings import TRANSFORMER, ThreePhaseReading
from tests.switching.cases import NAN, picture

# House 0 is moved from L1 to L2; 1-2 stay on L1, 3-4 on L2, 5-6 on L3.
BEFORE_PHASES = [0, 0, 0, 1, 1, 2, 2]
AFTER_PHASES = [1, 0, 0, 1, 1, 2, 2]
# L1 is heavily loaded, L2 hardly: houses on L1 see 218 V, on L2 232 V, the head about 226 V.
BEFORE_VOLTS = [218.0, 218.0, 218.0, 232.0, 232.0, 228.0, 228.0]


def judge(before: Picture, after: Picture, since: float = 100.0, use_voltage: bool = True) -> evidence.Testimony:
    return evidence.testify(after, 0, 0, 1, since, before_move(before, 0), use_voltage=use_voltage)


def after_volts(own: float, **changed: Any) -> Picture:
    return picture([own, *BEFORE_VOLTS[1:]], AFTER_PHASES, **changed)


BEFORE = picture(BEFORE_VOLTS, BEFORE_PHASES)


@pytest.mark.parametrize(
    ("own_v", "finding"),
    [
        pytest.param(232.0, Finding.AGREES, id="with the new phase"),
        pytest.param(228.0, Finding.AGREES, id="nearer to the new phase"),
        pytest.param(218.0, Finding.CONTRADICTS, id="with the old phase"),
        pytest.param(0.0, Finding.DEAD, id="no supply"),
        pytest.param(100.0, Finding.DEAD, id="hardly any supply"),
        pytest.param(NAN, Finding.ALIVE, id="no voltage measured, but a load"),
    ],
)
def test_the_voltage_keeps_company_with_the_new_phase(own_v: float, finding: Finding) -> None:
    assert judge(BEFORE, after_volts(own_v)).finding is finding


def test_a_house_that_landed_on_the_third_phase_is_not_verified() -> None:
    phases = [0, 0, 0, 1, 1, 2, 2]
    before = picture([218.0, 218.0, 218.0, 232.0, 232.0, 245.0, 245.0], phases)
    astray = picture([245.0, 218.0, 218.0, 232.0, 232.0, 245.0, 245.0], [1, *phases[1:]])
    testimony = judge(before, astray)
    assert testimony.finding is Finding.CONTRADICTS
    assert "L3, not L2" in testimony.witness


def test_no_reading_since_the_report_is_no_testimony() -> None:
    assert judge(BEFORE, after_volts(218.0), since=100.5).finding is Finding.NOTHING


def test_where_the_phases_are_alike_a_living_meter_must_do() -> None:
    alike = picture([230.0] * 7, BEFORE_PHASES)
    testimony = judge(alike, picture([230.0] * 7, AFTER_PHASES))
    assert testimony.finding is Finding.ALIVE
    assert "230 V" in testimony.witness


def test_the_voltage_is_not_asked_where_it_must_not_bear_witness() -> None:
    assert judge(BEFORE, after_volts(218.0), use_voltage=False).finding is Finding.ALIVE


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
    dark = [NAN] * 7
    before = picture(dark, BEFORE_PHASES, powers=[before_p] + [1000.0] * 6)
    assert judge(before, picture(dark, AFTER_PHASES, powers=[after_p] + [1000.0] * 6)).finding is finding


def test_a_neighbour_without_supply_says_nothing_about_its_phase() -> None:
    """Its breaker is open: 0 V in the mean of L2 would make the right voltage look wrong."""
    before = picture([*BEFORE_VOLTS[:3], 0.0, *BEFORE_VOLTS[4:]], BEFORE_PHASES)
    after = picture([232.0, *BEFORE_VOLTS[1:3], 0.0, *BEFORE_VOLTS[4:]], AFTER_PHASES)
    assert judge(before, after).finding is Finding.AGREES


def test_a_neighbour_on_its_way_says_nothing_about_its_phase() -> None:
    moving = np.zeros(7, dtype=bool)
    moving[3] = True
    volts = [232.0, *BEFORE_VOLTS[1:3], 190.0, *BEFORE_VOLTS[4:]]
    assert judge(BEFORE, picture(volts, AFTER_PHASES, moving=moving)).finding is Finding.AGREES


def at_transformer(p: tuple[float, float, float], at: float = 100.0) -> ThreePhaseReading:
    return ThreePhaseReading(TRANSFORMER, at, p)


ALIKE = [230.0] * 7
HEAVY = [3000.0, *[1000.0] * 6]
TRANSFORMER_BEFORE = at_transformer((5200.0, 2100.0, 2000.0))  # some street lights beyond the houses


@pytest.mark.parametrize(
    ("after_p", "finding"),
    [
        pytest.param((2200.0, 5100.0, 2000.0), Finding.AGREES, id="the load is on the new phase"),
        pytest.param((5200.0, 2100.0, 2000.0), Finding.CONTRADICTS, id="the load is where it was"),
        pytest.param((3700.0, 3600.0, 2000.0), Finding.ALIVE, id="neither: other loads changed"),
    ],
)
def test_the_transformer_shows_the_load_move(after_p: tuple[float, float, float], finding: Finding) -> None:
    before = picture(ALIKE, BEFORE_PHASES, powers=HEAVY, transformer=TRANSFORMER_BEFORE)
    after = picture(ALIKE, AFTER_PHASES, powers=HEAVY, transformer=at_transformer(after_p))
    assert judge(before, after).finding is finding


SILENT = np.array([True, True, True, True, True, True, False])
ONE_AWAY = np.array([False, False, False, True, False, False, False])


@pytest.mark.parametrize(
    ("changed", "transformer"),
    [
        pytest.param({}, None, id="no transformer meter"),
        pytest.param({}, at_transformer((NAN, 1.0, 1.0)), id="a phase of it is missing"),
        pytest.param({"at": np.full(7, 130.0)}, at_transformer((5200.0, 2100.0, 2000.0)), id="read at another time"),
        pytest.param({"fresh": SILENT}, at_transformer((5200.0, 2100.0, 2000.0)), id="a house is not measured"),
        pytest.param({"moving": ONE_AWAY}, at_transformer((5200.0, 2100.0, 2000.0)), id="another house is on its way"),
        pytest.param(
            {"p": np.array([300.0, *[1000.0] * 6])}, at_transformer((5200.0, 2100.0, 2000.0)), id="too small a load"
        ),
    ],
)
def test_the_transformer_is_not_asked_where_it_cannot_know(
    changed: dict[str, Any], transformer: ThreePhaseReading | None
) -> None:
    before = picture(ALIKE, BEFORE_PHASES, powers=HEAVY, transformer=TRANSFORMER_BEFORE)
    after = picture(ALIKE, AFTER_PHASES, powers=HEAVY, transformer=transformer, **changed)
    assert judge(before, after).finding is Finding.ALIVE


def test_a_transformer_reading_from_before_the_move_does_not_contradict_it() -> None:
    before = picture(ALIKE, BEFORE_PHASES, powers=HEAVY, transformer=TRANSFORMER_BEFORE)
    stale = at_transformer((5200.0, 2100.0, 2000.0), at=95.0)
    after = picture(ALIKE, AFTER_PHASES, powers=HEAVY, transformer=stale)
    assert judge(before, after, since=98.0).finding is Finding.ALIVE


def test_a_solar_house_is_seen_to_move_as_well_as_a_load() -> None:
    sunny = [-3000.0, *[1000.0] * 6]
    before = picture(ALIKE, BEFORE_PHASES, powers=sunny, transformer=at_transformer((-1000.0, 2000.0, 2000.0)))
    moved = picture(ALIKE, AFTER_PHASES, powers=sunny, transformer=at_transformer((2000.0, -1000.0, 2000.0)))
    stayed = picture(ALIKE, AFTER_PHASES, powers=sunny, transformer=at_transformer((-1000.0, 2000.0, 2000.0)))
    assert judge(before, moved).finding is Finding.AGREES
    assert judge(before, stayed).finding is Finding.CONTRADICTS
