"""Our side of the MQTT contract: topics and payloads of what the controller publishes. What it reads is in
`telemetry`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from edge_balancer.settings.root import Configuration
from edge_balancer.types.decisions import Decision
from edge_balancer.types.events import Alert, AlertState, Severity
from edge_balancer.types.snapshot import FeederState
from edge_balancer.types.switching import Command, ModeRequest
from edge_balancer.types.tojson import to_json
from firmware_bridge.contract import SetCommand
from firmware_bridge.signature import parse_keys, sign

_encode = msgspec.json.Encoder().encode


class Topics:
    """Where things are published, for one configuration."""

    def __init__(self, config: Configuration) -> None:
        base = config.base_topic
        self.availability = f"{base}/availability"
        self.phases = f"{base}/phases"
        self.decision = f"{base}/decision"
        self.mode = f"{base}/mode"
        self.mode_set = f"{base}/mode/set"
        self.alerts = f"{base}/alerts"
        self.diagnostics = f"{base}/diagnostics"
        self._base = base
        self._switch = {h.id: h.switch_topic or f"{base}/switch/{h.id}" for h in config.houses}

    def command(self, house: str) -> str:
        return f"{self._switch[house]}/set"

    def switch_state(self, house: str) -> str:
        return f"{self._switch[house]}/state"

    def switch_availability(self, house: str) -> str:
        return f"{self._switch[house]}/availability"

    def alert(self, key: str) -> str:
        return f"{self._base}/alert/{key}"

    def alert_key(self, topic: str) -> str:
        """The key of the alert that stands on a topic; empty where none does."""
        prefix = self.alert("")
        return topic[len(prefix) :] if topic.startswith(prefix) and not topic.endswith("/ack") else ""


class CommandWriter:
    """`B/switch/<house>/set`, never retained; signed with the first of `bridge.command_keys` where there is one."""

    def __init__(self, config: Configuration) -> None:
        """Raises ValueError for a key that is too short."""
        keys = parse_keys(config.bridge.command_keys.get_secret_value())
        self._key = keys[0] if keys else b""
        self._base = config.base_topic

    def payload(self, command: Command) -> bytes:
        wire = SetCommand(
            id=command.id,
            seq=command.seq,
            phase=command.phase.name,
            origin=command.origin.name,
            issued=command.issued,
            expires=command.expires,
        )
        if self._key:
            wire = msgspec.structs.replace(wire, mac=sign(self._key, self._base, command.house, wire))
        return _encode(wire)


def phases_payload(feeder: FeederState) -> bytes:
    """`B/phases`: the feeder at this tick."""
    return _encode(feeder)


def decision_payload(decision: Decision) -> bytes:
    """`B/decision`: the moves and the whole explanation."""
    return _encode(to_json(decision))


def alert_payload(alert: Alert) -> bytes:
    """`B/alert/<key>`, retained; empty when it is over, which takes it off the broker."""
    if alert.state is AlertState.RESOLVED:
        return b""
    plain: dict[str, Any] = to_json(alert)
    del plain["key"]
    return _encode(plain)


def alerts_payload(alerts: Iterable[Alert]) -> bytes:
    """`B/alerts`, retained: what stands, by kind, with the houses or phases that it is about. Unlike the topics of
    single alerts it says also that nothing is wrong."""
    standing = [alert for alert in alerts if alert.state is not AlertState.RESOLVED]
    kinds: dict[str, list[str]] = {}
    for alert in sorted(standing, key=lambda each: each.key):
        kind, _, subject = alert.key.partition("/")
        kinds.setdefault(kind, []).extend([subject] if subject else [])
    gravest = max((list(Severity).index(alert.severity) for alert in standing), default=None)
    severity = None if gravest is None else str(list(Severity)[gravest])
    return _encode({"count": len(standing), "severity": severity, "kinds": kinds})


def mode_payload(mode: ModeRequest) -> bytes:
    """`B/mode`, retained: the mode in force and who set it."""
    return _encode({"mode": str(mode.mode), "by": mode.by})
