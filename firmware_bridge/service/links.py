"""All connections of a bridge that runs alone: one for each switch, because its last will needs one of its own, and one
for everything else. Who may say what where is the contract's; here it is only shared out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from firmware_bridge.contract import OFFLINE, ONLINE
from firmware_bridge.host.link import Link, Trouble
from firmware_bridge.service.bridge import Bridge
from firmware_bridge.service.bus import Said
from firmware_bridge.settings.broker import BrokerSettings

_log = logging.getLogger(__name__)


class Outage:
    """Tells once that the broker is gone for some or all connections, and once that all are back."""

    def __init__(self, place: str, clock: Callable[[], float]) -> None:
        self._place = place
        self._clock = clock
        self._down: set[Link] = set()
        self._told: set[str] = set()
        self._since = 0.0
        self._reached = False

    def news(self, link: Link, trouble: Trouble | None) -> None:
        if trouble is not None:
            error = str(trouble)
            if not self._down:
                self._since = self._clock()
            self._down.add(link)
            # The id is no other trouble.
            essence = error.replace(link.client_id, "")
            if essence not in self._told:
                self._told.add(essence)
                _log.warning("no connection to the broker at %s (%s): %s", self._place, link.client_id, error)
            return
        self._down.discard(link)
        if not self._reached and not self._told:
            _log.info("connected to the broker at %s", self._place)
        self._reached = True
        if not self._down and self._told:
            _log.warning("all connections to the broker at %s are back after %.0f s", self._place,
                         self._clock() - self._since)  # fmt: skip
            self._told.clear()


class Links:
    """The connections. `say` is what a Bridge wants; give it the bridge with `serve` afterwards."""

    def __init__(self, settings: BrokerSettings, bridge_id: str, base_topic: str) -> None:
        self._settings = settings
        self._client_id = settings.client_id or bridge_id
        self._base = base_topic
        self.availability_topic: Final = f"{base_topic}/bridge/{bridge_id}/availability"
        self._main: Link | None = None
        self._by_house: dict[str, Link] = {}
        self._bridge: Bridge | None = None
        self._ending = False

    def say(self, said: Said) -> bool:
        """Hand a message to the connection that it belongs to; False where that is not there."""
        link = self._by_house.get(self._house_of(said.topic), self._main)
        return link is not None and link.publish(said.topic, said.payload, qos=said.qos, retain=said.retain)

    async def serve(self, bridge: Bridge, stop: asyncio.Event) -> None:
        """Hold all connections until `stop`."""
        self._bridge = bridge
        place = f"{self._settings.host}:{self._settings.tcp_port}"
        outage = Outage(place, asyncio.get_running_loop().time)
        for house in sorted(bridge.houses):
            topics = bridge.topics_of(house)
            self._by_house[house] = Link(
                self._settings,
                f"{self._client_id}-{house}",
                next(topic for topic, _ in topics if topic.endswith("/availability")),
                topics,
                on_message=bridge.receive,
                on_up=lambda house=house: bridge.announce(house),  # type: ignore[misc]
                on_news=outage.news,
            )
        self._main = Link(
            self._settings,
            self._client_id,
            self.availability_topic,
            ((self.availability_topic, 1), *bridge.relay_topics),
            on_message=self._receive,
            on_up=self._greet,
            on_news=outage.news,
        )
        links = (self._main, *self._by_house.values())
        async with asyncio.TaskGroup() as group:
            for link in links:
                group.create_task(link.run(stop), name=f"connection {link.client_id}")

    def farewell(self) -> None:
        """The bridge ends: say so on its own topic."""
        self._ending = True
        self.say(Said(self.availability_topic, OFFLINE, 1, True))

    def _house_of(self, topic: str) -> str:
        """The house whose switch a topic belongs to; empty for every other topic."""
        rest = topic.removeprefix(f"{self._base}/switch/")
        return "" if rest == topic else rest.partition("/")[0]

    def _greet(self) -> None:
        self.say(Said(self.availability_topic, ONLINE, 1, True))
        if self._bridge is not None:
            self._bridge.relays_can_be_asked()

    def _receive(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic != self.availability_topic:
            if self._bridge is not None:
                self._bridge.receive(topic, payload, retained)
        elif payload == OFFLINE and not self._ending:
            # A last will of an earlier connection may arrive after our greeting and would stay for ever.
            self._greet()
