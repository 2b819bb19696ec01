"""What is really published in a run of the daemon, the virtual switches and the virtual meters is what
docs/asyncapi.yaml says: topics, payloads, QoS and retain flags.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio
from paho.mqtt.client import MQTTMessage

from edge_balancer.clock import Clock
from edge_balancer.daemon import Daemon
from edge_balancer.demo.options import DemoOptions
from edge_balancer.demo.session import Controller, View, run_demo
from edge_balancer.demo.watch import Watch
from edge_balancer.settings.root import Configuration
from edge_balancer.twin.options import TwinOptions
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.wire import Topics, alert_payload
from tests.docs.contract_file import (
    Node,
    channel_complaints,
    channel_of,
    contract,
    filter_of,
    fits,
    messages,
    operations,
)
from tests.docs.ears import Ear
from tests.support.configuration import make_config

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

OPTIONS: Final = {"speed": 300.0, "houses": 12, "failure_rate": 1.0, "seed": 1}
AWAITED: Final = ("phases", "decision", "diagnostics", "mode", "availability", "/set", "switch_locked")


class Nothing:
    """A view of the demo that shows nothing."""

    def __init__(self, _watch: Watch, _twin: TwinOptions, _title: str) -> None: ...

    def open(self) -> None: ...

    def refresh(self) -> None: ...

    def close(self) -> None: ...


def controller(configuration: Configuration, clock: Clock, database: Path) -> Controller:
    return Daemon(configuration, clock, database)


class Run:
    """One real run: all messages as a listener gets them, and what one that comes late finds retained."""

    def __init__(self, broker: str, base: str, heard: list[MQTTMessage], retained: set[str]) -> None:
        self.broker = broker
        self.base = base
        self.heard = heard
        self.retained = retained


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def run(broker: Broker) -> AsyncIterator[Run]:
    early, late, stop = Ear("phase-balance/+/#"), Ear("phase-balance/+/#"), asyncio.Event()

    def view(watch: Watch, twin: TwinOptions, title: str) -> View:
        bases.append(watch.base)
        return Nothing(watch, twin, title)

    def complete(heard: list[MQTTMessage]) -> bool:
        topics = {m.topic.removeprefix(bases[0]) for m in heard if bases and m.topic.startswith(bases[0])}
        return all(any(word in topic for topic in topics) for word in AWAITED)

    bases: list[str] = []
    options = DemoOptions(broker=(broker.host, broker.port), **OPTIONS)  # type: ignore[arg-type]
    with early.listening(broker):
        demo = asyncio.create_task(run_demo(options, view, controller, stop))
        try:
            await asyncio.to_thread(early.wait_for, complete, f"all of {AWAITED}")
            await asyncio.to_thread(_come_late, late, broker)
        finally:
            stop.set()
            await demo
    heard = [message for message in early.heard if message.topic.startswith(f"{bases[0]}/")]
    # From its marker on, the demo only takes away what it left on a broker that is not its own.
    end = next(n for n, message in enumerate(heard) if message.topic == f"{bases[0]}/end")
    heard = heard[:end]
    yield Run(broker.name, bases[0], heard, {m.topic for m in late.heard if m.retain})


def _come_late(late: Ear, broker: Broker) -> None:
    """A broker sends what it retains when it takes the subscription: all of it comes before the marker."""
    with late.listening(broker):
        late.say("phase-balance/marker/end", b"end")
        late.wait_for(lambda heard: any(m.topic.endswith("marker/end") for m in heard), "its own marker")


def operation_of(topic: str, base: str) -> Node:
    """The operation that a topic belongs to: ours, or that of a meter or a switch. The most literal address counts."""
    found = [
        operation
        for operation in contract()["operations"].values()
        if fits(topic, filter_of(channel_of(operation), base)) and operation is not _OWN_AVAILABILITY
    ]
    assert found, f"{topic} is not in docs/asyncapi.yaml"
    return min(found, key=lambda operation: channel_of(operation)["address"].count("{"))


_OWN_AVAILABILITY: Final = operations("receive")["receiveOwnAvailability"]


@pytest.mark.asyncio(loop_scope="module")
async def test_every_topic_and_every_payload_of_a_run_is_in_the_file(run: Run) -> None:
    wrong = {
        message.topic: (complaints, message.payload[:300])
        for message in run.heard
        if (complaints := channel_complaints(channel_of(operation_of(message.topic, run.base)), bytes(message.payload)))
    }
    assert wrong == {}


@pytest.mark.asyncio(loop_scope="module")
async def test_every_kind_of_message_that_the_file_lets_the_controller_send_was_sent(run: Run) -> None:
    sent = {channel_of(operation_of(message.topic, run.base))["address"] for message in run.heard}
    promised = {channel_of(operation)["address"] for operation in operations("send").values()}
    # Alerts of the whole feeder need hours of trouble; their payload is the same.
    assert promised - sent <= {contract()["channels"]["alert"]["address"]}


@pytest.mark.asyncio(loop_scope="module")
async def test_messages_are_sent_with_the_qos_of_the_file(run: Run) -> None:
    if run.broker == "amqtt":
        pytest.skip("amqtt raises a message's QoS to the subscription's")
    for message in run.heard:
        operation = operation_of(message.topic, run.base)
        assert message.qos == operation["bindings"]["mqtt"]["qos"], message.topic


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_retained_is_what_the_file_says(run: Run) -> None:
    for topic in {message.topic for message in run.heard}:
        operation = operation_of(topic, run.base)
        if operation["action"] == "send" and "alert" not in topic:
            assert (topic in run.retained) is operation["bindings"]["mqtt"]["retain"], topic
    assert any("/alert/switch_locked/" in topic for topic in run.retained)
    assert any(topic.endswith("/state") for topic in run.retained)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_run_says_goodbye(run: Run) -> None:
    own = [bytes(message.payload) for message in run.heard if message.topic == f"{run.base}/availability"]
    assert (own[0], own[-1]) == (b"online", b"offline")


@pytest.mark.parametrize("key", ["severe_imbalance", "voltage_high/L1"])
@pytest.mark.parametrize("state", AlertState)
def test_alerts_of_the_feeder_and_of_its_parts_fit(key: str, state: AlertState) -> None:
    config = make_config(2, mqtt={"base_topic": "a/b"})
    alert = Alert(key, Severity.WARNING, state, 1.7e9, "text", 12.5, 10.0, "A")
    operation = operation_of(Topics(config).alert(key), "a/b")
    assert operation["action"] == "send"
    assert channel_complaints(channel_of(operation), alert_payload(alert)) == []


def test_a_payload_that_no_message_of_its_channel_allows_is_found() -> None:
    channel = channel_of(operations("send")["sendAlert"])
    assert messages(channel).keys() == {"alert", "over"}
    assert channel_complaints(channel, b'{"severity":"grave"}')
