"""What the doctor says of one thing."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

MOST_NAMES: Final = 6
"""Houses named in one line; the rest are counted."""


class Level(enum.StrEnum):
    OK = "ok"
    WARN = "warn"
    """It works, and something will bite."""
    FAIL = "fail"
    """Something does not work, or is open that must not be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `part` is what was looked at; a remedy stands with everything that is not in order."""

    part: str
    level: Level
    says: str
    remedy: str = ""


def ok(part: str, says: str) -> Finding:
    return Finding(part, Level.OK, says)


def warn(part: str, says: str, remedy: str) -> Finding:
    return Finding(part, Level.WARN, says, remedy)


def fail(part: str, says: str, remedy: str) -> Finding:
    return Finding(part, Level.FAIL, says, remedy)


def worst(findings: Iterable[Finding]) -> Level:
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)


def names(houses: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(houses) - MOST_NAMES
    return ", ".join(houses[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
