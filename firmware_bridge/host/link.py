"""One MQTT connection, with a last will of its own where it wants one, driven by the event loop: no thread of its own
but to connect.

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
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_bridge.contract import OFFLINE
from firmware_bridge.host.block_client import CONNECT_TIMEOUT_S, BlockClient, abandon, client_of
from firmware_bridge.host.inflow import Admit
from firmware_bridge.host.socket_watch import SocketWatch
from firmware_bridge.settings.broker import BrokerSettings

_log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 60.0
FAREWELL_S: Final = 0.05
BURST: Final = 256
"""Packets read before other work gets its turn."""
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
        will: str | None,
        subscriptions: Sequence[tuple[str, int]],
        *,
        on_message: Callable[[str, bytes, bool], object],
        on_up: Callable[[], None],
        on_news: Callable[[Link, Trouble | None], None],
        on_batch: Callable[[], None] | None = None,
        on_hearing: Callable[[], None] | None = None,
        admit: Admit | None = None,
    ) -> None:
        """`will` is the topic where the broker says `offline` for us when we are gone without a word, if anywhere.
        `on_hearing()` is called when the broker has answered all subscriptions of a connection.
        `admit` tells which messages of QoS 0 are read at all; without it all are."""
        self.client_id = client_id
        self._settings = settings
        self._will = will
        self.subscriptions = tuple(subscriptions)
        self._on_message = on_message
        self._on_up = on_up
        self._on_news = on_news
        self._on_batch = on_batch
        self._on_hearing = on_hearing
        self._admit = admit
        self._client: BlockClient | None = None
        self._watch = SocketWatch(lambda client: client is self._client, self._readable)
        self._lost = asyncio.Event()
        self._reads_on = False
        """Whether more is to be read at the loop's next turn."""
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

    @property
    def hearing(self) -> bool:
        """Whether it is up, and the broker has answered all subscriptions."""
        return self.up and not self._asked

    async def run(self, stop: asyncio.Event) -> None:
        """Stay connected until `stop`; then leave in order. Never raises for a broker that is gone."""
        self._watch.begin()
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

    def subscribe_too(self, filters: Sequence[tuple[str, int]]) -> None:
        """Hear these as well, now and over every later connection."""
        self.subscriptions += tuple(filters)
        if self._client is not None and self.up:
            self._subscribe(self._client, filters)

    def _subscribe(self, client: mqtt.Client, filters: Sequence[tuple[str, int]]) -> None:
        for start in range(0, len(filters), _FILTERS_AT_ONCE):
            wanted = filters[start : start + _FILTERS_AT_ONCE]
            _, number = client.subscribe(list(wanted))
            if number is not None:
                self._asked[number] = wanted

    def _new_client(self) -> BlockClient:
        client = client_of(self._settings, self.client_id, self._admit)
        if self._will is not None:
            client.will_set(self._will, OFFLINE, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        self._watch.join(client)
        return client

    async def _connect(self, stopped: asyncio.Task[Literal[True]]) -> BlockClient | None:
        """Open the connection; its welcome is awaited in `_serve`. None where it cannot be opened, or we stop."""
        self._lost.clear()
        self._reason = ""
        self.state = LinkState.CONNECTING
        try:
            client = self._client = self._new_client()
            self._reads_on = False
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
                abandon(client)
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
                abandon(client)

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
            self._watch.forget(sock)
        abandon(client)

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
        self._subscribe(client, self.subscriptions)
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
        if self._on_hearing is not None and self.hearing:
            self._on_hearing()

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
        # What was read from the socket and waits to be handled has its turn coming.
        if not self._reads_on:
            self._read(client, sock)

    def _read(self, client: mqtt.Client, sock: Any) -> None:
        """Read what has come, at most a burst: paho reads one packet at a time."""
        self._reads_on = False
        ours = self._client
        if ours is None or client is not ours:
            return
        start = self.received
        for _ in range(BURST):
            if ours.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS or not ours.inflow.ready:
                break
        if client is self._client and (ours.inflow.ready or _buffered(sock)):
            # No selector announces it.
            self._reads_on = True
            asyncio.get_running_loop().call_soon(self._read, client, sock)
        if self._on_batch is not None and self.received != start:
            self._on_batch()


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
