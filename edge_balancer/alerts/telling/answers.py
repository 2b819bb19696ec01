"""What people answer by text message: `ACK 12`. Only the configured address of a contact may answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from edge_balancer.alerts.channels.channel import Received
from edge_balancer.alerts.telling.directory import Way, is_number, plain_number
from edge_balancer.alerts.telling.state import Heard, State
from edge_balancer.types.switching import AlertAck

MOST_HEARD: Final = 100
_ACK: Final = re.compile(r"\s*(?:ack|ok)?\s*#?\s*(\d{1,4})\s*[.!]?\s*", re.IGNORECASE)


def sender_of(channel: str, received: Received, ways: Sequence[Way]) -> Way | None:
    """The way on which somebody answers; None for an address that is not configured there."""
    for way in ways:
        if way.channel == channel and _plain(way.to) == _plain(received.sender):
            return way
    return None


def number_in(text: str) -> str:
    """The short number that an answer acknowledges; empty where it is no acknowledgement."""
    match = _ACK.fullmatch(text)
    return str(int(match[1])) if match else ""


def acks_of(state: State, number: str, operator: str) -> list[AlertAck]:
    """The acknowledgements of all alerts of that number that stand."""
    found = [state.episodes.get(name) for name in state.clock.numbers.get(number, ())]
    return [AlertAck(episode.key, operator) for episode in found if episode is not None and episode.standing]


def asked_between(state: State, channel: str) -> tuple[float, float] | None:
    """When the first and the last message left (Unix s) that may still be answered on a channel; None without any."""
    walls = [
        letter.wall
        for letter in state.letters.values()
        if letter.channel == channel and letter.attempts and letter.number and acks_of(state, letter.number, "")
    ]
    return (min(walls), max(walls)) if walls else None


def is_new(state: State, channel: str, received: Received) -> bool:
    """Whether an answer was not heard before, perhaps before a restart; it counts as heard from now on."""
    if not received.reference:
        return True
    heard = state.heard.setdefault(channel, Heard()).references
    if received.reference in heard:
        return False
    heard.append(received.reference)
    del heard[:-MOST_HEARD]
    return True


def _plain(address: str) -> str:
    return plain_number(address) if is_number(address) else address.strip().casefold()
