"""Routing, subscriptions, counting, and the bounds on what a flood can do."""

from __future__ import annotations

from typing import Any

import pytest

from edge_balancer.telemetry.batch import MOST_ORDERS, MOST_PENDING
from edge_balancer.telemetry.intake import MOST_BYTES, Intake
from edge_balancer.telemetry.refusals import EXCERPT_CHARS, SAMPLES_PER_REASON, Reason
from edge_balancer.telemetry.strangers import MOST_STRANGERS
from edge_balancer.types.phases import Phase
from edge_balancer.types.readings import Reading, ThreePhaseReading
from tests.support.configuration import make_config
from tests.telemetry.listening import BASE, WALL, Listening


def test_a_native_message_becomes_a_reading() -> None:
    heard = Listening()
    batch = heard.meter("h01", f'{{"p": 950, "q": 120, "v": 231.2, "i": 4.2, "t": {WALL - 1.5}, "e_import": 7}}')
    (reading,) = batch.readings
    assert (reading.house, reading.at, reading.p, reading.q) == ("h01", 998.5, 950, 120)
    assert (reading.v, reading.i, reading.e_import) == (231.2, 4.2, 7)
    assert reading.e_export != reading.e_export
    assert heard.intake.drain() == type(batch)()


def test_the_transformer_and_three_phase_houses_become_three_phase_readings() -> None:
    heard = Listening([{"id": "shop", "three_phase": True}])
    transformer = heard.meter("transformer", '{"p": [1, 2, 3], "v_ll": [400, 401, 402], "i_n": 5}')
    assert transformer.three_phase[0].house == "transformer"
    assert transformer.three_phase[0].v_ll == (400, 401, 402)
    assert transformer.three_phase[0].i_n == 5
    assert heard.meter("shop", '{"p": 900}').three_phase[0].p == (300, 300, 300)
    assert heard.meter("shop", '{"p": [1, 2, 3]}', at=1).three_phase[0].p == (1, 2, 3)


def test_the_subscriptions_of_the_contract() -> None:
    assert Intake(make_config(2)).subscriptions() == [
        (f"{BASE}/meter/+", 0),
        (f"{BASE}/switch/+/state", 0),
        (f"{BASE}/switch/+/availability", 0),
        (f"{BASE}/switch/+/request", 0),
        (f"{BASE}/switch/+/clear", 0),
        (f"{BASE}/mode/set", 0),
        (f"{BASE}/silence/set", 0),
        (f"{BASE}/alert/#", 0),
    ]


@pytest.mark.parametrize(
    ("source", "filters"),
    [
        ({"topic": "x/m", "format": "native"}, ["x/m"]),
        ({"topic": "shellies/em", "format": "shelly1"}, ["shellies/em/emeter/0/+", "shellies/em/relay/0/+"]),
        ({"topic": "sh", "format": "shelly2"}, ["sh/status/+", "sh/events/rpc"]),
        ({"topic": "tele/d/SENSOR", "format": "tasmota"}, ["tele/d/SENSOR"]),
        ({"topic": "zigbee2mqtt/plug", "format": "zigbee2mqtt"}, ["zigbee2mqtt/plug"]),
        ({"topic": "node", "format": "esphome"}, ["node/sensor/+/state"]),
        ({"topic": "node/sensor/grid/state", "format": "esphome"}, ["node/sensor/grid/state"]),
        ({"topic": "solar/1141", "format": "opendtu"}, ["solar/1141/0/+"]),
        ({"topic": "ahoy/roof", "format": "ahoydtu"}, ["ahoy/roof/ch0", "ahoy/roof/ch0/+"]),
        ({"topic": "dsmr/reading", "format": "dsmr"}, ["dsmr/reading", "dsmr/reading/+"]),
        ({"topic": "any/where", "format": "json", "fields": {"p": "p"}}, ["any/where"]),
    ],
)
def test_the_subscriptions_of_mapped_sources(source: dict[str, Any], filters: list[str]) -> None:
    intake = Intake(make_config([{"id": "a", "phase": "L1", "meters": [source]}]))
    mapped = [(topic, qos) for topic, qos in intake.subscriptions() if not topic.startswith(BASE)]
    assert mapped == [(topic, 0) for topic in filters]


