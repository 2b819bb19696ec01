"""The daemon's one connection to the broker: it says that the controller is there, and tells outages once.

The connection itself, which comes back by itself, is `firmware_bridge.host.link`. A command that left just before the
line broke may or may not have arrived; its switch's silence settles that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from edge_balancer.clock import Clock
from edge_balancer.logs import Outage, get_logger
from edge_balancer.settings.services import MqttSettings
from firmware_bridge.contract import OFFLINE, ONLINE
from firmware_bridge.host.link import Link, LinkState, Trouble

_log = get_logger(__name__)


class MqttLink:
    """Callbacks run on the event loop. `on_message(topic, payload, retained)`; `on_batch()` after each burst of
    messages; `on_up()` once the subscriptions of a new connection are asked for."""

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
        self._leaving = False
        self._outage = Outage(_log, "broker unreachable", "broker reachable again", clock.monotonic)
        self._link: Link | None = None

    @property
    def state(self) -> LinkState:
        return LinkState.DOWN if self._link is None else self._link.state

    @property
    def up(self) -> bool:
        return self.state is LinkState.UP

    @property
    def connections(self) -> int:
        """How often it came up since the start."""
        return 0 if self._link is None else self._link.connections

    @property
    def received(self) -> int:
        """Messages received since the start."""
        return 0 if self._link is None else self._link.received

    async def run(self, subscriptions: Sequence[tuple[str, int]], stop: asyncio.Event) -> None:
        """Stay connected until `stop`; then say goodbye. Never raises for a broker that is gone."""
        link = self._link = Link(
            self._settings,
            self._client_id,
            self._availability,
            (*subscriptions, (self._availability, 1)),
            on_message=self._message,
            on_up=self._greet,
            on_news=self._news,
            on_batch=self._on_batch,
        )
        leave = asyncio.Event()
        running = asyncio.create_task(link.run(leave), name=f"connection {self._client_id}")
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            self._leaving = True
            self.publish(self._availability, OFFLINE, qos=1, retain=True)
        finally:
            stopped.cancel()
            leave.set()
            await running

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """Hand a message to the broker's connection. False where there is none: it will not be sent later."""
        return self._link is not None and self._link.publish(topic, payload, qos=qos, retain=retain)

    def flush(self) -> None:
        """Write what was published now rather than at the loop's next turn."""
        if self._link is not None:
            self._link.flush()

    def _greet(self) -> None:
        self.publish(self._availability, ONLINE, qos=1, retain=True)
        self._on_up()

    def _news(self, _link: Link, trouble: Trouble | None) -> None:
        s = self._settings
        if trouble is not None:
            self._outage.down(host=s.host, port=s.tcp_port, error=trouble.error, remedy=trouble.remedy)
        elif not self._outage.up(host=s.host):
            _log.info("broker connected", host=s.host, port=s.tcp_port)

    def _message(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == self._availability:
            # Our own last will of an earlier connection may overtake this connection's greeting.
            if payload == OFFLINE and not self._leaving:
                self.publish(topic, ONLINE, qos=1, retain=True)
            return
        self._on_message(topic, payload, retained)
