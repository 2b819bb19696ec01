"""By how much local clocks are ahead of UTC: in a named zone, or on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo


def offset_of(name: str) -> Callable[[float], int]:
    """Seconds at a Unix time. The machine's own zone for an empty name; raises KeyError (ZoneInfoNotFoundError), or
    ValueError, for a name that it does not know."""
    if not name:
        return lambda wall: time.localtime(wall).tm_gmtoff
    zone = ZoneInfo(name)

    def offset_s(wall: float) -> int:
        offset = datetime.fromtimestamp(wall, zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds())

    return offset_s
