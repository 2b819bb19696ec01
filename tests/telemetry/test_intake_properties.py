"""Whatever arrives: nothing raises, all is accounted for, and no reading that leaves is unbelievable or late."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.telemetry.listening import BASE, WALL, Listening

HOUSES: Final[list[dict[str, Any]]] = [
    {"id": "native", "phase": "L1"},
    {"id": "three", "three_phase": True},
    {"id": "gen1", "phase": "L1", "meters": [{"topic": "gen1", "format": "shelly1"}]},
    {"id": "gen2", "phase": "L2", "meters": [{"topic": "gen2", "format": "shelly2"}]},
    {"id": "gen2three", "three_phase": True, "meters": [{"topic": "gen2t", "format": "shelly2"}]},
    {"id": "tasmota", "phase": "L3", "meters": [{"topic": "tele/d/SENSOR", "format": "tasmota"}]},
    {"id": "zigbee", "three_phase": True, "meters": [{"topic": "z/plug", "format": "zigbee2mqtt"}]},
    {"id": "esp", "phase": "L1", "meters": [{"topic": "esp", "format": "esphome"}]},
    {
        "id": "solar",
        "phase": "L1",
        "meters": [
            {"topic": "load", "format": "json", "fields": {"p": "p", "t": "t"}, "role": "load"},
            {"topic": "dtu", "format": "opendtu", "role": "generation"},
            {"topic": "ahoy", "format": "ahoydtu", "role": "generation", "invert": True, "scale": 2},
        ],
    },
    {"id": "dsmr", "three_phase": True, "meters": [{"topic": "dsmr", "format": "dsmr"}]},
]
TOPICS: Final = [
    f"{BASE}/meter/native",
    f"{BASE}/meter/three",
    f"{BASE}/meter/transformer",
    f"{BASE}/meter/unknown",
    f"{BASE}/switch/native/state",
    f"{BASE}/switch/native/availability",
    f"{BASE}/switch/native/request",
    f"{BASE}/switch/native/clear",
    f"{BASE}/mode/set",
    f"{BASE}/alert/a/b/ack",
    "gen1/emeter/0/power",
    "gen1/emeter/0/voltage",
    "gen2/status/em:0",
    "gen2/events/rpc",
    "gen2t/events/rpc",
    "gen2t/status/em1:1",
    "tele/d/SENSOR",
    "z/plug",
    "esp/sensor/power/state",
    "load",
    "dtu/0/power",
    "ahoy/ch0",
    "dsmr",
    "dsmr/phase_currently_returned_l1",
]
KEYS: Final = [
    *(
        "p",
        "q",
        "v",
        "i",
        "t",
        "v_ll",
        "i_n",
        "e_import",
        "phase",
        "id",
        "result",
        "operator",
        "method",
        "params",
        "ts",
    ),
    *("em:0", "em1:0", "em1:1", "a_act_power", "b_act_power", "c_act_power", "total_act_power", "act_power", "ENERGY"),
    *(
        "Power",
        "Voltage",
        "Time",
        "power",
        "power_phase_b",
        "voltage",
        "last_seen",
        "P_AC",
        "timestamp",
        "NotifyStatus",
    ),
    *("electricity_currently_delivered", "phase_currently_delivered_l1", "L1", "hold", "done"),
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 230.0, 950, -3000, WALL, WALL * 1000, 1e300]),
    st.sampled_from(KEYS),
    st.text(max_size=20),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)),
    max_leaves=12,
)
payloads = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([b"nan", b"inf", b"-1e400", b"online", b"hold", b"1_0", b"{", b"\xff{}", b"0", b"412.5", b""]),
    documents.map(msgspec.json.encode),
)
arrivals = st.tuples(
    st.one_of(st.sampled_from(TOPICS), st.text(max_size=60)),
    payloads,
    st.booleans(),
    st.floats(min_value=0, max_value=500),
    st.floats(min_value=-1e6, max_value=1e6),
    st.booleans(),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(arrivals, max_size=12))
def test_nothing_raises_and_every_message_is_accounted_for(
    messages: list[tuple[str, bytes, bool, float, float, bool]],
) -> None:
    intake = Listening(HOUSES).intake
    now = 1000.0
    for topic, payload, retained, step, wall_error, synced in messages:
        now += step
        intake.message(topic, payload, retained, now, WALL + now + wall_error, synced)
    ledger = intake.ledger
    assert ledger.received == len(messages)
    assert ledger.accepted + ledger.refreshed + ledger.refused == ledger.received
    assert ledger.refused == sum(intake.refusals.values())
    assert "internal" not in intake.refusals, intake.recent_refusals(
        next(r for r in intake.refusals if r == "internal")
    )
    batch = intake.drain()
    # What cannot be understood of a switch's state is refused, and still tells that its position is unknown.
    unread = sum(len(kind) for kind in msgspec.structs.astuple(batch)) - ledger.accepted
    assert 0 <= unread <= min(ledger.refused, sum(report.phase is None for report in batch.reports))
    for reading in batch.readings:
        assert math.isfinite(reading.p)
        assert math.isfinite(reading.at)
        assert reading.at <= now
        assert not math.isinf(reading.v)
    for triple in batch.three_phase:
        assert all(math.isfinite(p) for p in triple.p)
        assert triple.at <= now


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(min_value=0, max_value=100),
            st.one_of(st.none(), st.floats(min_value=-3000, max_value=100)),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_the_readings_of_a_house_never_go_back_in_time(messages: list[tuple[float, float | None, bool]]) -> None:
    heard = Listening(1)
    at, last = 0.0, -math.inf
    for step, stamp, synced in messages:
        at += step
        payload = msgspec.json.encode({"p": 1.0} if stamp is None else {"p": 1.0, "t": WALL + at + stamp})
        for reading in heard.meter("h01", payload, at, synced=synced).readings:
            assert reading.at >= last
            last = reading.at
