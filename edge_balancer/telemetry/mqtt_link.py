"""The one MQTT connection of the daemon: a paho client driven by the event loop.

It connects, subscribes, hands over what arrives, publishes, and comes back by itself. It knows nothing of what the
messages mean.

A fresh client is made for every connection: nothing that could not be sent in the old one is sent late in the new
one. A
command that left just before the line broke may or may not have arrived; its switch's silence settles that.
"""

from __future__ import annotations

import asyncio
import enum
import random
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_balancer.clock import Clock
from edge_balancer.logs import Outage, get_logger
from edge_balancer.settings.services import MqttSettings

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 60.0
CONNECT_TIMEOUT_S: Final = 10.0
BURST: Final = 256
"""Packets read before other work gets its turn."""
MOST_QUEUED: Final = 2000
"""Messages waiting to be written; beyond it the broker takes nothing and the connection is as good as gone."""

_log = get_logger(__name__)


class LinkState(enum.StrEnum):
    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"


class MqttLink:
    """Callbacks run on the event loop. `on_message(topic, payload, retained)`; `on_batch()` after each burst of
    messages;
    `on_up()` once the subscriptions of a new connection are asked for."""

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        availability_topic: str,
        clock: Clock,
        on_message: Callable[[str, bytes, bool], None],
        on_batch: Callable[[], None],
        on_up: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._availability = availability_topic
        self._on_message = on_message
        self._on_batch = on_batch
        self._on_up = on_up
        self._subscriptions: Sequence[tuple[str, int]] = ()
        self._client: mqtt.Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._lost = asyncio.Event()
        self._leaving = False
        self._received = 0
        self._refusal = ""
        self._outage = Outage(_log, "broker unreachable", "broker reachable again", clock.monotonic)
        self.state = LinkState.DOWN
        self.connections = 0

    @property
    def up(self) -> bool:
        return self.state is LinkState.UP

    @property
    def received(self) -> int:
        """Messages received since the start."""
        return self._received

    async def run(self, subscriptions: Sequence[tuple[str, int]], stop: asyncio.Event) -> None:
        """Stay connected until `stop`; then say goodbye. Never raises for a broker that is gone."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._subscriptions = (*subscriptions, (self._availability, 1))
        retry_s = FIRST_RETRY_S
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                before = self.connections
                client = await self._connect(stopped)
                if client is not None:
                    await self._serve(client, stopped)
                if self.connections > before:
                    retry_s = FIRST_RETRY_S
                if stop.is_set():
                    break
                # Jitter: a whole site's clients must not come back in step after the broker's restart.
                await asyncio.wait({stopped}, timeout=retry_s * random.uniform(0.8, 1.2))
                retry_s = min(retry_s * 2.0, LAST_RETRY_S)
        finally:
            stopped.cancel()
            await self._goodbye()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """Hand a message to the broker's connection. False where there is none: it will not be sent later."""
        client = self._client
        if client is None or not self.up:
            return False
        return client.publish(topic, payload, qos=qos, retain=retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def flush(self) -> None:
        """Write what was published now rather than at the loop's next turn."""
        if self._client is not None and self._client.want_write():
            self._client.loop_write()

    def _new_client(self) -> mqtt.Client:
        s = self._settings
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=mqtt.MQTTv311, clean_session=True
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_queued_messages_set(MOST_QUEUED)
        client.max_inflight_messages_set(200)
        if s.user:
            client.username_pw_set(s.user, s.password.get_secret_value() or None)
        if s.tls:
            context = ssl.create_default_context(cafile=s.ca_file)
            if s.ca_file is not None:
                # Since Python 3.13 the default refuses authorities without a key usage, as `openssl req -x509` made
                # them long: a site's own authority must not fail with an upgrade. The chain is verified as before.
                context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if s.cert_file is not None:
                context.load_cert_chain(s.cert_file, s.key_file)
            client.tls_set_context(context)
        client.will_set(self._availability, b"offline", qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.on_socket_open = self._socket_open
        client.on_socket_close = self._socket_close
        client.on_socket_register_write = self._register_write
        client.on_socket_unregister_write = self._unregister_write
        return client

    async def _connect(self, stopped: asyncio.Task[Literal[True]]) -> mqtt.Client | None:
        """Open the connection; its welcome is awaited in `_serve`. None where it cannot be opened, or the daemon
        stops."""
        s = self._settings
        self._lost.clear()
        self._refusal = ""
        self.state = LinkState.CONNECTING
        try:
            client = self._client = self._new_client()
            opened = self._open(client)
            either: set[asyncio.Future[Any]] = {opened, stopped}
            await asyncio.wait(either, timeout=CONNECT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            if not opened.done():
                opened.cancel()
                if stopped.done():
                    return None
                raise TimeoutError(f"no connection within {CONNECT_TIMEOUT_S:g} s")
            opened.result()
        except (OSError, ValueError) as error:
            self._drop()
            self._outage.down(host=s.host, port=s.tcp_port, error=str(error), remedy=_remedy(error))
            return None
        return client

    def _open(self, client: mqtt.Client) -> asyncio.Future[None]:
        """Begin to connect: name look-up, TCP and TLS handshakes block, so not on the loop. Nor in the loop's executor:
        the end of the program would wait for it."""
        loop, s = asyncio.get_running_loop(), self._settings
        opened: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if opened.done():  # given up meanwhile
                _close(client)
            elif error is None:
                opened.set_result(None)
            else:
                opened.set_exception(error)

        def work() -> None:
            error: Exception | None = None
            try:
                client.connect(s.host, s.tcp_port, s.keepalive_s)
            except Exception as met:  # noqa: BLE001 - told to who waits
                error = met
            try:
                loop.call_soon_threadsafe(settle, error)
            except RuntimeError:  # the loop is closed: the program ends
                _close(client)

        threading.Thread(target=work, name="mqtt-connect", daemon=True).start()
        return opened

    async def _serve(self, client: mqtt.Client, stopped: asyncio.Task[Literal[True]]) -> None:
        """Drive the connection until it is lost or the daemon stops."""
        lost = asyncio.create_task(self._lost.wait())
        try:
            waited = 0.0
            while not lost.done() and not stopped.done():
                await asyncio.wait({lost, stopped}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                client.loop_misc()  # keep-alive
                waited = 0.0 if self.up else waited + 1.0
                if waited > CONNECT_TIMEOUT_S:
                    self._refusal = "it accepted the connection and sent no welcome"
                    break
        finally:
            lost.cancel()
        if not stopped.done():
            self._drop()
            self._outage.down(
                host=self._settings.host,
                port=self._settings.tcp_port,
                error=self._refusal or "connection lost",
                remedy="check mqtt.user and its password" if "uthori" in self._refusal else "waiting for it to return",
            )

    async def _goodbye(self) -> None:
        """Say that we are gone, and leave in order."""
        client = self._client
        self._leaving = True
        if client is not None and self.up:
            self.publish(self._availability, b"offline", qos=1, retain=True)
            for _ in range(20):
                if not client.want_write():
                    break
                client.loop_write()
                await asyncio.sleep(0.005)
            client.disconnect()
            client.loop_write()
        self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        self.state = LinkState.DOWN
        if client is None:
            return
        sock = client.socket()
        if sock is not None:
            self._socket_close(client, None, sock)
            sock.close()

    def _connected(
        self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refusal = f"refused: {reason}"
            self._lost.set()
            return
        self.state = LinkState.UP
        self.connections += 1
        for start in range(0, len(self._subscriptions), 100):
            client.subscribe(list(self._subscriptions[start : start + 100]))
        self.publish(self._availability, b"online", qos=1, retain=True)
        if not self._outage.up(host=self._settings.host):
            _log.info("broker connected", host=self._settings.host, port=self._settings.tcp_port)
        self._on_up()

    def _disconnected(
        self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if client is self._client:
            self._refusal = self._refusal or f"connection lost: {reason}"
            self._lost.set()

    def _message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        self._received += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # A broker that lets such a topic pass breaks the protocol; paho would meet the same message for ever.
            _log.debug("message on a topic that is not UTF-8")
            return
        if topic == self._availability:
            # Our own last will of an earlier connection may overtake this connection's greeting.
            if message.payload == b"offline" and not self._leaving:
                self.publish(topic, b"online", qos=1, retain=True)
            return
        self._on_message(topic, bytes(message.payload), message.retain)

    def _readable(self, client: mqtt.Client, sock: Any) -> None:
        """Read what has come, at most a burst: paho reads one packet at a time."""
        start = self._received
        for _ in range(BURST):
            before = self._received
            if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
            if self._received == before and not _buffered(sock):
                break
        else:
            # The burst is full: TLS may hold more that no selector will announce.
            if _buffered(sock):
                asyncio.get_running_loop().call_soon(self._readable, client, sock)
        if self._received != start:
            self._on_batch()

    def _socket_open(self, client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        # A command must not wait for Nagle's algorithm.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def watch(loop: asyncio.AbstractEventLoop) -> None:
            if client is self._client:
                loop.add_reader(sock, self._readable, client, sock)

        self._on_loop(watch)

    def _socket_close(self, _client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        if sock.fileno() < 0:
            return

        def forget(loop: asyncio.AbstractEventLoop) -> None:
            loop.remove_reader(sock)
            loop.remove_writer(sock)

        self._on_loop(forget)

    def _register_write(self, client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        def watch(loop: asyncio.AbstractEventLoop) -> None:
            if client is self._client:
                loop.add_writer(sock, client.loop_write)

        self._on_loop(watch)

    def _unregister_write(self, _client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        self._on_loop(lambda loop: loop.remove_writer(sock))

    def _on_loop(self, action: Callable[[asyncio.AbstractEventLoop], object]) -> None:
        """paho calls back from wherever it is: during `connect` that is another thread."""
        loop = self._loop
        if loop is None:
            return
        if threading.get_ident() == self._thread:
            action(loop)
        else:
            loop.call_soon_threadsafe(_try, action, loop)


def _try(action: Callable[[asyncio.AbstractEventLoop], object], loop: asyncio.AbstractEventLoop) -> None:
    """The socket may have been closed before its turn came."""
    try:
        action(loop)
    except (ValueError, OSError, KeyError):
        _log.debug("socket gone before it was watched")


def _close(client: mqtt.Client) -> None:
    """Close the socket of a client that nobody drives any more."""
    sock = client.socket()
    if sock is not None:
        sock.close()


def _buffered(sock: Any) -> bool:
    """Whether TLS holds decrypted bytes that the selector does not see."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _remedy(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "check mqtt.ca_file, the certificate's name and mqtt.port"
    if isinstance(error, FileNotFoundError):
        return "check mqtt.ca_file, mqtt.cert_file and mqtt.key_file"
    if isinstance(error, socket.gaierror):
        return "check mqtt.host"
    return "check that the broker runs at mqtt.host and mqtt.port"
