"""Shelly Gen1: payloads as an EM, a 3EM and a 1PM publish them."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason
from tests.telemetry.format_cases import NOT_HEARD, N, assert_same, decoded, refusal


@pytest.mark.parametrize(
    ("suffix", "payload", "source", "expected"),
    [
        ("/emeter/0/power", "-1523.40", {}, Measurement(p=-1523.4)),
        ("/emeter/0/reactive_power", "-96.37", {}, Measurement(q=-96.37)),
        ("/emeter/0/voltage", "232.06", {}, Measurement(v=232.06)),
        ("/emeter/0/current", "0.08", {}, Measurement(i=0.08)),
        ("/emeter/0/total", "1489125.7", {}, Measurement(e_import=1489125.7)),
        ("/emeter/0/total_returned", "5.3", {}, Measurement(e_export=5.3)),
        ("/relay/0/power", "38.12", {}, Measurement(p=38.12)),
        # Watt-minutes: 60 of them are one watt-hour.
        ("/relay/0/energy", "24600", {}, Measurement(e_import=410)),
        ("/emeter/1/power", "77.5", {"channel": 1}, Measurement(p=77.5)),
        ("/emeter/1/power", "77.5", {}, NOT_HEARD),
        ("/emeter/0/power", "77.5", {"channel": 1}, NOT_HEARD),
        ("/emeter/0/energy", "12345", {}, NOT_HEARD),
        ("/emeter/0/pf", "0.98", {}, NOT_HEARD),
        ("/relay/0", "on", {}, NOT_HEARD),
        ("/info", "{}", {}, NOT_HEARD),
        ("/emeter/x/power", "1", {}, NOT_HEARD),
    ],
)
def test_single_phase(suffix: str, payload: str, source: dict[str, Any], expected: object) -> None:
    assert_same(decoded("shelly1", suffix, payload, **source), expected)


@pytest.mark.parametrize(
    ("suffix", "payload", "expected"),
    [
        ("/emeter/0/power", "10.66", ThreePhaseMeasurement(p=(10.66, N, N))),
        ("/emeter/2/power", "-400", ThreePhaseMeasurement(p=(N, N, -400))),
        ("/emeter/1/voltage", "231.9", ThreePhaseMeasurement(v=(N, 231.9, N))),
        ("/emeter/1/current", "2.5", ThreePhaseMeasurement(i=(N, 2.5, N))),
        ("/emeter/2/reactive_power", "20", ThreePhaseMeasurement(q=(N, N, 20))),
        ("/emeter/3/power", "1", NOT_HEARD),
        ("/relay/0/power", "1", NOT_HEARD),
    ],
)
def test_a_3em_gives_one_phase_at_a_time(suffix: str, payload: str, expected: object) -> None:
    assert_same(decoded("shelly1", suffix, payload, three_phase=True), expected)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"on", Reason.NOT_A_NUMBER),
        (b"", Reason.NOT_A_NUMBER),
        (b"inf", Reason.NOT_A_NUMBER),
        (b"1_000", Reason.NOT_A_NUMBER),
        (b"12,5", Reason.NOT_A_NUMBER),
        (b"\xff", Reason.NOT_UTF8),
    ],
)
def test_what_is_no_plain_number_is_refused(payload: bytes, reason: Reason) -> None:
    assert refusal("shelly1", "/emeter/0/power", payload)[0] == reason
