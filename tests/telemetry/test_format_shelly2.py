"""Shelly Gen2 and later: status topics and notifications as a Pro 3EM, an EM Gen3, a 1PM Mini and a Plug send them."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.refusals import Reason
from tests.telemetry.format_cases import NOT_HEARD, N, assert_same, decoded, refusal

EM = (
    '{"id":0,"a_current":5.5,"a_voltage":230.1,"a_act_power":1200.0,"a_aprt_power":1265.6,"a_pf":0.95,"a_freq":50.0,'
    '"b_current":3.2,"b_voltage":231.2,"b_act_power":-700.0,"b_aprt_power":739.8,"b_pf":-0.95,"b_freq":50.0,'
    '"c_current":2.1,"c_voltage":229.8,"c_act_power":450.0,"c_aprt_power":482.6,"c_pf":0.93,"c_freq":50.0,'
    '"n_current":null,"total_current":10.8,"total_act_power":950.0,"total_aprt_power":2488.0,"user_calibrated_phase":[]}'
)
SWITCH = (
    '{"id":0, "source":"HTTP_in", "output":true, "apower":25.7, "voltage":239.7, "freq":50.2, "current":0.188, '
    '"aenergy":{"total":913.252,"by_minute":[404.631,404.631,404.631],"minute_ts":1782936360}, '
    '"ret_aenergy":{"total":13.252,"by_minute":[0.000,0.000,0.000],"minute_ts":1782936360},'
    '"temperature":{"tC":68.1, "tF":154.6}}'
)


def notify(params: str, method: str = "NotifyStatus") -> str:
    return f'{{"src":"shellypro3em-1234567890ab","dst":"house/events","method":"{method}","params":{params}}}'


@pytest.mark.parametrize(
    ("suffix", "payload", "source", "expected"),
    [
        ("/status/em:0", EM, {}, Measurement(p=950, v=230.1, i=10.8)),
        ("/status/em:0", EM, {"channel": 1}, Measurement(p=-700, v=231.2, i=3.2)),
        (
            "/status/em1:0",
            '{"id":0,"current":2.598,"voltage":234.9,"act_power":501.8,"aprt_power":612.4,"pf":0.84,"freq":50}',
            {},
            Measurement(p=501.8, v=234.9, i=2.598),
        ),
        (
            "/status/em1:1",
            '{"act_power":-20,"voltage":230,"current":0.1}',
            {"channel": 1},
            Measurement(-20, v=230, i=0.1),
        ),
        ("/status/em1:1", '{"act_power":-20}', {}, NOT_HEARD),
        # aenergy counts both directions.
        ("/status/switch:0", SWITCH, {}, Measurement(p=25.7, v=239.7, i=0.188, e_import=900, e_export=13.252)),
        (
            "/status/pm1:0",
            '{"id":0,"voltage":239.9,"current":7.434,"apower":1780.1,"freq":50.1,"aenergy":{"total":3551.682}}',
            {},
            Measurement(p=1780.1, v=239.9, i=7.434, e_import=3551.682),
        ),
        (
            "/status/emdata:0",
            '{"id":0,"total_act":26289.57,"total_act_ret":131881.86}',
            {},
            Measurement(e_import=26289.57, e_export=131881.86),
        ),
        (
            "/status/em1data:0",
            '{"id":0,"total_act_energy":95884.06,"total_act_ret_energy":5123.04}',
            {},
            Measurement(e_import=95884.06, e_export=5123.04),
        ),
        # A relay without a meter says nothing of power.
        ("/status/switch:0", '{"id":0,"source":"UI","output":false}', {}, None),
        ("/status/sys", "{}", {}, NOT_HEARD),
        ("/online", "true", {}, NOT_HEARD),
        (
            "/events/rpc",
            notify('{"ts":1788820998.37,"em1:0":{"id":0,"current":16.714,"act_power":-1899.8,"voltage":117.6}}'),
            {},
            Measurement(p=-1899.8, v=117.6, i=16.714, t=1788820998.37),
        ),
        # Nothing that a notification's name could be.
        ("/events/rpc", '{"method":[],"params":{}}', {}, None),
        # A notification holds only what changed.
        (
            "/events/rpc",
            notify('{"ts":1675072985.86,"switch:1":{"id":1,"apower":12.5}}'),
            {"channel": 1},
            Measurement(p=12.5, t=1675072985.86),
        ),
        (
            "/events/rpc",
            notify('{"ts":1787950200.0,"switch:0":{"counts":{"on_above_thr":510,"switch_on":0}}}'),
            {},
            None,
        ),
        ("/events/rpc", notify('{"ts":1736604020.06,"cloud":{"connected":true}}'), {}, None),
        ("/events/rpc", notify('{"ts":1736604020.06,"events":[]}', "NotifyEvent"), {}, None),
        (
            "/events/rpc",
            notify(f'{{"ts":1757060280.21,"ble":{{}},"em:0":{EM},"emdata:0":{{"total_act":1}}}}', "NotifyFullStatus"),
            {},
            Measurement(p=950, v=230.1, i=10.8, t=1757060280.21),
        ),
    ],
)
def test_single_phase(suffix: str, payload: str, source: dict[str, Any], expected: object) -> None:
    assert_same(decoded("shelly2", suffix, payload, **source), expected)


@pytest.mark.parametrize(
    ("suffix", "payload", "source", "expected"),
    [
        (
            "/status/em:0",
            EM.replace('"n_current":null', '"n_current":4.25'),
            {},
            ThreePhaseMeasurement(p=(1200, -700, 450), v=(230.1, 231.2, 229.8), i=(5.5, 3.2, 2.1), i_n=4.25),
        ),
        (
            "/events/rpc",
            notify('{"ts":1757060280.21,"em:0":{"id":0,"b_act_power":33.5,"b_current":0.2}}'),
            {},
            ThreePhaseMeasurement(p=(N, 33.5, N), i=(N, 0.2, N), t=1757060280.21),
        ),
        (
            "/status/em1:2",
            '{"id":2,"current":1.5,"voltage":230.5,"act_power":345.0}',
            {},
            ThreePhaseMeasurement(p=(N, N, 345), v=(N, N, 230.5), i=(N, N, 1.5)),
        ),
        (
            "/events/rpc",
            notify('{"ts":10.0,"em1:0":{"act_power":1},"em1:1":{"act_power":2},"em1:2":{"act_power":3}}'),
            {},
            ThreePhaseMeasurement(p=(1, 2, 3), t=10),
        ),
        (
            "/status/em1:0",
            '{"act_power":300,"voltage":230}',
            {"channel": 0},
            ThreePhaseMeasurement(p=(100, 100, 100), v=(230, 230, 230)),
        ),
    ],
)
def test_three_phases(suffix: str, payload: str, source: dict[str, Any], expected: object) -> None:
    assert_same(decoded("shelly2", suffix, payload, three_phase=True, **source), expected)


@pytest.mark.parametrize(
    ("suffix", "payload", "reason"),
    [
        ("/status/em:0", "on", Reason.MALFORMED),
        ("/status/em:0", "[]", Reason.WRONG_SHAPE),
        ("/status/em:0", '{"total_act_power":"950"}', Reason.NOT_A_NUMBER),
        ("/status/em:0", '{"total_act_power":true}', Reason.NOT_A_NUMBER),
        ("/events/rpc", notify("[]"), Reason.WRONG_SHAPE),
        ("/events/rpc", notify('{"ts":1.0,"em:0":17}'), Reason.WRONG_SHAPE),
        ("/events/rpc", notify('{"ts":1757060280210,"em:0":{}}'), Reason.UNIT_SUSPECT),
    ],
)
def test_refusals(suffix: str, payload: str, reason: Reason) -> None:
    assert refusal("shelly2", suffix, payload)[0] == reason
