"""When a condition becomes an alert, and when that is over: one alert per episode, however the value flickers.

Knows nothing of what the conditions mean (`conditions`) or of the channels. All delays run on the monotonic time
handed in; wall time only dates the alert.

A condition is told at a severity once it has been at least that severe for its confirmation time without interruption;
that holds for its beginning and for each rise. It is told to have fallen, and in the end to be over, once it has been
less severe for the clearing time without interruption. Between the limit and the clearing level it neither begins nor
ends. An unknown value (NaN) begins nothing and ends nothing: a meter that died has not mended the voltage.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from edge_balancer.alerts.catalogue import is_latched
from edge_balancer.alerts.texts import texts_of
from edge_balancer.settings.policy import AlertSettings
from edge_balancer.types.events import Alert, AlertState, Severity

MOST_EPISODES: Final = 1000
"""Bound of the book: pending and active episodes. A feeder in disorder has some dozens."""
MOST_OPERATOR_CHARACTERS: Final = 64

_SEVERITIES: Final = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)
_RANK: Final = {severity: rank for rank, severity in enumerate(_SEVERITIES, start=1)}
_GONE: Final = 0


class Side(enum.Enum):
    """On which side of its limit a value is wrong."""

    ABOVE = 1
    BELOW = -1


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that may be wrong, as it stands now. Hand it in at every observation, within its limit or not.

    Without `value` and `limit` the condition holds by being handed in. A `value` of NaN is unknown. It is wrong beyond
    `limit` (at it too, if `inclusive`) and over where its distance from `reference` has shrunk to `clear_ratio` of the
    limit's: for a voltage the reference is nominal, since 90 % of 253 V would be no hysteresis but another fault.
    """

    key: str
    severity: Severity
    text: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    confirm_s: float | None = None
    """The setting's where None."""
    latched: bool = False
    """Once told it stays until `AlertBook.clear`, whatever is observed."""
    side: Side = Side.ABOVE
    inclusive: bool = False
    reference: float = 0.0

    def __post_init__(self) -> None:
        if self.value is None or self.limit is None:
            return
        if (self.limit - self.reference) * self.side.value <= 0.0:
            raise ValueError(
                f"{self.key}: the limit {self.limit:g} must lie {self.side.name} its reference {self.reference:g}"
            )

    @property
    def unknown(self) -> bool:
        return self.value is not None and math.isnan(self.value)

    @property
    def violated(self) -> bool:
        if self.value is None or self.limit is None:
            return True
        beyond = (self.value - self.limit) * self.side.value
        return beyond > 0.0 or (self.inclusive and beyond == 0.0)

    def further_than(self, value: float | None) -> bool:
        """Whether its value lies further on the wrong side than this one."""
        return self.value is not None and (value is None or (self.value - value) * self.side.value > 0.0)

    def worse_than(self, other: Condition) -> bool:
        """Which of two conditions with one key counts: a wrong one, then the more severe, then the further one."""
        mine, its = (self.violated, _RANK[self.severity]), (other.violated, _RANK[other.severity])
        return mine > its or (mine == its and self.further_than(other.value))

    def cleared(self, clear_ratio: float) -> bool:
        """Whether the value is back far enough for the alert to end."""
        if self.value is None or self.limit is None:
            return False
        distance = (self.value - self.reference) * self.side.value
        return distance < clear_ratio * abs(self.limit - self.reference)


def _never() -> list[float | None]:
    return [None] * (len(_SEVERITIES) + 1)


@dataclass(slots=True)
class _Episode:
    """One condition from its first sign to its end. Index `rank` of the lists; index 0 is unused."""

    key: str
    since: float
    """Unix seconds of the first sign."""
    rank: int = _GONE
    """Severity told; 0 while pending."""
    state: AlertState = AlertState.ACTIVE
    latched: bool = False
    peak_rank: int = _GONE
    text: str = ""
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    seen_by: str = ""
    risen_at: list[float | None] = field(default_factory=_never)
    """Since when it has been at least this severe without interruption."""
    fallen_at: list[float | None] = field(default_factory=_never)
    """Since when it has been less severe than this without interruption."""

    @property
    def forgettable(self) -> bool:
        return self.rank == _GONE and not any(at is not None for at in self.risen_at)

    def observe(self, now: float, level: int) -> None:
        for rank in range(1, len(_SEVERITIES) + 1):
            if level >= rank:
                self.fallen_at[rank] = None
                if self.risen_at[rank] is None:
                    self.risen_at[rank] = now
            else:
                self.risen_at[rank] = None
                if self.fallen_at[rank] is None:
                    self.fallen_at[rank] = now

    def observe_unknown(self) -> None:
        for rank in range(1, len(_SEVERITIES) + 1):
            self.risen_at[rank] = self.fallen_at[rank] = None

    def settled_rank(self, now: float, confirm_s: float, clear_s: float) -> int:
        """The severity to tell now: confirmed, or told before and not yet gone for long enough."""
        best = _GONE
        for rank in range(1, len(_SEVERITIES) + 1):
            risen, fallen = self.risen_at[rank], self.fallen_at[rank]
            confirmed = risen is not None and now - risen >= confirm_s
            held = rank <= self.rank and (fallen is None or now - fallen < clear_s)
            if confirmed or held:
                best = rank
        return best

    def remember(self, condition: Condition) -> None:
        """Keep text and value of the condition if they are the worst of this episode."""
        rank = _RANK[condition.severity]
        if rank < self.peak_rank or (rank == self.peak_rank and not condition.further_than(self.value)):
            return
        self.peak_rank, self.text = rank, condition.text
        self.value, self.limit, self.unit = condition.value, condition.limit, condition.unit

    def told(self) -> Alert:
        """The episode as an alert."""
        return Alert(
            self.key,
            _SEVERITIES[self.rank - 1],
            self.state,
            self.since,
            self.text + self.seen_by,
            self.value,
            self.limit,
            self.unit,
        )


