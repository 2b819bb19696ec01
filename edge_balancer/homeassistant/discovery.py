"""What stands on Home Assistant's discovery topics, and when it is said again or taken back.

Pure: the daemon hands in what it hears and the time, and publishes what `due` gives, all of it retained.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from edge_balancer import __version__
from edge_balancer.homeassistant.entities import Device, DeviceMessage, Origin, payload
from edge_balancer.homeassistant.feeder import feeder_entities
from edge_balancer.homeassistant.houses import house_entities
from edge_balancer.homeassistant.names import node_of, slug
from edge_balancer.settings.root import Configuration
from edge_balancer.wire import Topics

AT_ONCE: Final = 40
"""Messages in one turn of the control cycle: a feeder of a thousand houses is announced without holding it up."""
AGAIN_AFTER_S: Final = 10.0
"""Home Assistant's `online` is heeded this often: whoever says it all the time must not keep us busy."""
MOST_WAITING: Final = 5000
"""Foreign messages under our own topics are taken back too, at most so many at one connection."""
_FEEDER: Final = "feeder"


def discovery_messages(config: Configuration, topics: Topics, alert_titles: Mapping[str, str]) -> dict[str, bytes]:
    """Topic -> payload of everything that is announced while `homeassistant.enabled`."""
    node = node_of(config)
    origin = Origin("edge-balancer", __version__)
    feeder = Device((node,), f"Feeder {config.feeder.id}", "edge-balancer", "Phase balancer", sw_version=__version__)
    devices = {_FEEDER: DeviceMessage(feeder, origin, feeder_entities(config, topics, node, alert_titles))}
    for house in config.houses:
        if house.movable:
            unique = f"{node}_house_{slug(house.id)}"
            device = Device((unique,), f"House {house.id}", "edge-balancer", "Phase switch", via_device=node)
            entities = house_entities(house.id, topics, unique)
            devices[f"house_{slug(house.id)}"] = DeviceMessage(device, origin, entities)
    prefix = _prefix(config)
    return {f"{prefix}{name}/config": payload(message) for name, message in devices.items()}


def _prefix(config: Configuration) -> str:
    return f"{config.homeassistant.prefix}/device/{node_of(config)}/"


class Announcer:
    """One controller's announcements over all its connections."""

    def __init__(self, config: Configuration, topics: Topics, alert_titles: Mapping[str, str]) -> None:
        self._enabled = config.homeassistant.enabled
        self._status = config.homeassistant.status_topic
        self._prefix = _prefix(config)
        self._standing = discovery_messages(config, topics, alert_titles) if self._enabled else {}
        self._queue: dict[str, None] = {}
        self._again_at: float | None = None
        self._announced_at: float | None = None

    @property
    def subscriptions(self) -> list[tuple[str, int]]:
        """Our own topics also while switched off: what was announced before is taken back."""
        own = [(f"{self._prefix}+/config", 0)]
        return [*own, (self._status, 0)] if self._enabled else own

    def connected(self, now: float) -> None:
        """A new connection: everything is announced. `now` in monotonic s."""
        self._announce(now)

    def message(self, topic: str, payload: bytes, retained: bool, now: float) -> bool:
        """Hear one message. False where it is none of ours."""
        if topic.startswith(self._prefix):
            # Not retained, it is the echo of what we said ourselves.
            if retained and payload and topic not in self._standing and len(self._queue) < MOST_WAITING:
                self._queue[topic] = None
            return True
        if topic == self._status and self._enabled:
            if payload == b"online":
                last = self._announced_at
                self._again_at = now if last is None else max(now, last + AGAIN_AFTER_S)
            return True
        return False

    def due(self, now: float) -> list[tuple[str, bytes]]:
        """What is to be published now, retained and with QoS 1; an empty payload takes a device back."""
        if self._again_at is not None and now >= self._again_at:
            self._announce(now)
        turn = list(islice(self._queue, AT_ONCE))
        for topic in turn:
            del self._queue[topic]
        return [(topic, self._standing.get(topic, b"")) for topic in turn]

    def _announce(self, now: float) -> None:
        self._again_at = None
        self._announced_at = now
        self._queue = dict.fromkeys((*self._standing, *self._queue))
