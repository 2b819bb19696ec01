"""Zigbee2MQTT: states of plugs, clamps and three-phase meters."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason
from tests.telemetry.format_cases import N, assert_same, decoded, refusal

PLUG = (
    '{"current":0.52,"energy":12.87,"last_seen":1634671913843,"linkquality":70,"power":118,"state":"ON","voltage":231}'
)
CLAMP = (
    '{"ac_frequency":49.97,"current_a":1.21,"current_b":4.05,"energy_flow_a":"consuming","energy_flow_b":"producing",'
    '"energy_a":10,"power_a":262.5,"power_b":915.4,"power_ab":-652.9,"voltage":232.1}'
)
THREE = (
    '{"energy":102.5,"produced_energy":7.25,"power":1200,"power_phase_b":-300,"power_phase_c":55,"power_reactive":10,'
    '"power_reactive_phase_b":20,"power_reactive_phase_c":30,"voltage":230,"voltage_phase_b":231,"voltage_phase_c":232,'
    '"current":5.3,"current_phase_b":1.4,"current_phase_c":0.3}'
)
TUYA = '{"power":957,"power_a":1200,"power_b":-300,"power_c":57,"voltage_a":230,"voltage_b":231,"voltage_c":232}'


@pytest.mark.parametrize(
    ("payload", "source", "expected"),
    [
        (PLUG, {}, Measurement(p=118, v=231, i=0.52, t=1634671913.843, e_import=12_870)),
        ('{"power":5,"last_seen":"2025-11-22T17:40:00+01:00"}', {}, Measurement(p=5, t=1763829600)),
        (CLAMP, {"channel": 0}, Measurement(p=262.5, v=232.1, i=1.21)),
        # Unsigned power with its direction beside it.
        (CLAMP, {"channel": 1}, Measurement(p=-915.4, v=232.1, i=4.05)),
        ('{"power":40,"energy_flow":"producing"}', {}, Measurement(p=-40)),
        ('{"power":-40,"energy_flow":"producing"}', {}, Measurement(p=-40)),
        (THREE, {"channel": 1}, Measurement(p=-300, q=20, v=231, i=1.4, e_import=102_500, e_export=7250)),
        ('{"linkquality":70,"state":"OFF"}', {}, Measurement()),
        ('{"power":null,"voltage":null}', {}, Measurement()),
    ],
)
def test_single_phase(payload: str, source: dict[str, Any], expected: object) -> None:
    assert_same(decoded("zigbee2mqtt", "", payload, **source), expected)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            THREE,
            ThreePhaseMeasurement(p=(1200, -300, 55), q=(10, 20, 30), v=(230, 231, 232), i=(5.3, 1.4, 0.3)),
        ),
        # Here `power` is the total, and phase A stands by its own name.
        (TUYA, ThreePhaseMeasurement(p=(1200, -300, 57), v=(230, 231, 232))),
        ('{"power":900,"voltage":231}', ThreePhaseMeasurement(p=(300, 300, 300), v=(231, 231, 231))),
        ('{"power_phase_b":5}', ThreePhaseMeasurement(p=(N, 5, N))),
    ],
)
def test_three_phases(payload: str, expected: object) -> None:
    assert_same(decoded("zigbee2mqtt", "", payload, three_phase=True), expected)


@pytest.mark.parametrize(
    ("payload", "source", "reason"),
    [
        ("online", {}, Reason.MALFORMED),
        ('{"power":"x"}', {}, Reason.NOT_A_NUMBER),
        ('{"power":1,"last_seen":1634671913}', {}, Reason.UNIT_SUSPECT),
        ('{"power":1,"last_seen":"2025-11-22T17:40:00"}', {}, Reason.MALFORMED),
        ('{"power":1}', {"channel": 3}, Reason.WRONG_SHAPE),
    ],
)
def test_refusals(payload: str, source: dict[str, Any], reason: Reason) -> None:
    assert refusal("zigbee2mqtt", "", payload, **source)[0] == reason
