"""What stands on the broker in this controller's name: the mode, the alerts, Home Assistant's announcements.

Said when it changes, said again over every new connection, and taken back when it is over. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge_balancer.homeassistant.discovery import Announcer
from edge_balancer.logs import get_logger
from edge_balancer.telemetry.mqtt_link import MqttLink
from edge_balancer.types.decisions import Trigger
from edge_balancer.types.events import Alert, AlertState
from edge_balancer.types.ports import Outputs
from edge_balancer.types.switching import ModeRequest
from edge_balancer.wire import Topics, alert_payload, alerts_payload, decision_payload, mode_payload

MOST_OVER: Final = 1000

_log = get_logger(__name__)


class Standing:
    """One controller's word over all its connections."""

    def __init__(self, link: MqttLink, topics: Topics, announcer: Announcer) -> None:
        self._link = link
        self._topics = topics
        self._announcer = announcer
        self._mode: ModeRequest | None = None
        self.alerts: dict[str, Alert] = {}
        """What stands, by key: one table for all who look."""
        self._over: dict[str, None] = {}
        """Topics to be taken back as soon as we can speak."""

    def tell(self, outputs: Outputs, now: float) -> None:
        """Say what a turn of control has changed. `now` in monotonic s."""
        publish, topics = self._link.publish, self._topics
        for decision in outputs.decisions:
            publish(topics.decision, decision_payload(decision), qos=1, retain=False)
            # Whoever asks and asks in vain must not fill the journal either.
            log = _log.debug if decision.trigger is Trigger.REQUEST and not decision.commanded else _log.info
            log("decision", text=decision.text, commanded=decision.commanded)
        if outputs.mode is not None:
            self._mode = outputs.mode
            publish(topics.mode, mode_payload(outputs.mode), qos=1, retain=True)
        self._tell_alerts(outputs.alerts)
        if self._link.speaks:
            for topic, payload in self._announcer.due(now):
                publish(topic, payload, qos=1, retain=True)

    def tell_anew(self, now: float) -> None:
        """A new connection: a broker that lost its memory must show again what is true."""
        publish, topics = self._link.publish, self._topics
        if self._mode is not None:
            publish(topics.mode, mode_payload(self._mode), qos=1, retain=True)
        for alert in self.alerts.values():
            publish(topics.alert(alert.key), alert_payload(alert), qos=1, retain=True)
        publish(topics.alerts, alerts_payload(self.alerts.values()), qos=1, retain=True)
        over, self._over = self._over, {}
        for topic in over:
            self.take_back(topic)
        self._announcer.connected(now)

    def take_back(self, topic: str) -> None:
        """An alert that ended while the broker was away, or under a store that is gone, would stand there for ever.
        `topic`: where something was found retained."""
        key = self._topics.alert_key(topic)
        if key and key not in self.alerts:
            if self._link.publish(topic, b"", qos=1, retain=True):
                _log.info("an alert that is over is taken off the broker", key=key)
            elif len(self._over) < MOST_OVER:
                # Heard over one connection, before the one that speaks has come up.
                self._over[topic] = None

    def _tell_alerts(self, changed: Sequence[Alert]) -> None:
        publish, topics = self._link.publish, self._topics
        for alert in changed:
            over = alert.state is AlertState.RESOLVED
            if over:
                self.alerts.pop(alert.key, None)
            else:
                self.alerts[alert.key] = alert
            publish(topics.alert(alert.key), alert_payload(alert), qos=1, retain=True)
            log = _log.info if over else _log.warning
            log("alert", key=alert.key, state=str(alert.state), severity=str(alert.severity), text=alert.text)
        if changed:
            publish(topics.alerts, alerts_payload(self.alerts.values()), qos=1, retain=True)
