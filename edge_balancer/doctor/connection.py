"""A connection to the broker as the controller makes it, of which the doctor waits for one answer after another. What
is asked, and what it means, is others' matter."""

from __future__ import annotations

import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.settings.root import Configuration
from firmware_bridge.host.tls import tls_context
from firmware_bridge.settings.broker import BrokerSettings

ANSWER_S: Final = 10.0
"""Longest wait for one answer of the broker."""


def reached(mqtt: BrokerSettings) -> tuple[str, float | None]:
    """Connect once without MQTT. Gives the protocol (`TLSv1.3`, or empty in the clear), and the seconds for which the
    broker's certificate is still valid. Raises OSError where it cannot be reached or trusted."""
    import socket

    with socket.create_connection((mqtt.host, mqtt.tcp_port), timeout=ANSWER_S) as plain:
        if not mqtt.tls:
            return "", None
        with tls_context(mqtt).wrap_socket(plain, server_hostname=mqtt.host) as encrypted:
            certificate = encrypted.getpeercert() or {}
            until = certificate.get("notAfter")
            left = ssl.cert_time_to_seconds(until) - time.time() if isinstance(until, str) else None
            return encrypted.version() or "", left


def own_name() -> str:
    return f"edge-balancer-doctor-{uuid.uuid4().hex[:8]}"


class Connection:
    """One that stands: says something, and waits for the broker's answer to it. For `connected`."""

    def __init__(self, client: paho.Client) -> None:
        self._client = client
        self._answers: set[int] = set()
        self._refused = self._ended = ""
        self._news = threading.Condition()
        client.on_connect = self._welcome
        client.on_disconnect = self._goodbye
        client.on_subscribe = lambda _c, _d, mid, *_: self._note(mid)
        client.on_publish = lambda _c, _d, mid, *_: self._note(mid)

    def ask(self, what: Callable[[paho.Client], tuple[Any, int | None] | paho.MQTTMessageInfo]) -> None:
        """Raises ConnectionAbortedError where the broker has ended the connection, TimeoutError where it is silent."""
        said = what(self._client)
        mid = said.mid if isinstance(said, paho.MQTTMessageInfo) else said[1]
        self._wait(mid, "it did not answer")

    def welcomed(self) -> None:
        """Wait for it. Raises ConnectionRefusedError too."""
        self._wait(0, "it sent no welcome")
        if self._refused:
            raise ConnectionRefusedError(self._refused)

    def _wait(self, mid: int | None, otherwise: str) -> None:
        with self._news:
            self._news.wait_for(lambda: self._ended or mid is None or mid in self._answers, ANSWER_S)
            if mid in self._answers:
                return
            if self._ended or mid is None:
                raise ConnectionAbortedError(f"it ended the connection: {self._ended or 'without a word'}")
        raise TimeoutError(f"{otherwise} within {ANSWER_S:g} s")

    def _note(self, mid: int) -> None:
        with self._news:
            self._answers.add(mid)
            self._news.notify_all()

    def _welcome(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._refused = str(reason) if reason.is_failure else ""
        self._note(0)

    def _goodbye(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        with self._news:
            self._ended = str(reason)
            self._news.notify_all()


@contextmanager
def connected(
    config: Configuration, message: Callable[[paho.Client, Any, paho.MQTTMessage], None], name: str = ""
) -> Iterator[Connection]:
    """As the controller connects, under a name of the doctor's own. Raises OSError where there is no connection."""
    mqtt = config.mqtt
    # One that was ended is not made again: that it was is a finding.
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name or own_name(), reconnect_on_failure=False)
    connection = Connection(client)
    client.on_message = message
    client.connect_timeout = ANSWER_S
    if mqtt.user:
        client.username_pw_set(mqtt.user, mqtt.password.get_secret_value() or None)
    if mqtt.tls:
        client.tls_set_context(tls_context(mqtt))
    client.connect(mqtt.host, mqtt.tcp_port, keepalive=30)
    client.loop_start()
    try:
        connection.welcomed()
        yield connection
    finally:
        client.disconnect()
        client.loop_stop()
        client.on_connect = client.on_subscribe = client.on_publish = client.on_message = client.on_disconnect = None
