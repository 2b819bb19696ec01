"""Which alerts follow from which: a dead gateway is one fault, not fifty-five. Pure tables and one question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from edge_balancer.alerts.catalogue import AlertKind
from edge_balancer.alerts.telling.state import Episode

_METERS: Final = frozenset({AlertKind.METER_SILENT, AlertKind.SWITCH_POSITION, AlertKind.TRANSFORMER_SILENT})
_DARK: Final = frozenset({AlertKind.STALE_METERS, AlertKind.VOLTAGE_LOW, AlertKind.VOLTAGE_EXTREME_LOW})

CONSEQUENCES: Final[Mapping[str, frozenset[str]]] = {
    AlertKind.BROKER_LOST: _METERS | {AlertKind.STALE_METERS},
    AlertKind.SUPPLY_LOST: _METERS | _DARK,
    AlertKind.STALE_METERS: _METERS,
    AlertKind.SWITCHING_HALTED: frozenset({AlertKind.SWITCH_LOCKED}),
    AlertKind.VOLTAGE_EXTREME_HIGH: frozenset({AlertKind.VOLTAGE_HIGH}),
    AlertKind.VOLTAGE_EXTREME_LOW: frozenset({AlertKind.VOLTAGE_LOW}),
}
"""Kind of the cause -> kinds that follow from it."""
_SAME_SUBJECT: Final = frozenset({AlertKind.VOLTAGE_EXTREME_HIGH, AlertKind.VOLTAGE_EXTREME_LOW})

NEAR_S: Final = 900.0
"""What began this much earlier than its cause may still follow from it, and what stands this long after its end does no
longer."""


def causes_of(episode: Episode, others: Iterable[Episode], at: float) -> list[Episode]:
    """The episodes from which this one follows at telling's time `at`. `others` need only be those that may be causes
    (`is_cause`)."""
    return [other for other in others if _follows(episode, other, at)]


def is_cause(episode: Episode) -> bool:
    return episode.kind in CONSEQUENCES


def _follows(episode: Episode, cause: Episode, at: float) -> bool:
    if episode.kind not in CONSEQUENCES[cause.kind] or episode is cause:
        return False
    if cause.kind in _SAME_SUBJECT and cause.subject != episode.subject:
        return False
    lately = cause.over_at is None or at - cause.over_at < NEAR_S
    return lately and episode.since >= cause.since - NEAR_S
