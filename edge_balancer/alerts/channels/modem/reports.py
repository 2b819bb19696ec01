"""Reports of delivery: which SMS of which message arrived. Pure.

A modem counts its SMS from 0 to 255 and begins again, so a report counts only if its recipient fits too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge_balancer.alerts.channels.channel import Outcome, Receipt
from edge_balancer.alerts.channels.gsm_pdu import StatusReport

_MOST: Final = 256
_FIRST_WAITING, _FIRST_FAILED, _FIRST_GIVEN_UP = 0x20, 0x40, 0x60
"""TS 23.040, 9.2.3.15: below, it arrived; the centre still tries; it failed for good; the centre has given up."""
_WHY: Final = {
    0x40: "the networks do not understand one another",
    0x41: "the centres do not understand one another",
    0x43: "the receiver's phone cannot be reached: is the number right?",
    0x44: "the network does not grant it",
    0x45: "the number does not exist any more: correct the contact",
    0x46: "it was too old before the receiver's phone was on",
    0x49: "the SMS is not known to the centre any more",
}


def reference_of(number: str, references: Sequence[int]) -> str:
    """What a message sent as these SMS is called."""
    return f"{number}/{','.join(map(str, references))}"


class Reports:
    """The last report for each SMS that was sent."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], int] = {}

    def sent(self, number: str, references: Sequence[int]) -> None:
        """SMS just sent: an older report under the same reference is another one's."""
        for reference in references:
            self._last.pop((_digits(number), reference), None)

    def add(self, report: StatusReport) -> None:
        key = (_digits(report.recipient), report.reference)
        self._last.pop(key, None)
        self._last[key] = report.status
        while len(self._last) > _MOST:
            del self._last[next(iter(self._last))]

    def look(self, reference: str) -> Receipt | None:
        """How a message stands; None while a report is missing."""
        number, _, listed = reference.rpartition("/")
        numbers = [int(text) for text in listed.split(",") if text.isdigit()]
        states = [self._last.get((_digits(number), each), _FIRST_WAITING) for each in numbers]
        if not states or not number:
            return None
        worst = max(states)
        if worst < _FIRST_WAITING:
            return Receipt(Outcome.DELIVERED, reference, "the receiver's phone has confirmed it")
        if worst < _FIRST_FAILED:
            return None
        why = _WHY.get(worst & 0x7F, "the network gave no reason that is known")
        outcome = Outcome.REFUSED if worst < _FIRST_GIVEN_UP else Outcome.RETRY
        return Receipt(outcome, reference, f"not delivered: {why} (status {worst:#04x})")


def _digits(number: str) -> str:
    """The end of a number, which is the same with and without the country's code."""
    return "".join(sign for sign in number if sign.isdigit())[-8:]
