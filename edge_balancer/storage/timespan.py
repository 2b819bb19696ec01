"""Points in time as people write them, and as exports show them. Always Unix seconds inside, always UTC outside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Timespan:
    """From `start` (with it) until `end` (without it), Unix seconds; None where it is open."""

    start: float | None = None
    end: float | None = None

    @classmethod
    def parse(cls, start: str | None, end: str | None) -> Timespan:
        """Read both ends as `parse_time` does. Raises ValueError, also for an end that does not follow its start."""
        span = cls(parse_time(start) if start else None, parse_time(end) if end else None)
        if span.start is not None and span.end is not None and span.end <= span.start:
            raise ValueError(f"--to {end} does not come after --from {start}: nothing lies between them")
        return span


def parse_time(text: str) -> float:
    """Unix seconds from a number of them, or from ISO 8601; without an offset it is UTC, a date alone is its
    midnight.
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        if math.isfinite(number):
            return number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not a time: write ISO 8601 (2025-11-22, 2025-11-22T18:30, 2025-11-22T18:30:00+01:00; "
            "UTC without an offset) or Unix seconds"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def iso(wall: float) -> str:
    """ISO 8601 in UTC, with milliseconds where there are any: `2025-11-22T18:30:00Z`."""
    try:
        moment = _EPOCH + timedelta(milliseconds=round(wall * 1000))
    except OverflowError:
        # A clock can have been anything; what it said stands beside in Unix seconds.
        return ""
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
