"""What MQTT relays need of the broker's connection. The service implements it; everything runs in one event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Heard = Callable[[str, bytes, bool], None]
"""Topic, payload, and whether the broker kept it (retained) from an earlier time. Called in the event loop."""


class Bus(Protocol):
    """The connection to the broker."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Send at once. Raises LineDown while there is no connection: nothing is kept to be sent later, because a
        relay command that arrives late is a danger."""
        ...

    def subscribe(self, topic_filter: str, heard: Heard) -> None:
        """From now on, over every reconnection. Messages of one topic keep their order. May be called again for the
        same filter: then each of the functions hears."""
        ...
