"""What goes out to the broker and comes in from it, for parts that do not know the connection.

The connection itself is whoever's the bridge runs with: the controller's, or those of `links`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_bridge.errors import LineDown
from firmware_bridge.switches.bus import Heard


@dataclass(frozen=True, slots=True)
class Said:
    """One message to the broker."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


Say = Callable[[Said], "bool | None"]
"""Hands a message to the connection. False where there is none: it must not be sent later."""


class RelayBus:
    """A `Bus` for relays that speak MQTT, over the bridge's own way out and in."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._heard: dict[str, list[Heard]] = {}

    @property
    def filters(self) -> tuple[str, ...]:
        return tuple(self._heard)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        if self._say(Said(topic, payload, qos, retain)) is False:
            raise LineDown("there is no connection to the broker")

    def subscribe(self, topic_filter: str, heard: Heard) -> None:
        self._heard.setdefault(topic_filter, []).append(heard)

    def receive(self, topic: str, payload: bytes, retained: bool) -> bool:
        """Hand a message to who asked for its topic; False where nobody did."""
        found = [heard for wanted, each in self._heard.items() if matches(wanted, topic) for heard in each]
        for heard in found:
            heard(topic, payload, retained)
        return bool(found)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic is one of those that the filter names (MQTT 3.1.1, 4.7)."""
    if topic_filter == topic:
        return True
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
