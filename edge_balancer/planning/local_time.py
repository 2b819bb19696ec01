"""Which hour of the day it was where the feeder stands: a named zone, an offset from UTC, or the host's own zone.

Records are in Unix seconds and say nothing of the place. Only the hours of the day depend on this, nothing that is
planned.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from edge_balancer.analysis.currents import Floats
from edge_balancer.planning.errors import PlanningError

_OFFSET: Final = re.compile(r"([+-])(\d{1,2})(?::?(\d{2}))?")
_MOST_OFFSET_H: Final = 14
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class LocalTime:
    """`name` as people call it; `offset_s` of local time over UTC at a Unix time, s."""

    name: str
    offset_s: Callable[[float], int]

    def of(self, t: Floats) -> Floats:
        """Seconds (T,) since the epoch that local clocks seem to show; worked out hour by hour."""
        hour = np.floor_divide(t, _HOUR_S).astype(np.int64)
        each, which = np.unique(hour, return_inverse=True)
        offsets = np.array([self.offset_s(float(h) * _HOUR_S) for h in each.tolist()], dtype=np.float64)
        shifted: Floats = t + offsets[which]
        return shifted

    def moment(self, t: float) -> datetime:
        """The date and time that local clocks showed, with its offset."""
        return datetime.fromtimestamp(t, timezone(timedelta(seconds=self.offset_s(t))))


def local_time(text: str | None) -> LocalTime:
    """`Europe/Berlin`, `UTC`, `+01:00`; None: the host's zone. Raises PlanningError for anything else."""
    if text is None:
        return _of_host()
    match = _OFFSET.fullmatch(text.strip())
    if match:
        hours, minutes = int(match[2]), int(match[3] or 0)
        if hours > _MOST_OFFSET_H or minutes >= 60:
            raise PlanningError(f"--time-zone {text}: offsets go from -14:00 to +14:00")
        seconds = (hours * _HOUR_S + minutes * 60) * (-1 if match[1] == "-" else 1)
        return LocalTime(f"UTC{match[1]}{hours:02d}:{minutes:02d}", lambda _t: seconds)
    try:
        zone = ZoneInfo(text.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PlanningError(
            f"--time-zone {text}: not a zone that this machine knows; give a name such as Europe/Berlin (from the "
            "package tzdata) or an offset such as +01:00"
        ) from error
    return LocalTime(text.strip(), lambda t: _seconds(datetime.fromtimestamp(t, zone)))


def _seconds(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _of_host() -> LocalTime:
    names = " or ".join(dict.fromkeys(name for name in time.tzname if name))
    if set(time.tzname) <= {"UTC", "GMT"} and time.timezone == 0:
        return UTC_TIME
    return LocalTime(f"{names}, this machine's zone", lambda t: time.localtime(t).tm_gmtoff)


UTC_TIME: Final = LocalTime("UTC", lambda t: _seconds(datetime.fromtimestamp(t, UTC)))
