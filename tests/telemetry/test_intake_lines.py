"""What the bridge inside the daemon says comes in beside the broker, under the same rules; its echo is not heard."""

from __future__ import annotations

from edge_balancer.telemetry.batch import Batch
from edge_balancer.telemetry.refusals import Reason
from edge_balancer.types.phases import Phase
from tests.telemetry.listening import BASE, WALL, Listening

LINE = {
    "name": "north",
    "port": "/dev/ttyUSB0",
    "meters": [{"house": "h01", "model": "eastron_sdm120", "unit": 1}],
    "switches": [{"house": "h01", "model": "waveshare_relay_8ch", "unit": 20, "relays": [1, 2, 3]}],
}


def listening() -> Listening:
    return Listening(2, bridge={"lines": [LINE]})


def local(heard: Listening, topic: str, payload: str, at: float = 0.0) -> Batch:
    heard.intake.local(topic, payload.encode(), 1000.0 + at, WALL + at, True)
    return heard.intake.drain()


def test_a_reading_of_a_line_is_judged_as_any_other() -> None:
    heard = listening()
    (reading,) = local(heard, f"{BASE}/meter/h01", '{"p": -1200, "v": 236.5}').readings
    assert (reading.house, reading.at, reading.p, reading.v) == ("h01", 1000.0, -1200, 236.5)
    assert not local(heard, f"{BASE}/meter/h01", '{"p": 9e9}').readings
    assert sum(heard.refusals.values()) == 1
    assert heard.intake.ledger.received == 2


def test_its_echo_from_the_broker_counts_for_nothing_and_is_no_refusal() -> None:
    heard = listening()
    assert heard.meter("h01", '{"p": 777}') == Batch()
    assert heard.hear(f"{BASE}/switch/h01/state", '{"phase": "L3", "t": 1}', retained=True) == Batch()
    assert heard.hear(f"{BASE}/switch/h01/availability", "offline", retained=True) == Batch()
    assert heard.refusals == {}


def test_a_switch_of_a_line_reports_directly() -> None:
    heard = listening()
    batch = local(heard, f"{BASE}/switch/h01/state", f'{{"phase": "L2", "t": {WALL}, "operations": 3}}')
    assert [(report.house, report.phase) for report in batch.reports] == [("h01", Phase.L2)]
    batch = local(heard, f"{BASE}/switch/h01/availability", "online")
    assert [word.online for word in batch.availability] == [True]


def test_houses_elsewhere_are_heard_from_the_broker_as_before() -> None:
    heard = listening()
    assert heard.meter("h02", '{"p": 5}').readings
    assert local(heard, f"{BASE}/meter/h02", '{"p": 5}') == Batch(), "the bridge does not serve h02"
    assert heard.hear(f"{BASE}/switch/h01/request", '{"phase": "L2", "operator": "anna"}').requests
    assert Reason.UNKNOWN_TOPIC not in heard.refusals
