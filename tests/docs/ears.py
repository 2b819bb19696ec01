"""A subscriber that keeps what it hears and can be waited for. Not a test itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

WAIT_S: Final = 90.0


class Ear:
    """Everything on a topic filter, in order of arrival."""

    def __init__(self, filter_: str) -> None:
        self.heard: list[paho.MQTTMessage] = []
        self._filter = filter_
        self._news = threading.Condition()
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._message

    @contextmanager
    def listening(self, broker: Broker) -> Iterator[Ear]:
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        try:
            assert self._subscribed.wait(WAIT_S), "the broker did not take the subscription"
            yield self
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def say(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)

    def wait_for(self, reached: Callable[[list[paho.MQTTMessage]], bool], what: str) -> None:
        """Block until what was heard is enough."""
        with self._news:
            assert self._news.wait_for(lambda: reached(self.heard), WAIT_S), f"never heard {what}"

    def _connected(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(self._filter, 1)

    def _message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        with self._news:
            self.heard.append(message)
            self._news.notify_all()
