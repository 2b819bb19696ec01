"""What waits while the disk cannot be written: events to be recorded late, minutes to be written, state to be kept. All
bounded.

Pure: no disk, no thread, no clock. Not a substitute for the trail: what waits here is lost with the process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from edge_balancer.types.events import SWITCH_EVENTS, Event
from edge_balancer.types.snapshot import MinuteMean, MinuteOfFeeder

MAX_EVENTS: Final = 1000
MAX_MINUTES: Final = 20_000
"""About 6 MB and six hours of 55 houses."""
MAX_FEEDER_MINUTES: Final = 1440


class LateEvents:
    """Events that could not be recorded, in their order. When there are too many, the oldest that tells of no switch
    goes first.
    """

    def __init__(self, limit: int = MAX_EVENTS) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self.lost = 0
        """How many were given up since the last time they could be written."""

    def __len__(self) -> int:
        return len(self._events)

    def add(self, events: Sequence[Event]) -> None:
        for event in events:
            if len(self._events) >= self._limit:
                self._give_one_up()
            self._events.append(event)

    def marked(self) -> list[Event]:
        """The events as they are to be recorded: marked as late, the first one telling how many were lost."""
        late = [msgspec.structs.replace(event, body={**event.body, "late": True}) for event in self._events]
        if late and self.lost:
            late[0] = msgspec.structs.replace(late[0], body={**late[0].body, "lost": self.lost})
        return late

    def clear(self) -> None:
        """They are on disk now."""
        self._events.clear()
        self.lost = 0

    def _give_one_up(self) -> None:
        place = next((n for n, event in enumerate(self._events) if event.kind not in SWITCH_EVENTS), 0)
        del self._events[place]
        self.lost += 1


class WaitingTelemetry:
    """Minutes and state that wait for the next batch. Minutes beyond the bound push out the oldest, which is
    counted.
    """

    def __init__(self, max_minutes: int = MAX_MINUTES, max_feeder_minutes: int = MAX_FEEDER_MINUTES) -> None:
        self._minutes: deque[MinuteMean] = deque(maxlen=max_minutes)
        self._feeder: deque[MinuteOfFeeder] = deque(maxlen=max_feeder_minutes)
        self._state: dict[str, Any] = {}
        self.dropped = 0
        """Minutes given up since the start."""

    def __bool__(self) -> bool:
        return bool(self._minutes or self._feeder or self._state)

    def add(self, minutes: Sequence[MinuteMean], feeder: Sequence[MinuteOfFeeder]) -> None:
        before = len(self._minutes) + len(self._feeder)
        self._minutes.extend(minutes)
        self._feeder.extend(feeder)
        self.dropped += before + len(minutes) + len(feeder) - len(self._minutes) - len(self._feeder)

    def put_state(self, key: str, value: Any) -> None:
        """Only the last value of each key is of use."""
        self._state[key] = value

    def take(self) -> Batch:
        """All that waits; it no longer does."""
        batch = Batch(tuple(self._minutes), tuple(self._feeder), self._state)
        self._minutes.clear()
        self._feeder.clear()
        self._state = {}
        return batch

    def put_back(self, batch: Batch) -> None:
        """A batch that could not be written waits again, before what came meanwhile."""
        newer = self.take()
        self.add(batch.minutes, batch.feeder)
        self.add(newer.minutes, newer.feeder)
        self._state = {**batch.state, **newer.state}


class Batch(msgspec.Struct, frozen=True):
    """Telemetry and state to be written together."""

    minutes: tuple[MinuteMean, ...]
    feeder: tuple[MinuteOfFeeder, ...]
    state: dict[str, Any]
