"""What the controller listens to is what docs/asyncapi.yaml says, message by message, retained or not."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.refusals import Reason
from tests.docs.contract_file import Node, channel_of, filter_of, fits, messages, operations
from tests.support.configuration import make_config

BASE: Final = "site/feeder"
CONFIG: Final = make_config(
    [{"id": "h1", "phase": "L1"}, {"id": "h3p", "three_phase": True, "switchable": False}],
    mqtt={"base_topic": BASE},
)
# The controller's own availability is for the link alone, which answers a stale "offline".
HEARD: Final = {name: op for name, op in operations("receive").items() if name != "receiveOwnAvailability"}
EXAMPLES: Final = [
    pytest.param(operation, name, example["payload"], id=f"{title}-{name}-{n}")
    for title, operation in HEARD.items()
    for name, message in messages(channel_of(operation)).items()
    for n, example in enumerate(message["examples"])
]


def topic_of(channel: Node, message: str) -> str:
    house = "h3p" if message == "readingOfThreePhases" else "h1"
    address: str = channel["address"]
    return address.format(base=BASE, house=house, kind="switch_locked", subject="h1")


def payload_of(channel: Node, message: str, example: Any) -> bytes:
    plain = messages(channel)[message].get("contentType") == "text/plain"
    return str(example).encode() if plain else json.dumps(example).encode()


@pytest.mark.parametrize(("operation", "message", "example"), EXAMPLES)
def test_each_example_is_understood(operation: Node, message: str, example: Any) -> None:
    intake, channel = Intake(CONFIG), channel_of(operation)
    wall = float(example.get("t", 1e9)) if isinstance(example, dict) else 1e9
    intake.message(topic_of(channel, message), payload_of(channel, message, example), False, 1000.0, wall, True)
    assert (intake.ledger.accepted, dict(intake.refusals)) == (1, {})


@pytest.mark.parametrize(("operation", "message", "example"), EXAMPLES)
def test_a_retained_message_is_refused_where_the_file_says_so(operation: Node, message: str, example: Any) -> None:
    intake, channel = Intake(CONFIG), channel_of(operation)
    wall = float(example.get("t", 1e9)) if isinstance(example, dict) else 1e9
    intake.message(topic_of(channel, message), payload_of(channel, message, example), True, 1000.0, wall, True)
    refused = intake.refusals.get(Reason.RETAINED, 0)
    assert refused == (1 if operation["x-retained"] == "refused" else 0)


def test_every_subscription_is_in_the_file_with_its_qos() -> None:
    subscribed = dict(Intake(CONFIG).subscriptions())
    for operation in HEARD.values():
        filter_ = filter_of(channel_of(operation), BASE)
        qos = [qos for subscription, qos in subscribed.items() if fits(filter_, subscription)]
        assert qos == [operation.get("x-heard-qos", operation["bindings"]["mqtt"]["qos"])], filter_
    known = [filter_of(channel_of(op), BASE) for op in operations("receive").values()]
    for subscription in subscribed:
        assert any(fits(filter_, subscription) for filter_ in known), subscription
