"""Whether a command is of now: issued lately, not expired, not seen before. Pure."""

from __future__ import annotations

import math

from firmware_bridge.contract import SetCommand, instant
from firmware_bridge.settings.bridge import InterlockLimits
from firmware_bridge.switches.interlock_types import Refusal


def judge(command: SetCommand, seq: int, wall: float, limits: InterlockLimits) -> tuple[Refusal, str] | None:
    """Why a command is not to be believed, or None. `seq` is the greatest number acted on, `wall` Unix seconds."""
    try:
        issued, expires = instant(command.issued), instant(command.expires)
    except ValueError as error:
        return Refusal.MALFORMED_TIME, str(error)
    if not (math.isfinite(issued) and math.isfinite(expires)):
        return Refusal.MALFORMED_TIME, "issued and expires must be finite"
    if issued > wall + limits.future_s:
        return Refusal.FUTURE, f"issued {issued - wall:.1f} s ahead of this clock"
    if wall >= expires:
        return Refusal.EXPIRED, f"expired {wall - expires:.1f} s ago"
    if expires - issued > limits.validity_s:
        return Refusal.VALIDITY, f"valid for {expires - issued:.0f} s, at most {limits.validity_s:.0f} s are believed"
    if command.seq <= seq:
        return Refusal.SEQUENCE, f"sequence number {command.seq}, {seq} was seen before"
    return None


def left_s(command: SetCommand, wall: float) -> float:
    """How long a command that was judged is still good, s."""
    return instant(command.expires) - wall
