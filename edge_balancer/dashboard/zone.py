"""The site's time zone by name, as browsers know it: of the settings, or of this machine."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LOCALTIME: Final = Path("/etc/localtime")
_FOLDER: Final = "/zoneinfo/"


def site_zone(configured: str) -> str:
    """The IANA name; empty where neither the settings nor this machine name one that is known: UTC is meant then."""
    for name in (configured, os.environ.get("TZ", "").removeprefix(":"), _machine_zone()):
        if name and _known(name):
            return name
    return ""


def utc_offset_s(zone: str, wall: float) -> float:
    """By how much the zone's clocks are ahead of UTC at a Unix time, s."""
    offset = datetime.fromtimestamp(wall, ZoneInfo(zone) if zone else UTC).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def _machine_zone() -> str:
    try:
        target = os.path.realpath(_LOCALTIME)
    except OSError:
        return ""
    return target.partition(_FOLDER)[2]


def _known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
