"""The doctor's own connection to the broker: what is retained there, who speaks within a while, and one thing said that
must not pass.

Its client id is its own, so that the controller keeps its connection."""

from __future__ import annotations

import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_balancer.clock import Clock
from edge_balancer.settings.root import Configuration
from edge_balancer.telemetry.intake import Intake
from edge_balancer.wire import Topics
from firmware_bridge.settings.broker import BrokerSettings

ANSWER_S: Final = 10.0
"""Longest wait for one answer of the broker."""
_FILTERS_AT_ONCE: Final = 100


@dataclass
class Heard:
    """What came in. `retained` by topic; `spoke` are the houses whose meters said something now."""

    retained: dict[str, bytes] = field(default_factory=dict)
    spoke: set[str] = field(default_factory=set)
    refused: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    """Why nothing could be heard; empty where it could."""
    passed: bool | None = None
    """Whether the broker passed on what nobody is allowed to say; None where that could not be tried."""


def context_of(mqtt: BrokerSettings, *, with_certificate: bool = True) -> ssl.SSLContext:
    """As the controller's own connection. Raises OSError for files that cannot be read."""
    context = ssl.create_default_context(cafile=mqtt.ca_file)
    if mqtt.ca_file is not None:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if with_certificate and mqtt.cert_file is not None:
        context.load_cert_chain(mqtt.cert_file, mqtt.key_file)
    return context


def listen(config: Configuration, clock: Clock, seconds: float) -> Heard:
    """Hear for `seconds` at most, less where everybody has spoken before. Never raises for a broker's sake."""
    heard, intake, topics = Heard(), Intake(config), Topics(config)
    wanted = {house.id for house in config.houses}
    # Meters on the controller's own lines are published by it; the intake leaves them to the line.
    served = {meter.house for line in config.bridge.lines for meter in line.meters}
    own = {f"{config.base_topic}/meter/{house}": house for house in served}
    shown = {topics.availability, topics.phases, topics.mode, topics.diagnostics}
    complete = threading.Event()
    probe = f"{config.base_topic}/doctor/{uuid.uuid4().hex}"
    filters = [*intake.subscriptions(), (probe, 1), *((topic, 0) for topic in sorted(shown))]

    def message(_client: paho.Client, _data: Any, said: paho.MQTTMessage) -> None:
        if said.topic == probe:
            heard.passed = True
            return
        if said.retain:
            heard.retained[said.topic] = bytes(said.payload)
        if said.topic in shown:
            return
        intake.message(said.topic, bytes(said.payload), said.retain, clock.monotonic(), clock.wall(), clock.synced())
        batch = intake.drain()
        heard.spoke |= {one.house for one in batch.readings} | {one.house for one in batch.three_phase}
        if not said.retain and said.topic in own:
            heard.spoke.add(own[said.topic])
        if wanted <= heard.spoke:
            complete.set()

    try:
        with _connected(config, message) as ask:
            for start in range(0, len(filters), _FILTERS_AT_ONCE):
                some = filters[start : start + _FILTERS_AT_ONCE]
                ask(lambda client, some=some: client.subscribe(some))  # type: ignore[misc]
            heard.passed = bool(heard.passed)
            ask(lambda client: client.publish(probe, b"must not pass", qos=1))
            # An answer to this comes after whatever the broker has passed on before.
            ask(lambda client: client.subscribe(probe, 1))
            complete.wait(seconds)
    except (OSError, TimeoutError, ValueError) as error:
        heard.problem = str(error) or type(error).__name__
    heard.refused = {str(reason): count for reason, count in intake.refusals.items()}
    return heard


Ask = Callable[[Callable[[paho.Client], tuple[Any, int | None] | paho.MQTTMessageInfo]], None]


@contextmanager
def _connected(config: Configuration, message: Callable[[paho.Client, Any, paho.MQTTMessage], None]) -> Iterator[Ask]:
    """A connection; gives a way to say something and wait for the broker's answer to it."""
    mqtt = config.mqtt
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"edge-balancer-doctor-{uuid.uuid4().hex[:8]}")
    answers: set[int] = set()
    news = threading.Condition()
    refusal: list[str] = []

    def note(mid: int) -> None:
        with news:
            answers.add(mid)
            news.notify_all()

    def welcome(_client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        refusal.extend([str(reason)] if reason.is_failure else [])
        note(0)

    def ask(what: Callable[[paho.Client], tuple[Any, int | None] | paho.MQTTMessageInfo]) -> None:
        said = what(client)
        mid = said.mid if isinstance(said, paho.MQTTMessageInfo) else said[1]
        with news:
            if mid is None or not news.wait_for(lambda: mid in answers, ANSWER_S):
                raise TimeoutError(f"the broker did not answer within {ANSWER_S:g} s")

    client.on_connect = welcome
    client.on_subscribe = lambda _c, _d, mid, *_: note(mid)
    client.on_publish = lambda _c, _d, mid, *_: note(mid)
    client.on_message = message
    client.connect_timeout = ANSWER_S
    if mqtt.user:
        client.username_pw_set(mqtt.user, mqtt.password.get_secret_value() or None)
    if mqtt.tls:
        client.tls_set_context(context_of(mqtt))
    client.connect(mqtt.host, mqtt.tcp_port, keepalive=30)
    client.loop_start()
    try:
        with news:
            if not news.wait_for(lambda: 0 in answers, ANSWER_S):
                raise TimeoutError("the broker sent no welcome")
        if refusal:
            raise ConnectionRefusedError(refusal[0])
        yield ask
    finally:
        client.disconnect()
        client.loop_stop()
        client.on_connect = client.on_subscribe = client.on_publish = client.on_message = None


def reached(mqtt: BrokerSettings) -> tuple[str, float | None]:
    """Connect once without MQTT. Gives the protocol (`TLSv1.3`, or empty in the clear), and the seconds for which the
    broker's certificate is still valid. Raises OSError where it cannot be reached or trusted."""
    import socket

    with socket.create_connection((mqtt.host, mqtt.tcp_port), timeout=ANSWER_S) as plain:
        if not mqtt.tls:
            return "", None
        with context_of(mqtt).wrap_socket(plain, server_hostname=mqtt.host) as encrypted:
            certificate = encrypted.getpeercert() or {}
            until = certificate.get("notAfter")
            left = ssl.cert_time_to_seconds(until) - time.time() if isinstance(until, str) else None
            return encrypted.version() or "", left
