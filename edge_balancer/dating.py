"""What the daemon does about a wall clock that is not right yet: notes when the time arrives, and dates minutes by it.

Pure. At the time's arrival it gives the trail a row by which earlier rows are placed (`storage.placing`). Minute means
are held back meanwhile and written under their right minutes; where the time does not come for an hour, as at a site
without any, they are written as the clock says, and nothing is held back any more. A power cut takes what is held.
Control knows nothing of this: it runs on the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from edge_balancer.types.events import Event, EventKind
from edge_balancer.types.snapshot import MinuteMean, MinuteOfFeeder

LONGEST_S: Final = 3600.0
"""Minutes are held back for this long."""
_MINUTE_S: Final = 60

Minutes = tuple[tuple[MinuteMean, ...], tuple[MinuteOfFeeder, ...]]
_T = TypeVar("_T", MinuteMean, MinuteOfFeeder)


class Dating:
    """Of one run of the controller, in one `boot` of the machine. `look` comes first in each step, then `date`."""

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._unsynced_since: float | None = None
        self._ahead_s: float | None = None
        """By how much the wall clock is ahead of the monotonic one, at this look."""
        self._was_ahead_s = 0.0
        """The same at the look before: the minute that ends now was named by it."""
        self._holding = False
        self._held: list[tuple[float, Minutes]] = []
        """What the wall clock was ahead by when the minutes were named, and they."""

    def look(self, mono: float, wall: float, synced: bool) -> Event | None:
        """Take note of the clocks. The row for the trail, where the time has just arrived."""
        ahead_s = wall - mono
        first = self._ahead_s is None
        self._was_ahead_s = ahead_s if self._ahead_s is None else self._ahead_s
        self._ahead_s = ahead_s
        if not synced:
            if self._unsynced_since is None:
                self._unsynced_since = mono
                # A clock that was right once in this run has not gone far.
                self._holding = first
            elif mono - self._unsynced_since >= LONGEST_S:
                self._holding = False
            return None
        since, self._unsynced_since = self._unsynced_since, None
        if since is None:
            return None
        self._holding = False
        body = {"boot": self._boot, "unsynchronised_s": round(mono - since, 3)}
        return Event(EventKind.CLOCK, mono, wall, synced=True, body=body)

    def date(self, minutes: Sequence[MinuteMean], feeder: Sequence[MinuteOfFeeder]) -> Minutes:
        """The minutes that may be written now: those that have just ended, and those that waited for the time."""
        ended = (tuple(minutes), tuple(feeder))
        if not (self._holding or self._held):
            return ended
        if minutes or feeder:
            self._held.append((self._was_ahead_s, ended))
        return ((), ()) if self._holding else self.rest()

    def rest(self) -> Minutes:
        """What is held back, under the right minutes where the time is known by now, else as the clock said."""
        held, self._held = self._held, []
        known = self._unsynced_since is None and self._ahead_s is not None
        right_s = self._ahead_s if known else None
        return (
            tuple(_moved(one, ahead_s, right_s) for ahead_s, (minutes, _) in held for one in minutes),
            tuple(_moved(one, ahead_s, right_s) for ahead_s, (_, feeder) in held for one in feeder),
        )


def _moved(one: _T, ahead_s: float, right_s: float | None) -> _T:
    """To the whole minute that is nearest to when it really began."""
    if right_s is None:
        return one
    return msgspec.structs.replace(one, minute=round((one.minute - ahead_s + right_s) / _MINUTE_S) * _MINUTE_S)
