"""The last decisions in memory, with what has become of their moves so far. Older ones are read from the store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from edge_balancer.dashboard.api.record_model import DecisionMade
from edge_balancer.dashboard.board import News
from edge_balancer.dashboard.decisions import ENDS, decision_made, outcome_of, record_of, state_of
from edge_balancer.dashboard.stream.model import CommandEvent
from edge_balancer.logs import get_logger
from edge_balancer.types.events import Event, EventKind

_log = get_logger(__name__)

KEPT: Final = 20
_MOST_COMMANDS: Final = 200


class RecentDecisions:
    """Follows decisions and commands as they happen; seeded once with what the store knows."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._commands: OrderedDict[str, tuple[str, list[Event]]] = OrderedDict()
        """Command -> its decision, and its events so far."""

    def seed(self, made: Iterable[tuple[dict[str, Any], Iterable[Iterable[Event]]]]) -> None:
        """Decisions from before, oldest first: their records, and the events of each of their commands."""
        for record, commands in made:
            if record.get("id") in self._records or not _is_shown(record):
                continue
            self._records[str(record["id"])] = record
            for events in commands:
                for event in events:
                    self._follow(event, str(record["id"]))
        self._trim()

    def latest(self) -> list[DecisionMade]:
        """Newest first."""
        return [self._made(name) for name in reversed(self._records)]

    def get(self, name: str) -> DecisionMade | None:
        return self._made(name) if name in self._records else None

    def hear(self, news: News) -> list[DecisionMade]:
        """Decisions that are new, or of which a move has ended."""
        touched = dict.fromkeys(decision.id for decision in news.decisions)
        for decision in news.decisions:
            self._records[decision.id] = record_of(decision)
        for event in news.events:
            decided = str(event.body.get("decision", "")) if event.kind is EventKind.PLANNED else ""
            name = self._follow(event, decided)
            if name and state_of(event) in ENDS:
                touched[name] = None
        self._trim()
        return [self._made(name) for name in touched if name in self._records]

    def _follow(self, event: Event, decision: str) -> str:
        """Keep an event of a command; gives the decision it belongs to, empty where that is not known."""
        if not event.command or state_of(event) is None:
            return ""
        if event.command not in self._commands:
            if not decision:
                return ""
            self._commands[event.command] = (decision, [])
        name, events = self._commands[event.command]
        events.append(event)
        return name

    def _made(self, name: str) -> DecisionMade:
        outcomes = (outcome_of(events) for decided, events in self._commands.values() if decided == name)
        return decision_made(self._records[name], tuple(outcome for outcome in outcomes if outcome is not None))

    def _trim(self) -> None:
        while len(self._records) > KEPT:
            self._records.popitem(last=False)
        while len(self._commands) > _MOST_COMMANDS:
            self._commands.popitem(last=False)


def _is_shown(record: dict[str, Any]) -> bool:
    """A record of another version of this program may be one that cannot be shown; the rest of the page can."""
    try:
        decision_made(record, ())
    except (ValueError, TypeError, KeyError, AttributeError):
        _log.warning("a decision on record cannot be shown", id=str(record.get("id", "")))
        return False
    return True


def command_event(event: Event) -> CommandEvent | None:
    """What the stream says of a command's event; None where it is none."""
    state = state_of(event)
    if state is None:
        return None
    return CommandEvent(event.house, event.command, state, str(event.body.get("reason") or ""), event.wall)
