"""ESPHome, OpenDTU and AhoyDTU: one plain number per topic (and Ahoy's JSON object)."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason
from tests.telemetry.format_cases import NOT_HEARD, N, assert_same, decoded, refusal

NAMED = {"fields": {"p": "house_power", "v": "pzem_voltage", "e_import": "pzem_energy"}}


@pytest.mark.parametrize(
    ("suffix", "payload", "source", "expected"),
    [
        ("/sensor/power/state", "412.5", {}, Measurement(p=412.5)),
        ("/sensor/active_power/state", "-12", {}, Measurement(p=-12)),
        ("/sensor/reactive_power/state", "30.1", {}, Measurement(q=30.1)),
        ("/sensor/voltage/state", "230.4", {}, Measurement(v=230.4)),
        ("/sensor/current/state", "1.8", {}, Measurement(i=1.8)),
        ("/sensor/power/state", "nan", {}, Measurement(p=N)),
        ("/sensor/apparent_power/state", "500", {}, NOT_HEARD),
        ("/sensor/energy/state", "17.2", {}, NOT_HEARD),
        ("/sensor/wifi_signal/state", "-67", {}, NOT_HEARD),
        ("/binary_sensor/power/state", "ON", {}, NOT_HEARD),
        ("/status", "online", {}, NOT_HEARD),
        ("/sensor/house_power/state", "99", NAMED, Measurement(p=99)),
        ("/sensor/pzem_voltage/state", "229", NAMED, Measurement(v=229)),
        ("/sensor/pzem_energy/state", "12345", NAMED, Measurement(e_import=12345)),
        # A field that is named is not looked for under its usual name.
        ("/sensor/power/state", "1", NAMED, NOT_HEARD),
        ("/sensor/current/state", "1.5", NAMED, Measurement(i=1.5)),
        ("", "77", {"topic": "node/sensor/grid/state"}, Measurement(p=77)),
        ("", "77", {}, NOT_HEARD),
    ],
)
def test_esphome(suffix: str, payload: str, source: dict[str, Any], expected: object) -> None:
    assert_same(decoded("esphome", suffix, payload, **source), expected)


@pytest.mark.parametrize(
    ("suffix", "payload", "expected"),
    [
        ("/0/power", "285.7", Measurement(p=285.7)),
        ("/0/reactivepower", "0.4", Measurement(q=0.4)),
        ("/0/voltage", "236.4", Measurement(v=236.4)),
        ("/0/current", "1.21", Measurement(i=1.21)),
        ("/0/yieldtotal", "6.283", Measurement(e_import=6283)),
        ("/0/powerfactor", "99.8", NOT_HEARD),
        ("/0/powerdc", "300.7", NOT_HEARD),
        ("/1/power", "150.2", NOT_HEARD),
        ("/status/producing", "1", NOT_HEARD),
    ],
)
def test_opendtu(suffix: str, payload: str, expected: object) -> None:
    assert_same(decoded("opendtu", suffix, payload), expected)


@pytest.mark.parametrize(
    ("suffix", "payload", "expected"),
    [
        ("/ch0/P_AC", "404.1", Measurement(p=404.1)),
        ("/ch0/Q_AC", "0", Measurement(q=0)),
        ("/ch0/U_AC", "233.7", Measurement(v=233.7)),
        ("/ch0/I_AC", "1.73", Measurement(i=1.73)),
        ("/ch0/YieldTotal", "152.4", Measurement(e_import=152_400)),
        ("/ch0/PF_AC", "1", NOT_HEARD),
        ("/ch0/P_DC", "420", NOT_HEARD),
        ("/ch1/P_DC", "210", NOT_HEARD),
        (
            "/ch0",
            '{"U_AC":233.7,"I_AC":1.73,"P_AC":404.1,"Q_AC":0.1,"F_AC":50.01,"PF_AC":1,"Temp":32.1,"YieldTotal":152.4}',
            Measurement(p=404.1, q=0.1, v=233.7, i=1.73, e_import=152_400),
        ),
        ("/ch0", '{"rssi":-80}', Measurement()),
    ],
)
def test_ahoydtu(suffix: str, payload: str, expected: object) -> None:
    assert_same(decoded("ahoydtu", suffix, payload), expected)


@pytest.mark.parametrize(
    ("kind", "suffix"), [("esphome", "/sensor/power/state"), ("opendtu", "/0/power"), ("ahoydtu", "/ch0/P_AC")]
)
def test_a_single_value_is_balanced_over_a_three_phase_house(kind: str, suffix: str) -> None:
    assert_same(decoded(kind, suffix, "300", three_phase=True), ThreePhaseMeasurement(p=(100, 100, 100)))


@pytest.mark.parametrize(
    ("kind", "suffix", "payload", "reason"),
    [
        ("esphome", "/sensor/power/state", b"unavailable", Reason.NOT_A_NUMBER),
        ("esphome", "/sensor/power/state", b"-inf", Reason.NOT_A_NUMBER),
        ("opendtu", "/0/power", b"\xc3\x28", Reason.NOT_UTF8),
        ("ahoydtu", "/ch0", b"{", Reason.MALFORMED),
        ("ahoydtu", "/ch0", b'{"P_AC":[1]}', Reason.NOT_A_NUMBER),
    ],
)
def test_refusals(kind: str, suffix: str, payload: bytes, reason: Reason) -> None:
    assert refusal(kind, suffix, payload)[0] == reason
