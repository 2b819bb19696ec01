"""The daemon's way to the broker: it says that the controller is there, and tells outages once.

Three connections, so that what one kind of speaker says too much never stands before another's words: *control* hears
the switches, says everything that is said, and carries the last will; *orders* hears people; *readings* hears the
meters. The way is up where all are: without readings a move cannot be checked, without control none can be commanded,
and without orders nobody could stop it. Where a broker forces one client id on them, all goes over control.

The connections themselves, which come back by themselves, are `firmware_bridge.host.link`. A command that left just
before the line broke may or may not have arrived; its switch's silence settles that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from edge_balancer.clock import Clock
from edge_balancer.logs import Outage, get_logger
from edge_balancer.settings.services import MqttSettings
from edge_balancer.telemetry.takeover import TakeOvers
from firmware_bridge.contract import OFFLINE, ONLINE
from firmware_bridge.host.inflow import Admit
from firmware_bridge.host.link import Link, LinkState, Trouble

READINGS_SUFFIX: Final = "-readings"
"""Follows the client id on the connection for readings."""
ORDERS_SUFFIX: Final = "-orders"
"""Follows it on the connection for what people say."""

Filters = Sequence[tuple[str, int]]

_log = get_logger(__name__)


class MqttLink:
    """Callbacks run on the event loop. `on_message(topic, payload, retained)`; `on_batch()` after each burst of
    messages; `on_up()` once the subscriptions of a new control connection are asked for. `admit` tells which messages
    are read at all."""

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        availability_topic: str,
        clock: Clock,
        on_message: Callable[[str, bytes, bool], None],
        on_batch: Callable[[], None],
        on_up: Callable[[], None],
        admit: Admit,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._availability = availability_topic
        self._clock = clock
        self._on_message = on_message
        self._on_batch = on_batch
        self._on_up = on_up
        self._admit = admit
        self._leaving = False
        self._outage = Outage(_log, "broker unreachable", "broker reachable again", clock.monotonic)
        self._told_up = False
        self._take_overs = TakeOvers()
        self._control: Link | None = None
        self._orders: Link | None = None
        self._readings: Link | None = None
        self._apart = asyncio.Event()
        """Ends the connections beside control."""

    @property
    def state(self) -> LinkState:
        """Of all: the worst."""
        links = self._links()
        if not links or any(link.state is LinkState.DOWN for link in links):
            return LinkState.DOWN
        # What was told before is not what is: a move waits until the broker has answered what we ask to hear.
        return LinkState.UP if all(link.hearing for link in links) else LinkState.CONNECTING

    @property
    def up(self) -> bool:
        return self.state is LinkState.UP

    @property
    def speaks(self) -> bool:
        """Whether what is published now leaves."""
        return self._control is not None and self._control.up

    @property
    def connections(self) -> int:
        """How often control came up since the start."""
        return 0 if self._control is None else self._control.connections

    @property
    def received(self) -> int:
        """Messages read since the start."""
        return sum(link.received for link in self._links())

    @property
    def readings_received(self) -> int:
        """Those of the connection for readings."""
        return 0 if self._readings is None else self._readings.received

    async def run(self, control: Filters, orders: Filters, readings: Filters, stop: asyncio.Event) -> None:
        """Stay connected until `stop`; then say goodbye. Never raises for a broker that is gone."""
        own = (self._availability, 0)
        self._control = self._link(self._client_id, self._availability, (*control, own), self._message, self._on_up)
        self._orders = self._link(f"{self._client_id}{ORDERS_SUFFIX}", None, orders, self._on_message, _nothing)
        self._readings = self._link(f"{self._client_id}{READINGS_SUFFIX}", None, readings, self._on_message, _nothing)
        leave = asyncio.Event()
        running = asyncio.create_task(self._control.run(leave), name=f"connection {self._client_id}")
        hearing = [
            asyncio.create_task(link.run(self._apart), name=f"connection {link.client_id}")
            for link in (self._orders, self._readings)
        ]
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            self._leaving = True
            self.publish(self._availability, OFFLINE, qos=1, retain=True)
        finally:
            stopped.cancel()
            leave.set()
            self._apart.set()
            await asyncio.gather(running, *hearing)

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> bool:
        """Hand a message to the broker's connection. False where there is none: it will not be sent later."""
        return self._control is not None and self._control.publish(topic, payload, qos=qos, retain=retain)

    def flush(self) -> None:
        """Write what was published now rather than at the loop's next turn."""
        if self._control is not None:
            self._control.flush()

    def _link(
        self,
        client_id: str,
        will: str | None,
        subscriptions: Filters,
        on_message: Callable[[str, bytes, bool], None],
        on_up: Callable[[], None],
    ) -> Link:
        return Link(
            self._settings,
            client_id,
            will,
            subscriptions,
            on_message=on_message,
            on_up=on_up,
            on_news=self._news,
            on_batch=self._on_batch,
            on_hearing=self._on_hearing,
            admit=self._admit,
        )

    def _links(self) -> list[Link]:
        return [link for link in (self._control, self._orders, self._readings) if link is not None]

    def _on_hearing(self) -> None:
        self._say_online()
        self._tell_up()

    def _say_online(self) -> None:
        """Once people, switches and meters are heard: whoever sees it may speak."""
        if not self._leaving and self.up:
            self.publish(self._availability, ONLINE, qos=1, retain=True)

    def _say_deaf(self) -> None:
        """While people are not heard nobody may take it for granted that a `hold` reaches us."""
        if not self._leaving:
            self.publish(self._availability, OFFLINE, qos=1, retain=True)

    def _news(self, link: Link, trouble: Trouble | None) -> None:
        s, now = self._settings, self._clock.monotonic() / self._clock.speed
        if trouble is None:
            self._take_overs.came(link.client_id, now)
        else:
            self._take_overs.went(link.client_id, now)
            what = {"client": link.client_id, "error": trouble.error, "remedy": trouble.remedy}
            self._outage.down(host=s.host, port=s.tcp_port, **what)
            if link is self._orders:
                self._say_deaf()
        if self._take_overs.sure:
            self._join()

    def _tell_up(self) -> None:
        s = self._settings
        if self.up and not self._outage.up(host=s.host) and not self._told_up:
            _log.info("broker connected", host=s.host, port=s.tcp_port)
        self._told_up |= self.up

    def _join(self) -> None:
        """Hear people and meters over control too."""
        apart = [link for link in (self._orders, self._readings) if link is not None]
        self._orders = self._readings = None
        if not apart or self._control is None:
            return
        _log.error(
            "one connection for all: the broker takes all of this controller's for one client; a flood of readings or "
            "of orders can delay what switches say",
            host=self._settings.host,
            remedy="connect it at a listener that does not force the client id (docs/security.md: port 8884)",
        )
        self._control.subscribe_too([wanted for link in apart for wanted in link.subscriptions])
        self._apart.set()

    def _message(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == self._availability:
            # Our own last will of an earlier connection may overtake this connection's greeting.
            if payload == OFFLINE:
                self._say_online()
            return
        self._on_message(topic, payload, retained)


def _nothing() -> None:
    """What only hears needs no greeting."""
