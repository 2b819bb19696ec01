"""What happened on a simulated line, for people and for tests. Plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class LineCounts:
    """What happened on a line. Written by its thread; reading it meanwhile gives a moment's state."""

    requests: int = 0
    """Understood, whether or not one of the devices was meant."""
    replies: int = 0
    broadcasts: int = 0
    nobody: int = 0
    """For a unit that is not there."""
    garbled: int = 0
    """No request could be made out, or a wrong checksum."""
    wrong_speed: int = 0
    """Sent at another baud rate than the device's."""
    deaf: int = 0
    """The device was still busy with a late reply."""
    collisions: int = 0
    """Requests sent into a reply."""
    gap_broken: int = 0
    """Requests that began before 3.5 characters of silence were over (counted on a paced line)."""
    unplugged: int = 0
    units: Counter[int] = field(default_factory=Counter)
    """Requests by unit."""
