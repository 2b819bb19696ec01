"""The native format of the MQTT contract."""

from __future__ import annotations

import pytest

from edge_balancer.telemetry.formats.native import decode_either, decode_lists, decode_scalars
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason, Refused
from tests.telemetry.format_cases import N, assert_same


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ('{"p": 950}', Measurement(p=950)),
        (
            '{"p": 950, "q": 120, "v": 231.2, "i": 4.2, "t": 1763829600.5, "e_import": 1234567, "e_export": 0}',
            Measurement(p=950, q=120, v=231.2, i=4.2, t=1763829600.5, e_import=1234567, e_export=0),
        ),
        ('{"p": -3200.5, "t": 1763829600}', Measurement(p=-3200.5, t=1763829600)),
        ('{"p": 1, "t": "2025-11-22T16:40:00Z"}', Measurement(p=1, t=1763829600)),
        ('{"p": 1, "t": "2025-11-22T17:40:00.5+01:00"}', Measurement(p=1, t=1763829600.5)),
        ('{"p": 1, "q": null, "v": null, "t": null}', Measurement(p=1)),
        ('{"p": 0, "firmware": "1.2", "nested": {"p": "x"}, "flag": true}', Measurement(p=0)),
        ('{"p": 0, "v": 0}', Measurement(p=0, v=0)),
    ],
)
def test_a_house_is_read(payload: str, expected: Measurement) -> None:
    assert_same(decode_scalars(payload.encode()), expected)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ('{"p": [1, 2, 3]}', ThreePhaseMeasurement(p=(1, 2, 3))),
        (
            (
                '{"p": [1000, -200, 30.5], "q": [1, 2, 3], "v": [230, 231, 232], "i": [4, 5, 6], "t": 1763829600, '
                '"v_ll": [400, 401, 402], "i_n": 12.5}'
            ),
            ThreePhaseMeasurement(
                p=(1000, -200, 30.5),
                q=(1, 2, 3),
                v=(230, 231, 232),
                i=(4, 5, 6),
                t=1763829600,
                v_ll=(400, 401, 402),
                i_n=12.5,
            ),
        ),
        ('{"p": [1, 2, 3], "v": [230, null, 232]}', ThreePhaseMeasurement(p=(1, 2, 3), v=(230, N, 232))),
    ],
)
def test_the_transformer_and_a_measured_three_phase_house_are_read(
    payload: str, expected: ThreePhaseMeasurement
) -> None:
    assert_same(decode_lists(payload.encode()), expected)
    assert_same(decode_either(payload.encode()), expected)


def test_a_three_phase_house_that_sends_totals_is_taken_as_balanced_and_its_current_left_out() -> None:
    got: AnyMeasurement = decode_either(b'{"p": 3000, "q": 300, "v": 231, "i": 13}')
    assert_same(got, ThreePhaseMeasurement(p=(1000, 1000, 1000), q=(100, 100, 100), v=(231, 231, 231)))


@pytest.mark.parametrize(
    ("payload", "reason", "told"),
    [
        (b"", Reason.MALFORMED, "not JSON"),
        (b"950", Reason.WRONG_SHAPE, "expected a JSON object, got a number"),
        (b"[1, 2, 3]", Reason.WRONG_SHAPE, "a list of 3"),
        (b'{"p": 950', Reason.MALFORMED, "not JSON"),
        (b'{"p": NaN}', Reason.MALFORMED, "not JSON"),
        (b'{"p": Infinity}', Reason.MALFORMED, "not JSON"),
        (b'{"p": 1e999}', Reason.MALFORMED, "out of range"),
        (b'{"p": 1, "t": "\xff"}', Reason.NOT_UTF8, "byte 15"),
        (b"\xff\xfe", Reason.NOT_UTF8, "byte 0"),
        (b"{}", Reason.MISSING_POWER, "active power"),
        (b'{"v": 231.2}', Reason.MISSING_POWER, "p is missing"),
        (b'{"p": null}', Reason.MISSING_POWER, "p is missing"),
        (b'{"p": "950"}', Reason.NOT_A_NUMBER, "without quotes"),
        (b'{"p": true}', Reason.NOT_A_NUMBER, "a boolean"),
        (b'{"p": 1, "v": "231"}', Reason.NOT_A_NUMBER, "v = '231' is a string"),
        (b'{"p": 1, "e_import": false}', Reason.NOT_A_NUMBER, "e_import"),
        (b'{"p": [1, 2, 3]}', Reason.WRONG_SHAPE, "three_phase = true"),
        (b'{"p": {"w": 1}}', Reason.WRONG_SHAPE, "an object"),
        (b'{"p": 1, "t": 1763829600500}', Reason.UNIT_SUSPECT, "milliseconds: send Unix seconds (divide by 1000)"),
        (b'{"p": 1, "t": "2025-11-22T16:40:00"}', Reason.MALFORMED, "no offset"),
        (b'{"p": 1, "t": "yesterday"}', Reason.MALFORMED, "neither Unix seconds nor ISO 8601"),
        (b'{"p": 1, "t": true}', Reason.NOT_A_NUMBER, "t is a boolean"),
        (b'{"p": 1, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", Reason.MALFORMED, "recursion"),
        (b'{"p": ' + b"9" * 400 + b"}", Reason.NOT_A_NUMBER, "too long a number"),
    ],
)
def test_a_house_is_refused_with_what_to_do(payload: bytes, reason: Reason, told: str) -> None:
    with pytest.raises(Refused) as caught:
        decode_scalars(payload)
    assert caught.value.reason == reason
    assert told in caught.value.detail


@pytest.mark.parametrize(
    ("payload", "reason", "told"),
    [
        (b'{"p": 950}', Reason.WRONG_SHAPE, "list of three"),
        (b'{"p": [1, 2]}', Reason.WRONG_SHAPE, "a list of 2"),
        (b'{"p": [1, 2, null]}', Reason.MISSING_POWER, "p of L3 is null"),
        (b'{"p": [1, "2", 3]}', Reason.NOT_A_NUMBER, "p of L2"),
        (b'{"p": [1, 2, 3], "v": 230}', Reason.WRONG_SHAPE, "v is a number"),
        (b'{"p": [1, 2, 3], "i_n": [1, 2, 3]}', Reason.WRONG_SHAPE, "i_n is a list of 3"),
        (b'{"q": [1, 2, 3]}', Reason.MISSING_POWER, "p is missing"),
    ],
)
def test_the_transformer_is_refused_with_what_to_do(payload: bytes, reason: Reason, told: str) -> None:
    with pytest.raises(Refused) as caught:
        decode_lists(payload)
    assert caught.value.reason == reason
    assert told in caught.value.detail
