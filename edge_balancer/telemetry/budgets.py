"""How much of what one source says is read: so many messages a second, and the rest is counted and left. One that says
too much can then neither keep the controller busy nor take the place of another's.

A source is one meter or one switch with all of its topics (`routes`). What is over is not even decoded: `admit` is
asked before, for every message of QoS 0 (`firmware_bridge.host.inflow`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from edge_balancer.types.floods import Flood

WINDOW_S: Final = 1.0
RECENT_S: Final = 3.0
"""A source that was over its budget within this time is so at present: a flood that stutters is one flood."""
MOST_TOPICS: Final = 8192
"""Topics whose source is remembered; beyond it they are looked up anew."""


class Source(msgspec.Struct, frozen=True):
    """Who speaks. `house` is empty where it is nobody's in particular."""

    house: str
    topic: str


class _Tally:
    """What one source has said in the present second, or in the last one in which it spoke."""

    __slots__ = ("heard", "over_at", "per_s", "since", "source", "unread")

    def __init__(self, source: Source, now: float) -> None:
        self.source = source
        self.since = now
        self.heard = 0
        self.per_s = 0.0
        self.over_at = now
        self.unread = 0


class Budgets:
    """One account for each source. `clock` gives monotonic seconds; it is asked only by a source that is over, or
    seems to be."""

    def __init__(self, source_of: Callable[[str], Source], most_per_s: int, clock: Callable[[], float]) -> None:
        """`source_of` tells who speaks on a topic; it must know finitely many sources."""
        self._source_of = source_of
        self._most = most_per_s
        self._clock = clock
        self._tallies: dict[Source, _Tally] = {}
        self._by_topic: dict[bytes, _Tally] = {}
        self._over: dict[Source, _Tally] = {}
        self.unread = 0
        """Messages left unread since the start."""

    def admit(self, topic: bytes) -> bool:
        """Whether the next message on this topic is read. Called for each message as it comes."""
        tally = self._by_topic.get(topic)
        if tally is None:
            tally = self._meet(topic)
        tally.heard += 1
        if tally.heard <= self._most:
            return True
        return self._is_over(tally)

    def _is_over(self, tally: _Tally) -> bool:
        now = self._clock()
        passed_s = now - tally.since
        if passed_s >= WINDOW_S:
            # Up to here what was said is spread over a second or more: a slow source's was over hours.
            tally.per_s = (tally.heard - 1) / passed_s
            tally.since, tally.heard = now, 1
            return True
        tally.over_at = now
        tally.unread += 1
        self.unread += 1
        self._over[tally.source] = tally
        return False

    def floods(self, now: float) -> tuple[Flood, ...]:
        """Who is over its budget at present. `now` by the same clock."""
        return tuple(
            Flood(
                tally.source.house,
                tally.source.topic,
                # The first second of a flood is not over yet.
                max(tally.per_s, float(tally.heard)),
                self._most,
                tally.unread,
            )
            for tally in self._over.values()
            if now - tally.over_at <= RECENT_S
        )

    def left_unread(self) -> dict[Source, int]:
        """By source, since the start; those of whom everything was read are left out."""
        return {source: tally.unread for source, tally in self._over.items()}

    def _meet(self, topic: bytes) -> _Tally:
        source = self._source_of(topic.decode("utf-8", "replace"))
        tally = self._tallies.get(source)
        if tally is None:
            tally = self._tallies[source] = _Tally(source, self._clock())
        if len(self._by_topic) >= MOST_TOPICS:
            self._by_topic.clear()
        self._by_topic[topic] = tally
        return tally
