"""A few messages to the broker and away again: how commands speak to the controller that runs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from edge_balancer.settings.root import Configuration
from firmware_bridge.host.tls import tls_context

WAIT_S: Final = 10.0


def publish(config: Configuration, wishes: Sequence[tuple[str, bytes]]) -> str:
    """Publish (topic, payload) pairs with QoS 1. Gives why that failed; empty where the broker has taken them all."""
    mqtt = config.mqtt
    where = f"the broker {mqtt.host}:{mqtt.tcp_port}"
    # A client id of its own: the controller's would throw the controller off the broker.
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"edge-balancer-alerts-{uuid.uuid4().hex[:8]}")
    refused: list[str] = []
    client.on_connect = lambda _client, _data, _flags, code, _properties: (
        refused.append(str(code)) if code.is_failure else None
    )
    if mqtt.user:
        client.username_pw_set(mqtt.user, mqtt.password.get_secret_value() or None)
    try:
        if mqtt.tls:
            client.tls_set_context(tls_context(mqtt))
        client.connect(mqtt.host, mqtt.tcp_port, keepalive=mqtt.keepalive_s)
        client.loop_start()
        for topic, payload in wishes:
            sent = client.publish(topic, payload, qos=1)
            if sent.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
                return f"{where} does not take {topic}: {sent.rc.name}"
            sent.wait_for_publish(WAIT_S)
            if refused:
                return f"{where} refuses the connection ({refused[0]}): check mqtt.user and mqtt.password"
            if not sent.is_published():
                return f"{where} has not answered within {WAIT_S:g} s: is it running?"
    except (OSError, ValueError, RuntimeError) as error:
        return f"{where} cannot be reached ({error}): is it running, and are mqtt.host and mqtt.port right?"
    finally:
        client.disconnect()
        client.loop_stop()
    return ""
