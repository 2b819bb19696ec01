"""How much of what one source says is read: so many messages a second, and the rest is counted and left. One that says
too much can then neither keep the controller busy nor take the place of another's.

A source is one meter or one switch with all of its topics, or one topic of orders (`speakers`). The requests of all
houses together have a budget besides, and so have all releases; nothing else pays into these, so that no flood of them
keeps anybody from setting the mode. What is over is not even decoded: `admit` is asked before, for every message of
QoS 0 (`firmware_bridge.host.inflow`), and all that the controller hears it hears at QoS 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from edge_balancer.settings.root import Configuration
from edge_balancer.telemetry.speakers import Source, Voice
from edge_balancer.types.floods import Flood

WINDOW_S: Final = 1.0
RECENT_S: Final = 3.0
"""A source that was over its budget within this time is so at present: a flood that stutters is one flood."""
MOST_TOPICS: Final = 8192
"""Topics whose source is remembered; beyond it they are looked up anew."""
REQUESTS_TOGETHER: Final = 100
"""Requests of all houses together, a second, however many houses there are: each is decided upon, which costs up to a
millisecond of a PC."""
LEAST_TOGETHER: Final = 100
"""Releases of all houses together, a second. Only one of a house that is locked out costs anything."""
OWN: Final = 1000
OWN_WINDOW_S: Final = 10.0
"""What stands retained in our own name comes back at once with each connection: as many as alerts may stand. Later
little does."""
_TOGETHER: Final = {
    Voice.REQUEST: Source("", "the requests of all houses together", Voice.REQUEST),
    Voice.CLEAR: Source("", "the releases of all houses together", Voice.CLEAR),
}


class Rates(msgspec.Struct, frozen=True):
    """Messages a second that are read of one source, by its voice."""

    device: int
    order: int
    """On one topic of orders."""
    requests: int
    """Those of all houses together."""
    clears: int
    """Releases of all houses together; acknowledgements are half as many."""

    @staticmethod
    def of(config: Configuration) -> Rates:
        """Who releases every house of a feeder at once is no flood: twice as many releases as houses always fit. Who
        asks for a move of every house at once is one: the guard would refuse nearly all of them."""
        telemetry = config.telemetry
        most = 2 * telemetry.orders_per_second
        requests, clears = max(REQUESTS_TOGETHER, most), max(LEAST_TOGETHER, most, 2 * len(config.houses))
        return Rates(telemetry.messages_per_second, telemetry.orders_per_second, requests, clears)

    def most(self, voice: Voice) -> tuple[int, float]:
        """How many messages of one source are read, and within how many seconds."""
        match voice:
            case Voice.DEVICE:
                return self.device, WINDOW_S
            case Voice.ORDER | Voice.REQUEST | Voice.CLEAR:
                return self.order, WINDOW_S
            case Voice.ACKS:
                return self.clears // 2, WINDOW_S
            case Voice.OWN:
                return OWN, OWN_WINDOW_S


class _Tally:
    """What one source has said in the present window, or in the last one in which it spoke."""

    __slots__ = ("heard", "most", "over_at", "per_s", "since", "source", "together", "unread", "window_s")

    def __init__(self, source: Source, most: tuple[int, float], together: _Tally | None, now: float) -> None:
        """`most`: messages, and within how many seconds; `together`: a tally on which its messages count too."""
        self.source = source
        self.most, self.window_s = most
        self.together = together
        self.since = now
        self.heard = 0
        self.per_s = 0.0
        self.over_at = now
        self.unread = 0


class Budgets:
    """One account for each source. `clock` gives monotonic seconds; it is asked only by a source that is over, or
    seems to be."""

    def __init__(self, source_of: Callable[[str], Source], rates: Rates, clock: Callable[[], float]) -> None:
        """`source_of` tells who speaks on a topic; it must know finitely many sources."""
        self._source_of = source_of
        self._rates = rates
        self._clock = clock
        most = {Voice.REQUEST: rates.requests, Voice.CLEAR: rates.clears}
        self._together = {
            voice: _Tally(source, (most[voice], WINDOW_S), None, clock()) for voice, source in _TOGETHER.items()
        }
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
        if tally.heard > tally.most and not self._begins_anew(tally):
            return False
        together = tally.together
        if together is None:
            return True
        together.heard += 1
        return together.heard <= together.most or self._begins_anew(together)

    def _begins_anew(self, tally: _Tally) -> bool:
        """Whether its window is over, so that the message is the first of a new one; else it is left."""
        now = self._clock()
        passed_s = now - tally.since
        if passed_s >= tally.window_s:
            # Up to here what was said is spread over the window or more: a slow source's was over hours.
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
                # The first window of a flood is not over yet.
                max(tally.per_s, tally.heard / tally.window_s),
                int(tally.most / tally.window_s),
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
            together = self._together.get(source.voice)
            tally = _Tally(source, self._rates.most(source.voice), together, self._clock())
            self._tallies[source] = tally
        if len(self._by_topic) >= MOST_TOPICS:
            self._by_topic.clear()
        self._by_topic[topic] = tally
        return tally
