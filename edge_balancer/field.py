"""The bridge inside this daemon: serial lines, meters and phase switches that this machine serves itself.

What it says goes the same way as what the broker brings, and to the broker too, for everybody else. Commands for its
switches reach it directly once the broker has taken them too: nothing is switched that nobody can see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from edge_balancer.clock import Clock
from edge_balancer.settings.root import Configuration
from edge_balancer.telemetry.intake import Intake
from edge_balancer.telemetry.mqtt_link import MqttLink

if TYPE_CHECKING:
    import asyncio

    from firmware_bridge.service.bus import Said
    from firmware_bridge.service.diagnostics import BridgeDiagnostics


_COMMAND: Final = "/set"


class Field:
    """The field side of one daemon. `wake` is called when something has come in."""

    def __init__(
        self, config: Configuration, clock: Clock, intake: Intake, link: MqttLink, wake: Callable[[], None]
    ) -> None:
        """Raises BridgeError for a configuration that cannot be served; `check` tells it all beforehand."""
        # A feeder whose devices all speak MQTT does not pay for it.
        from firmware_bridge.service.bridge import Bridge

        self._clock = clock
        self._intake = intake
        self._link = link
        self._wake = wake
        self._bridge = Bridge(
            config.bridge,
            config.base_topic,
            clock,
            self._said,
            may_feed_in={house.id for house in config.houses if house.pv_w > 0.0},
            state=config.bridge.state,
        )

    @property
    def houses(self) -> frozenset[str]:
        """The houses whose phase switches are served here."""
        return self._bridge.houses

    @property
    def subscriptions(self) -> tuple[tuple[str, int], ...]:
        """What its relays say over MQTT. Its switches obey this controller alone, so nobody's commands are heard."""
        return self._bridge.relay_topics

    def command(self, topic: str, payload: bytes) -> None:
        """Hand a command of this controller to its switch."""
        self._bridge.receive(topic, payload, False)

    def message(self, topic: str, payload: bytes, retained: bool) -> bool:
        """Show it a message of the broker: what a relay says, or what stands retained in its switches' names.

        True where it was for nobody else.
        """
        return not topic.endswith(_COMMAND) and self._bridge.receive(topic, payload, retained)

    def announce(self) -> None:
        """Say again where the switches stand: the broker may have forgotten it."""
        self._bridge.announce()

    def diagnostics(self) -> BridgeDiagnostics:
        return self._bridge.diagnostics()

    async def run(self, stop: asyncio.Event) -> None:
        await self._bridge.run(stop)

    def _said(self, said: Said) -> bool:
        self._link.publish(said.topic, said.payload, qos=said.qos, retain=said.retain)
        clock = self._clock
        self._intake.local(said.topic, said.payload, clock.monotonic(), clock.wall(), clock.synced())
        self._wake()
        return True


def field_of(
    config: Configuration, clock: Clock, intake: Intake, link: MqttLink, wake: Callable[[], None]
) -> Field | None:
    """The field side, where the configuration has lines or relays of its own."""
    if not config.bridge.lines and not config.bridge.relays:
        return None
    return Field(config, clock, intake, link, wake)
