"""DSMR-reader: split topics and the JSON object, each direction by itself and in kW."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason
from tests.telemetry.format_cases import NOT_HEARD, N, assert_same, decoded, refusal

TELEGRAM = (
    '{"id":12345,"timestamp":"2025-11-22T17:40:00+01:00","electricity_delivered_1":"1234.567",'
    '"electricity_returned_1":"10.000","electricity_delivered_2":"1000.433","electricity_returned_2":"5.500",'
    '"electricity_currently_delivered":"0.412","electricity_currently_returned":"0.000",'
    '"phase_currently_delivered_l1":"0.412","phase_currently_delivered_l2":"0.000","phase_currently_delivered_l3":null,'
    '"phase_currently_returned_l1":"0.000","phase_currently_returned_l2":"1.250","phase_currently_returned_l3":null,'
    '"phase_voltage_l1":"233.1","phase_voltage_l2":"232.0","phase_voltage_l3":null,'
    '"phase_power_current_l1":2,"phase_power_current_l2":5,"phase_power_current_l3":null,"extra_device_delivered":null}'
)


@pytest.mark.parametrize(
    ("suffix", "payload", "source", "expected"),
    [
        ("/electricity_currently_delivered", "0.412", {}, Measurement(p_import=412)),
        ("/electricity_currently_returned", "1.500", {}, Measurement(p_export=1500)),
        ("/phase_voltage_l1", "233.1", {}, Measurement(v=233.1)),
        ("/phase_power_current_l1", "2", {}, Measurement(i=2)),
        ("/phase_currently_delivered_l1", "0.4", {}, NOT_HEARD),
        ("/phase_currently_delivered_l2", "0.4", {"channel": 2}, Measurement(p_import=400)),
        ("/phase_currently_returned_l2", "0.25", {"channel": 2}, Measurement(p_export=250)),
        ("/phase_voltage_l2", "232", {"channel": 2}, Measurement(v=232)),
        ("/electricity_currently_delivered", "0.4", {"channel": 2}, NOT_HEARD),
        ("/extra_device_delivered", "123.4", {}, NOT_HEARD),
        (
            "",
            TELEGRAM,
            {},
            Measurement(v=233.1, i=2, t=1763829600, e_import=2_235_000, e_export=15_500, p_import=412, p_export=0),
        ),
        (
            "",
            TELEGRAM,
            {"channel": 2},
            Measurement(v=232, i=5, t=1763829600, e_import=2_235_000, e_export=15_500, p_import=0, p_export=1250),
        ),
    ],
)
def test_single_phase(suffix: str, payload: str, source: dict[str, Any], expected: object) -> None:
    assert_same(decoded("dsmr", suffix, payload, **source), expected)


@pytest.mark.parametrize(
    ("suffix", "payload", "expected"),
    [
        ("/phase_currently_delivered_l1", "0.412", ThreePhaseMeasurement(p_import=(412, N, N))),
        ("/phase_currently_returned_l3", "0.1", ThreePhaseMeasurement(p_export=(N, N, 100))),
        ("/phase_voltage_l2", "231", ThreePhaseMeasurement(v=(N, 231, N))),
        ("/phase_power_current_l2", "3", ThreePhaseMeasurement(i=(N, 3, N))),
        ("/electricity_currently_delivered", "0.4", NOT_HEARD),
        (
            "",
            TELEGRAM,
            ThreePhaseMeasurement(
                v=(233.1, 232, N), i=(2, 5, N), t=1763829600, p_import=(412, 0, N), p_export=(0, 1250, N)
            ),
        ),
    ],
)
def test_three_phases(suffix: str, payload: str, expected: object) -> None:
    assert_same(decoded("dsmr", suffix, payload, three_phase=True), expected)


@pytest.mark.parametrize(
    ("suffix", "payload", "reason"),
    [
        ("/electricity_currently_delivered", "None", Reason.NOT_A_NUMBER),
        ("", '{"timestamp":"2025-11-22T17:40:00"}', Reason.MALFORMED),
        ("", '{"electricity_currently_delivered":"0,4"}', Reason.NOT_A_NUMBER),
        ("", "0.4", Reason.WRONG_SHAPE),
    ],
)
def test_refusals(suffix: str, payload: str, reason: Reason) -> None:
    assert refusal("dsmr", suffix, payload)[0] == reason


def test_phases_count_from_one_as_on_the_meter() -> None:
    with pytest.raises(ValueError, match="1, 2, 3"):
        decoded("dsmr", "", TELEGRAM, channel=0)
