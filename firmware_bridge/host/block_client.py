"""paho's client, reading from its socket by the block instead of by the byte, and only what an `Inflow` lets through.

It changes nothing else, and knows nothing of connections coming and going: that is `link`.
"""

from __future__ import annotations

from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge.host.inflow import Admit, Inflow
from firmware_bridge.host.tls import tls_context
from firmware_bridge.settings.broker import BrokerSettings

CONNECT_TIMEOUT_S: Final = 10.0
MOST_QUEUED: Final = 2000
"""Messages waiting to be written; beyond it the broker takes nothing and the connection is as good as gone."""
MOST_INFLIGHT: Final = 200
BLOCK_BYTES: Final = 65_536
LEAST_COUNTED: Final = 256
"""Bytes for which even a shorter block counts: reading it costs as much as cutting these."""


class BlockClient(mqtt.Client):
    """One connection; made anew for the next one, with an inflow of its own."""

    def __init__(self, client_id: str, admit: Admit | None = None) -> None:
        self.inflow = Inflow(admit)
        super().__init__(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv311, clean_session=True)

    def _sock_recv(self, bufsize: int) -> bytes:
        """What paho reads its packets with. Raises BlockingIOError where no whole packet is there, as it expects."""
        inflow = self.inflow
        # Over TLS a block is a record, and a broker's record often a single message: those that are left out must not
        # cost a turn of the loop each.
        left = BLOCK_BYTES  # then other work gets its turn
        while left > 0:
            if inflow.ready:
                return inflow.take(bufsize)
            came = super()._sock_recv(BLOCK_BYTES)
            if not came:
                return came
            inflow.feed(came)
            left -= max(len(came), LEAST_COUNTED)
        if inflow.ready:
            return inflow.take(bufsize)
        raise BlockingIOError


def client_of(settings: BrokerSettings, client_id: str, admit: Admit | None = None) -> BlockClient:
    """A client for one connection with these settings. Raises OSError and ValueError for files that cannot be used."""
    client = BlockClient(client_id, admit)
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.max_queued_messages_set(MOST_QUEUED)
    client.max_inflight_messages_set(MOST_INFLIGHT)
    if settings.user:
        client.username_pw_set(settings.user, settings.password.get_secret_value() or None)
    if settings.tls:
        client.tls_set_context(tls_context(settings))
    return client


def abandon(client: mqtt.Client) -> None:
    """Close the socket of a client that nobody drives any more. It calls nobody back, not even from its end: its loop
    may be closed by then, and the descriptor another's."""
    client.on_connect = client.on_disconnect = client.on_subscribe = client.on_message = None
    client.on_socket_open = client.on_socket_close = None
    client.on_socket_register_write = client.on_socket_unregister_write = None
    sock = client.socket()
    if sock is not None:
        sock.close()
