"""One MQTT connection with a last will of its own, driven by the event loop: no thread of its own but to connect.

It comes back by itself, and knows nothing of what messages mean. A fresh client is made for every connection: what
could not be sent in the old one is not sent late in the new one.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_bridge.contract import OFFLINE
from firmware_bridge.settings.broker import BrokerSettings

_log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 60.0
CONNECT_TIMEOUT_S: Final = 10.0
FAREWELL_S: Final = 0.05
BURST: Final = 256
"""Packets read before other work gets its turn."""
MOST_QUEUED: Final = 2000
"""Messages waiting to be written; beyond it the broker takes nothing and the connection is as good as gone."""
_FILTERS_AT_ONCE: Final = 100


class LinkState(enum.StrEnum):
    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no connection, and what to do."""

    error: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.error}; {self.remedy}"


class Link:
    """Callbacks run on the event loop: `on_message(topic, payload, retained)`; `on_batch()` after each burst of
    messages; `on_up()` once the subscriptions of a new connection are asked for; `on_news(link, trouble)` with what is
    wrong, and with None when it is up."""

    def __init__(
        self,
        settings: BrokerSettings,
        client_id: str,
        will: str,
        subscriptions: Sequence[tuple[str, int]],
        *,
        on_message: Callable[[str, bytes, bool], object],
        on_up: Callable[[], None],
        on_news: Callable[[Link, Trouble | None], None],
        on_batch: Callable[[], None] | None = None,
    ) -> None:
        """`will` is the topic where the broker says `offline` for us when we are gone without a word."""
        self.client_id = client_id
        self._settings = settings
        self._will = will
        self._subscriptions = tuple(subscriptions)
        self._on_message = on_message
        self._on_up = on_up
        self._on_news = on_news
        self._on_batch = on_batch
        self._client: mqtt.Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._lost = asyncio.Event()
        self._asked: dict[int, Sequence[tuple[str, int]]] = {}
        self._reason = ""
        self.received = 0
        """Messages since the start."""
        self.connections = 0
        """How often it came up since the start."""
        self.state = LinkState.DOWN

    @property
    def up(self) -> bool:
        return self.state is LinkState.UP

    async def run(self, stop: asyncio.Event) -> None:
        """Stay connected until `stop`; then leave in order. Never raises for a broker that is gone."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        retry_s = FIRST_RETRY_S
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                before = self.connections
                if (client := await self._connect(stopped)) is not None:
                    await self._serve(client, stopped)
                if stop.is_set():
                    break
                if self.connections > before:
                    retry_s = FIRST_RETRY_S
                # Jitter: a whole site's clients must not come back in step after the broker's restart.
                await asyncio.wait({stopped}, timeout=retry_s * random.uniform(0.8, 1.2))  # noqa: S311
                retry_s = min(retry_s * 2.0, LAST_RETRY_S)
        finally:
            stopped.cancel()
            await self._goodbye()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """Hand a message to the connection. False where there is none: it will not be sent later."""
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
            CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=mqtt.MQTTv311, clean_session=True
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
        client.will_set(self._will, OFFLINE, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        client.on_socket_open = self._socket_open
        client.on_socket_close = self._socket_close
        client.on_socket_register_write = self._register_write
        client.on_socket_unregister_write = self._unregister_write
        return client

    async def _connect(self, stopped: asyncio.Task[Literal[True]]) -> mqtt.Client | None:
        """Open the connection; its welcome is awaited in `_serve`. None where it cannot be opened, or we stop."""
        self._lost.clear()
        self._reason = ""
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
            self._on_news(self, Trouble(str(error), _remedy(error)))
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

        threading.Thread(target=work, name=f"connect {self.client_id}", daemon=True).start()
        return opened

    async def _serve(self, client: mqtt.Client, stopped: asyncio.Task[Literal[True]]) -> None:
        """Drive the connection until it is lost or we stop."""
        lost = asyncio.create_task(self._lost.wait())
        try:
            waited_s = 0.0
            while not lost.done() and not stopped.done():
                await asyncio.wait({lost, stopped}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                client.loop_misc()  # keep-alive
                waited_s = 0.0 if self.up else waited_s + 1.0
                if waited_s > CONNECT_TIMEOUT_S:
                    self._reason = "it accepted the connection and sent no welcome; is it an MQTT broker?"
                    break
        finally:
            lost.cancel()
        if not stopped.done():
            self._drop()
            remedy = "check mqtt.user and its password" if "uthori" in self._reason else "waiting for it to return"
            self._on_news(self, Trouble(self._reason or "connection lost", remedy))

    async def _goodbye(self) -> None:
        """Let what was said last leave, and end in order: then the broker does not speak our will."""
        client = self._client
        if client is not None and self.up:
            for _ in range(40):
                if not client.want_write():
                    break
                client.loop_write()
                await asyncio.sleep(0.005)
            # Let what is on its way to us arrive: a socket closed over unread bytes resets the connection, and the
            # broker would take our farewell for a loss and speak our will.
            await asyncio.sleep(FAREWELL_S)
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

    # -- what paho calls ----------------------------------------------------------------------------------------------

    def _connected(
        self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._reason = f"refused: {reason}"
            self._lost.set()
            return
        self.state = LinkState.UP
        self.connections += 1
        self._asked.clear()
        for start in range(0, len(self._subscriptions), _FILTERS_AT_ONCE):
            wanted = self._subscriptions[start : start + _FILTERS_AT_ONCE]
            _, number = client.subscribe(list(wanted))
            if number is not None:
                self._asked[number] = wanted
        self._on_news(self, None)
        self._on_up()

    def _disconnected(
        self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if client is self._client:
            self._reason = self._reason or (
                f"connection lost: {reason}; should it happen again and again, another client uses the id "
                f"{self.client_id} too"
            )
            self._lost.set()

    def _subscribed(
        self, _client: mqtt.Client, _userdata: Any, mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for (topic, _), code in zip(self._asked.pop(mid, ()), codes, strict=False):
            if code.is_failure:
                _log.error("the broker lets %s not hear %s: %s; correct its access rules", self.client_id, topic, code)

    def _message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        self.received += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # A broker that lets such a topic pass breaks the protocol; paho would meet the same message for ever.
            _log.debug("message on a topic that is not UTF-8")
            return
        self._on_message(topic, bytes(message.payload), message.retain)

    def _readable(self, client: mqtt.Client, sock: Any) -> None:
        """Read what has come, at most a burst: paho reads one packet at a time."""
        start = self.received
        for _ in range(BURST):
            before = self.received
            if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
            if self.received == before and not _buffered(sock):
                break
        else:
            # The burst is full: TLS may hold more that no selector will announce.
            if _buffered(sock):
                asyncio.get_running_loop().call_soon(self._readable, client, sock)
        if self._on_batch is not None and self.received != start:
            self._on_batch()

    def _socket_open(self, client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        # A command or an answer must not wait for Nagle's algorithm.
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
