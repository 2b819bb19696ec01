"""What all channels share: receipts that are counted by their reason, and what a service says about coming back.

Knows no service and reaches none.
"""

from __future__ import annotations

import math
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import Final

from edge_balancer.alerts.channels.channel import Outcome, Receipt

LONGEST_PAUSE_S: Final = 3600.0
"""What a service asks beyond this is a mistake of its own, and the alert would be history by then."""
_LONGEST_DETAIL: Final = 300


class Tally:
    """Makes receipts, and counts why each came about."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By reason: `sent`, `no_network`, `http_503`, ..."""

    def receipt(
        self, outcome: Outcome, why: str, detail: str = "", reference: str = "", retry_after_s: float | None = None
    ) -> Receipt:
        self.counts[why] += 1
        return Receipt(outcome, reference, short(detail), retry_after_s)


def retry_after_s(value: str | None, wall: float) -> float | None:
    """The pause that a `Retry-After` asks for (RFC 9110, 10.2.3): seconds or a date; None where it says nothing."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - wall
        except (TypeError, ValueError, OverflowError, OSError):
            return None
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE_S)


def short(text: str) -> str:
    """A text of another's making as one line that can be logged."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 3] + "..."
