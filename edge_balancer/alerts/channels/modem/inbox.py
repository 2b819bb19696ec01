"""SMS that came in, put together from their parts. Pure; reading them off the modem is the channel's work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from edge_balancer.alerts.channels.channel import Received
from edge_balancer.alerts.channels.gsm_pdu import Deliver

_MOST_WAITING: Final = 50
WAIT_S: Final = 86_400.0
"""Parts that are missing after a day do not come."""


@dataclass(slots=True)
class _Waiting:
    since: float
    parts: dict[int, Deliver] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)


class Inbox:
    """Parts that wait for the others of their message, by who sent them."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int, int], _Waiting] = {}

    def add(self, sms: Deliver, place: int | None, now: float) -> tuple[list[Received], list[int]]:
        """Take one SMS from its place in the modem's memory (None: it came without one).

        Gives the messages that are now whole, and the places that may be emptied. A part that was seen before in its
        place changes nothing.
        """
        if sms.total == 1:
            return [Received(sms.sender, sms.text, sms.at)], [] if place is None else [place]
        key = (sms.sender, sms.reference, sms.total)
        waiting = self._waiting.setdefault(key, _Waiting(now))
        waiting.parts[sms.number] = sms
        if place is not None and place not in waiting.places:
            waiting.places.append(place)
        if len(waiting.parts) == sms.total:
            return [self._take(key)], waiting.places
        return [], []

    def expire(self, now: float) -> tuple[list[Received], list[int]]:
        """Messages of which parts never came, with what did come, and the places to be emptied."""
        old = [key for key, waiting in self._waiting.items() if now - waiting.since >= WAIT_S]
        # The oldest stand first.
        surplus = len(self._waiting) - len(old) - _MOST_WAITING
        old += [key for key in self._waiting if key not in old][: max(0, surplus)]
        places = [place for key in old for place in self._waiting[key].places]
        return [self._take(key) for key in old], places

    def _take(self, key: tuple[str, int, int]) -> Received:
        parts = [part for _, part in sorted(self._waiting.pop(key).parts.items())]
        return Received(key[0], "".join(part.text for part in parts), parts[0].at)