class AlertBook:
    """All alerts of one feeder, pending and active."""

    def __init__(self, settings: AlertSettings, restored: Sequence[Alert] = ()) -> None:
        """`restored` are the alerts that stood when the store was left: they are not told again, and end only after
        being observed gone for the clearing time (latched ones only when a person clears them).
        """
        self._settings = settings
        self._texts = texts_of(settings.telling.language)
        self._now = -math.inf
        self._episodes: dict[str, _Episode] = {}
        self.overflow = 0
        """Conditions passed over because the book was full."""
        for alert in restored:
            if alert.state is not AlertState.RESOLVED:
                rank = _RANK[alert.severity]
                self._episodes[alert.key] = _Episode(
                    key=alert.key,
                    since=alert.since,
                    rank=rank,
                    state=alert.state,
                    latched=is_latched(alert.key),
                    peak_rank=rank,
                    text=alert.text,
                    value=alert.value,
                    limit=alert.limit,
                    unit=alert.unit,
                )

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts that stand, by key, with value and text as at their peak so far."""
        return tuple(episode.told() for _, episode in sorted(self._episodes.items()) if episode.rank > _GONE)

    @property
    def open_kinds(self) -> frozenset[str]:
        """The first levels of the keys of all episodes, pending ones too. A condition of another kind that is within
        its limit need not be handed in: it could end nothing.
        """
        return frozenset(key.partition("/")[0] for key in self._episodes)

    def observe(self, now: float, wall: float, conditions: Sequence[Condition]) -> tuple[Alert, ...]:
        """Take all conditions as they stand at `now` (monotonic s; Unix `wall`); give the alerts that changed, by key.

        A change is a new alert, a risen or fallen severity, or the end (state `resolved`). A value that moves within
        an episode is no change. A resolved alert carries the value and text of its peak. A key not handed in is gone.
        Of two conditions with one key the worse counts. Time that goes backwards stands still.
        """
        self._now = now = max(now, self._now)
        current: dict[str, Condition] = {}
        for condition in conditions:
            other = current.get(condition.key)
            if other is None or condition.worse_than(other):
                current[condition.key] = condition
        for key, condition in current.items():
            if key not in self._episodes and not condition.unknown and condition.violated:
                self._open(key, wall)
        changed = [self._step(key, now, current.get(key)) for key in sorted(self._episodes)]
        for key in [key for key, episode in self._episodes.items() if episode.forgettable]:
            del self._episodes[key]
        return tuple(alert for alert in changed if alert is not None)

    def acknowledge(self, key: str, operator: str, wall: float) -> Alert | None:
        """A person has seen the alert: it stands as acknowledged until it is over or rises. None where there is
        nothing to acknowledge (no such alert, or acknowledged before).
        """
        episode = self._episodes.get(key)
        if episode is None or episode.rank == _GONE or episode.state is not AlertState.ACTIVE:
            return None
        who = "".join(c for c in operator if c.isprintable())[:MOST_OPERATOR_CHARACTERS] or "somebody"
        episode.state = AlertState.ACKNOWLEDGED
        when = f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M}"
        episode.seen_by = self._texts.say("acknowledged_by", who=who, when=when)
        return episode.told()

    def clear(self, key: str) -> Alert | None:
        """A person has mended the cause (a locked switch released): the alert is over at once, latched or not. None
        where there is no such alert. If the condition still holds, a new episode begins with the next observation.
        """
        episode = self._episodes.pop(key, None)
        if episode is None or episode.rank == _GONE:
            return None
        episode.state = AlertState.RESOLVED
        return episode.told()

    def _open(self, key: str, wall: float) -> None:
        if len(self._episodes) >= MOST_EPISODES:
            self.overflow += 1
            return
        self._episodes[key] = _Episode(key, wall)

    def _step(self, key: str, now: float, condition: Condition | None) -> Alert | None:
        episode = self._episodes[key]
        if condition is not None and condition.unknown:
            episode.observe_unknown()
            condition = None
        else:
            episode.observe(now, self._level(episode, condition))
        if condition is not None and condition.violated:
            episode.remember(condition)
        confirm_s = (
            self._settings.confirm_s if condition is None or condition.confirm_s is None else condition.confirm_s
        )
        rank = episode.settled_rank(now, confirm_s, self._settings.clear_s)
        if condition is not None and condition.latched and rank > _GONE:
            episode.latched = True
        if rank == episode.rank:
            return None
        if rank == _GONE:
            del self._episodes[key]
            episode.state = AlertState.RESOLVED
            return episode.told()
        if rank > episode.rank:
            # What was acknowledged, if anything, was less than this.
            episode.state, episode.seen_by = AlertState.ACTIVE, ""
        episode.rank = rank
        return episode.told()

    def _level(self, episode: _Episode, condition: Condition | None) -> int:
        """How severe the condition is at this observation, as the episode must take it."""
        if condition is not None and condition.violated:
            level = _RANK[condition.severity]
        elif condition is not None and not condition.cleared(self._settings.clear_ratio):
            level = min(episode.rank, _RANK[condition.severity])
        else:
            level = _GONE
        return max(level, episode.rank) if episode.latched else level
