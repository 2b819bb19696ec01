"""What an onlooker knows: the controller's messages as any MQTT user gets them, and the twin's truth. Pure state.

`wire` feeds it, `live` and `lines` show it. Messages that cannot be read are counted and otherwise ignored: an onlooker
must not fall over what it looks at.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge_balancer.twin.feeder import Truth
from edge_balancer.types.snapshot import FeederState

HISTORY_STEP_S: Final = 300.0
HISTORY_STEPS: Final = 60
_KEPT_NOTES: Final = 50


class _DecisionSeen(msgspec.Struct, frozen=True):
    text: str = ""
    commanded: bool = True


class _AlertSeen(msgspec.Struct, frozen=True):
    text: str = ""
    severity: str = ""
    state: str = "active"
    since: float | str = 0.0


class _StateSeen(msgspec.Struct, frozen=True):
    phase: str | None = None
    id: str = ""
    result: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened, for the list of last moves: when (Unix seconds), and what."""

    wall: float
    kind: str
    """`move`, `failure`, `alert` or `cleared`."""
    text: str


@dataclass(slots=True)
class _Interval:
    """Sums over one step of the history."""

    balanced_a: float = 0.0
    without_a: float = 0.0
    looks: int = 0


@dataclass(slots=True)
class Watch:
    """The picture as it stands. `base` is the base topic."""

    base: str
    feeder: FeederState | None = None
    truth: Truth | None = None
    online: bool = False
    decisions: int = 0
    failures: int = 0
    refusals: int = 0
    unread: int = 0
    alerts: dict[str, str] = field(default_factory=dict)
    """Alerts that stand, by key."""
    alert_texts: list[str] = field(default_factory=list)
    """All alerts that were raised."""
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=_KEPT_NOTES))
    noted: int = 0
    """How many notes there have been."""
    positions: dict[str, str | None] = field(default_factory=dict)
    balanced_a: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_STEPS))
    without_a: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_STEPS))
    _interval: _Interval = field(default_factory=_Interval)
    _interval_end: float = 0.0
    _episodes: dict[str, float | str] = field(default_factory=dict)

    def see(self, truth: Truth) -> None:
        """A look at the twin."""
        self.truth = truth
        if truth.wall >= self._interval_end:
            if self._interval.looks:
                self.balanced_a.append(self._interval.balanced_a / self._interval.looks)
                self.without_a.append(self._interval.without_a / self._interval.looks)
            self._interval = _Interval()
            self._interval_end = (truth.wall // HISTORY_STEP_S + 1.0) * HISTORY_STEP_S
        self._interval.balanced_a += truth.neutral_a
        self._interval.without_a += truth.neutral_without_a
        self._interval.looks += 1

    def hear(self, topic: str, payload: bytes, wall: float) -> None:
        """A message; `wall` is the simulated time of its arrival."""
        parts = topic.removeprefix(f"{self.base}/").split("/")
        try:
            match parts:
                case ["phases"]:
                    self.feeder = _decode_feeder(payload)
                    self.online = True
                case ["decision"]:
                    self._hear_decision(_decode_decision(payload), wall)
                case ["alert", *key]:
                    self._hear_alert("/".join(key), payload, wall)
                case ["switch", house, "state"]:
                    self._hear_state(house, _decode_state(payload), wall)
                case _:
                    pass
        except msgspec.DecodeError:
            self.unread += 1

    def _note(self, wall: float, kind: str, text: str) -> None:
        self.notes.append(Note(wall, kind, text))
        self.noted += 1

    def _hear_decision(self, decision: _DecisionSeen, wall: float) -> None:
        self.decisions += 1
        prefix = "" if decision.commanded else "(advice) "
        self._note(wall, "move", prefix + (decision.text or "a decision without an explanation"))

    def _hear_alert(self, key: str, payload: bytes, wall: float) -> None:
        if not payload:
            text = self.alerts.pop(key, "")
            self._episodes.pop(key, None)
            if text:
                self._note(wall, "cleared", text)
            return
        alert = _decode_alert(payload)
        self.alerts[key] = alert.text
        # An alert is published again when its value changes or someone acknowledges it: that is the same episode.
        if self._episodes.get(key) != alert.since:
            self._episodes[key] = alert.since
            self.alert_texts.append(alert.text)
            self._note(wall, "alert", alert.text)

    def _hear_state(self, house: str, state: _StateSeen, wall: float) -> None:
        self.positions[house] = state.phase
        if state.result == "failed":
            self.failures += 1
            self._note(wall, "failure", f"{house}: the switch failed: {state.reason}")
        elif state.result == "rejected":
            self.refusals += 1
            self._note(wall, "failure", f"{house}: the switch refused: {state.reason}")


_decode_feeder: Final = msgspec.json.Decoder(FeederState).decode
_decode_decision: Final = msgspec.json.Decoder(_DecisionSeen).decode
_decode_alert: Final = msgspec.json.Decoder(_AlertSeen).decode
_decode_state: Final = msgspec.json.Decoder(_StateSeen).decode
