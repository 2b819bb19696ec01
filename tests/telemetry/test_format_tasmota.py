"""Tasmota: SENSOR messages as single-, two- and three-channel meters send them."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason
from tests.telemetry.format_cases import NOT_HEARD, assert_same, decoded, refusal

POW = (
    '{"Time":"2023-05-19T20:52:56","ENERGY":{"TotalStartTime":"2022-03-20T15:20:48","Total":514.153,"Yesterday":1.495,'
    '"Today":0.537,"Period":0,"Power":56,"ApparentPower":92,"ReactivePower":73,"Factor":0.61,"Voltage":234,"Current":0.392}}'
)
DUAL = (
    '{"Time":"2026-09-18T11:19:21","ENERGY":{"TotalStartTime":"2026-09-16T00:00:00","Total":[2.813,0.254],'
    '"Yesterday":[1.530,0.125],"Today":[0.772,0.059],"Power":[52,5],"ApparentPower":[66,10],"ReactivePower":[40,9],'
    '"Factor":[0.79,0.50],"Voltage":235,"Current":[0.278,0.044],"BL09XX":{"Temperature":46.5}}}'
)
SDM630 = (
    '{"Time":"2023-01-09T18:57:39","ENERGY":{"Total":12.5,"ExportActive":[1,2,3],"Power":[812.5,-20.1,300],'
    '"ReactivePower":[1,2,3],"Voltage":[230.1,231.2,229.9],"Current":[3.6,0.1,1.4],"Frequency":50}}'
)


@pytest.mark.parametrize(
    ("payload", "source", "expected"),
    [
        (POW, {}, Measurement(p=56, q=73, v=234, i=0.392, e_import=514_153)),
        (DUAL, {"channel": 0}, Measurement(p=52, q=40, v=235, i=0.278, e_import=2813)),
        (DUAL, {"channel": 1}, Measurement(p=5, q=9, v=235, i=0.044, e_import=254)),
        ('{"ENERGY":{"Power":[7]}}', {}, Measurement(p=7)),
        ('{"ENERGY":{"Power":-450,"ExportActive":12.5}}', {}, Measurement(p=-450, e_export=12_500)),
        ('{"Time":"2025-11-22T17:40:00+01:00","ENERGY":{"Power":1}}', {}, Measurement(p=1, t=1763829600)),
    ],
)
def test_single_phase(payload: str, source: dict[str, Any], expected: object) -> None:
    assert_same(decoded("tasmota", "", payload, **source), expected)


def test_three_elements_are_three_phases() -> None:
    expected = ThreePhaseMeasurement(p=(812.5, -20.1, 300), q=(1, 2, 3), v=(230.1, 231.2, 229.9), i=(3.6, 0.1, 1.4))
    assert_same(decoded("tasmota", "", SDM630, three_phase=True), expected)


def test_a_total_is_balanced_over_a_three_phase_house() -> None:
    got = decoded("tasmota", "", '{"ENERGY":{"Power":900,"Voltage":231}}', three_phase=True)
    assert_same(got, ThreePhaseMeasurement(p=(300, 300, 300), v=(231, 231, 231)))


def test_other_topics_of_the_device_are_not_heard() -> None:
    assert decoded("tasmota", "/x", POW) == NOT_HEARD


@pytest.mark.parametrize(
    ("payload", "source", "three_phase", "reason", "told"),
    [
        (DUAL, {}, False, Reason.WRONG_SHAPE, "set the source's channel"),
        (DUAL, {"channel": 2}, False, Reason.WRONG_SHAPE, "channel 2"),
        (DUAL, {}, True, Reason.WRONG_SHAPE, "three elements"),
        ('{"Time":"2023-05-19T20:52:56","SML":{"Power_curr":512}}', {}, False, Reason.MISSING_POWER, "json"),
        ('{"ENERGY":{"Voltage":230}}', {}, False, Reason.MISSING_POWER, "ENERGY.Power is missing"),
        ('{"ENERGY":{"Power":"abc"}}', {}, False, Reason.NOT_A_NUMBER, "abc"),
        ('{"ENERGY":{"Power":false}}', {}, False, Reason.NOT_A_NUMBER, "boolean"),
        ("offline", {}, False, Reason.MALFORMED, "not JSON"),
    ],
)
def test_refusals(payload: str, source: dict[str, Any], three_phase: bool, reason: Reason, told: str) -> None:
    got, detail = refusal("tasmota", "", payload, three_phase=three_phase, **source)
    assert got == reason
    assert told in detail
