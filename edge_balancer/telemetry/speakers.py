"""Who speaks on a topic: a meter, a switch, people, the controller itself. For the budgets of messages (`budgets`);
where a topic leads is `routes`.

Finitely many sources for all topics that somebody may invent.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Final

import msgspec

from edge_balancer.homeassistant.names import node_of
from edge_balancer.settings.houses import MeterSource
from edge_balancer.settings.root import Configuration
from edge_balancer.types.readings import TRANSFORMER

_REPORTS: Final = ("state", "availability")


class Voice(enum.Enum):
    """What kind of thing is said, and so how much of it is read."""

    DEVICE = "device"
    """A meter, a switch, or strangers in their place."""
    ORDER = "order"
    """What people wish of the feeder, on one topic: the mode, a silence."""
    REQUEST = "request"
    """Requests to move one house."""
    CLEAR = "clear"
    """Releases of one house."""
    ACKS = "acks"
    """Acknowledgements, of whatever alert: a message to many people is acknowledged at one time."""
    OWN = "own"
    """Our own words, that come back to us."""


class Source(msgspec.Struct, frozen=True):
    """Who speaks. `house` is empty where it is nobody's in particular."""

    house: str
    topic: str
    voice: Voice = Voice.DEVICE


class Speakers:
    """All that may speak, for one configuration."""

    def __init__(self, config: Configuration) -> None:
        base = config.base_topic
        home = config.homeassistant
        self._base = f"{base}/"
        self._exact: dict[str, Source] = {
            topic: Source("", topic, Voice.ORDER)
            for topic in (f"{base}/mode/set", f"{base}/silence/set", home.status_topic)
        }
        self._exact[f"{base}/availability"] = Source("", f"{base}/availability")
        self._acks = Source("", f"{base}/alert/.../ack", Voice.ACKS)
        self._alerts = Source("", f"{base}/alert/...", Voice.OWN)
        self._discovery = f"{home.prefix}/device/{node_of(config)}/"
        self._mapped: dict[str, Source] = {}
        for house in config.houses:
            contract = f"{base}/switch/{house.id}"
            prefix = house.switch_topic or contract
            reports = Source(house.id, f"{prefix}/...")
            self._exact |= dict.fromkeys((f"{prefix}/{leaf}" for leaf in _REPORTS), reports)
            for voice in (Voice.REQUEST, Voice.CLEAR):
                topic = f"{contract}/{voice.value}"
                self._exact[topic] = Source("", topic, voice)
        for name, sources in _metered(config):
            topic = f"{base}/meter/{name}"
            if not sources:
                self._exact[topic] = Source(name, topic)
            for source in sources:
                mapped = source.topic.rstrip("/")
                # A device shared by several houses goes on the account of the first.
                self._mapped.setdefault(mapped, Source(name, mapped))

    def of(self, topic: str) -> Source:
        known = self._exact.get(topic)
        if known is not None:
            return known
        end = len(topic)
        while end > 0:
            if mapped := self._mapped.get(topic[:end]):
                return mapped
            end = topic.rfind("/", 0, end)
        if topic.startswith(self._discovery):
            return Source("", f"{self._discovery}...", Voice.OWN)
        if topic.startswith(self._base):
            family = topic.removeprefix(self._base).partition("/")[0]
            if family == "alert":
                return self._acks if topic.endswith("/ack") else self._alerts
            return Source("", f"{self._base}{family}/...")
        # Subscribed to by its name alone: nobody can invent another.
        return Source("", topic)


def _metered(config: Configuration) -> Iterator[tuple[str, tuple[MeterSource, ...]]]:
    yield from ((house.id, house.meters) for house in config.houses)
    yield TRANSFORMER, config.transformer_meters