def test_a_switch_of_its_own_topic_is_heard_there_only_and_operators_keep_the_contract() -> None:
    heard = Listening([{"id": "a", "phase": "L1", "switch_topic": "site/relay7"}])
    assert [s for s in heard.intake.subscriptions() if s[0].startswith("site")] == [
        ("site/relay7/state", 0),
        ("site/relay7/availability", 0),
    ]
    assert heard.hear("site/relay7/state", '{"phase": "L3"}').reports[0].phase is Phase.L3
    assert heard.hear("site/relay7/availability", "offline").availability[0].house == "a"
    assert heard.hear(f"{BASE}/switch/a/request", '{"phase": "L2"}').requests[0].house == "a"
    assert not heard.hear(f"{BASE}/switch/a/state", '{"phase": "L2"}').reports
    assert heard.refusals == {Reason.UNKNOWN_TOPIC: 1}


def test_a_device_shared_by_three_houses_counts_once_for_each() -> None:
    houses = [
        {"id": f"h{n}", "phase": "L1", "meters": [{"topic": "em", "format": "shelly2", "channel": n}]} for n in range(3)
    ]
    heard = Listening(houses)
    batch = heard.hear("em/status/em:0", '{"a_act_power":1,"b_act_power":1e9,"c_act_power":3}')
    assert [(r.house, r.p) for r in batch.readings] == [("h0", 1), ("h2", 3)]
    ledger = heard.intake.ledger
    assert (ledger.received, ledger.accepted, ledger.refused) == (3, 2, 1)


def test_neighbour_topics_of_a_mapped_device_are_passed_over() -> None:
    heard = Listening([{"id": "a", "phase": "L1", "meters": [{"topic": "sh", "format": "shelly2"}]}])
    heard.hear("sh/status/wifi", '{"rssi": -60}', retained=True)
    assert heard.refusals == {}
    assert heard.intake.ledger.refreshed == 1


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        (f"{BASE}/meter/nobody", '{"p": 1}', Reason.UNKNOWN_HOUSE),
        (f"{BASE}/switch/nobody/state", '{"phase": "L1"}', Reason.UNKNOWN_HOUSE),
        (f"{BASE}/switch/nobody/request", '{"phase": "L1"}', Reason.UNKNOWN_HOUSE),
        (f"{BASE}/switch/nobody/clear", '{"operator": "x"}', Reason.UNKNOWN_HOUSE),
        (f"{BASE}/switch/h01/set", "{}", Reason.UNKNOWN_TOPIC),
        (f"{BASE}/meter/h01/more", '{"p": 1}', Reason.UNKNOWN_TOPIC),
        (f"{BASE}/elsewhere", "{}", Reason.UNKNOWN_TOPIC),
        ("elsewhere", "{}", Reason.UNKNOWN_TOPIC),
        ("", "", Reason.UNKNOWN_TOPIC),
        ("x" * 5000, "", Reason.UNKNOWN_TOPIC),
    ],
)
def test_what_nobody_configured_is_refused(topic: str, payload: str, reason: Reason) -> None:
    heard = Listening()
    heard.hear(topic, payload)
    assert heard.refusals == {reason: 1}


def test_unknown_houses_are_listed_with_what_they_said() -> None:
    heard = Listening()
    for n in range(3):
        heard.meter("newcomer", f'{{"p": {n}}}', at=n)
    heard.hear(f"{BASE}/switch/other/availability", "online", at=9)
    heard.hear(f"{BASE}/switch/joker/request", '{"phase": "L1"}')
    newcomer, other = heard.intake.unconfigured
    assert (newcomer.id, newcomer.count, newcomer.wall, newcomer.payload) == ("newcomer", 3, WALL + 2, '{"p": 2}')
    assert newcomer.topic == f"{BASE}/meter/newcomer"
    assert (other.id, other.count) == ("other", 1)


def test_a_flood_of_invented_houses_neither_grows_nor_drives_out_the_real_one() -> None:
    heard = Listening()
    for n in range(2):
        heard.meter("real", '{"p": 1}', at=n)
    for n in range(3 * MOST_STRANGERS):
        heard.meter(f"invented{n}", '{"p": 1}', at=5)
    listed = heard.intake.unconfigured
    assert len(listed) == MOST_STRANGERS
    assert listed[0].id == "real"


