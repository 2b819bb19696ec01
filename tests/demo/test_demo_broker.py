"""The broker that the demo and the tests start: it serves, retains, and goes away."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.demo.broker import Kind, broker, find_mosquitto

KINDS: list[Any] = [
    pytest.param(
        "mosquitto", marks=pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed here")
    ),
    "amqtt",
]
WAIT_S = 90.0


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def connected_client(host: str, port: int) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect(host, port)
    client.loop_start()
    return client


@pytest.mark.parametrize("kind", KINDS)
def test_a_retained_message_reaches_a_later_subscriber(kind: Kind) -> None:
    with broker(kind) as running:
        assert running.name == kind
        sender = connected_client(running.host, running.port)
        sender.publish("a/b", b"kept", qos=1, retain=True).wait_for_publish(WAIT_S)
        receiver = connected_client(running.host, running.port)
        arrived = threading.Event()
        seen: list[tuple[bytes, bool]] = []

        def on_message(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
            seen.append((bytes(message.payload), message.retain))
            arrived.set()

        receiver.on_message = on_message
        receiver.subscribe("a/#", qos=1)
        assert arrived.wait(WAIT_S)
        assert seen == [(b"kept", True)]
        for client in (sender, receiver):
            client.disconnect()
            client.loop_stop()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_listens_after_the_end_even_after_an_error(kind: Kind) -> None:
    ports: list[int] = []

    def fail_while_running() -> None:
        with broker(kind) as running:
            ports.append(running.port)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_running()
    assert len(ports) == 1
    assert not accepts(ports[0])


@pytest.mark.parametrize("kind", KINDS)
def test_two_brokers_run_side_by_side(kind: Kind) -> None:
    with broker(kind) as one, broker(kind) as other:
        assert one.port != other.port