def test_a_flood_of_topics_leaves_known_ones_working() -> None:
    heard = Listening()
    for n in range(5000):
        heard.hear(f"noise/{n}", b"x")
    assert len(heard.intake._routes._cache) <= heard.intake._routes._most_cached
    assert heard.meter("h01", '{"p": 1}').readings


def test_the_last_few_refusals_of_each_kind_are_kept_short() -> None:
    heard = Listening()
    for n in range(9):
        heard.meter("h01", b'{"p": "' + str(n).encode() + b"x" * 5000, at=n)
    heard.meter("h01", b"\x00\xff\x1b[2J", at=10)
    samples = heard.intake.recent_refusals(Reason.MALFORMED)
    assert [s.payload[7] for s in samples] == ["4", "5", "6", "7", "8"]
    assert len(samples) == SAMPLES_PER_REASON
    assert all(len(s.payload) <= EXCERPT_CHARS for s in samples)
    assert samples[-1].wall == WALL + 8
    (binary,) = heard.intake.recent_refusals(Reason.NOT_UTF8)
    assert binary.payload == " \\xff [2J"
    assert heard.intake.recent_refusals(Reason.OLD) == []


def test_a_message_too_large_is_refused_unread() -> None:
    heard = Listening()
    body = b'{"p": 1, "x": "' + b"a" * MOST_BYTES + b'"}'
    assert not heard.meter("h01", body).readings
    assert heard.refusals == {Reason.TOO_LARGE: 1}


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("meter/h01", '{"p": 1}'),
        ("meter/transformer", '{"p": [1, 2, 3]}'),
        ("switch/h01/request", '{"phase": "L2"}'),
        ("switch/h01/clear", '{"operator": "x"}'),
        ("mode/set", "hold"),
        ("alert/neutral_overload/ack", '{"operator": "x"}'),
    ],
)
def test_retained_readings_and_orders_are_refused(topic: str, payload: str) -> None:
    heard = Listening()
    empty = heard.intake.drain()
    assert heard.hear(f"{BASE}/{topic}", payload, retained=True) == empty
    assert heard.refusals == {Reason.RETAINED: 1}
    assert heard.hear(f"{BASE}/{topic}", payload) != empty


def test_what_is_pending_is_bounded() -> None:
    heard = Listening(1)
    for n in range(MOST_PENDING + 3):
        heard.intake.message(f"{BASE}/meter/h01", b'{"p": 1}', False, float(n), WALL, True)
    for _ in range(MOST_ORDERS + 2):
        heard.intake.message(f"{BASE}/mode/set", b"hold", False, 0.0, WALL, True)
    batch = heard.intake.drain()
    assert (len(batch.readings), len(batch.modes)) == (MOST_PENDING, MOST_ORDERS)
    assert heard.refusals == {Reason.OVERFLOW: 5}
    assert len(heard.meter("h01", '{"p": 1}', at=1e6).readings) == 1


def test_a_fault_in_a_decoder_is_counted_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("boom")

    heard = Listening(
        [{"id": "a", "phase": "L1", "meters": [{"topic": "m", "format": "tasmota"}]}, {"id": "b", "phase": "L1"}]
    )
    monkeypatch.setattr("edge_balancer.telemetry.formats.tasmota.json_object", broken)
    heard.hear("m", "{}")
    assert heard.refusals == {Reason.INTERNAL: 1}
    assert "boom" in heard.last_detail(Reason.INTERNAL)
    assert heard.meter("b", '{"p": 1}').readings


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"topic": "m", "format": "json", "fields": {"p": "a..b"}}, "fields.p is no path: 'a..b'"),
        ({"topic": "m", "format": "dsmr", "channel": 7}, "1, 2, 3"),
    ],
)
def test_a_source_that_its_format_cannot_serve_is_an_error_at_the_start(source: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace(".", r"\.")):
        Intake(make_config([{"id": "a", "phase": "L1", "meters": [source]}]))


def test_types_that_leave_are_those_of_the_engine() -> None:
    heard = Listening([{"id": "a", "phase": "L1"}, {"id": "b", "three_phase": True}])
    assert type(heard.meter("a", '{"p": 1}').readings[0]) is Reading
    assert type(heard.meter("b", '{"p": 1}').three_phase[0]) is ThreePhaseReading
