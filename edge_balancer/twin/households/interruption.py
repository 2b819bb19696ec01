"""What a short interruption of a house's supply does to what runs in it. It opens no switch and keeps no state.

Appliances lose nothing but the dead time. What people use goes on where the clock stands; programmes and charges are
finished later by the time they stood still; thermostats run longer afterwards until they have made up what they missed.
Compressors and charging points wait a while before they come back, however short the interruption was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge_balancer.twin.households.catalogue import Resumption
from edge_balancer.twin.households.kinds import Return
from edge_balancer.twin.households.pulses import Ints, Pulses


@dataclass(frozen=True, slots=True)
class Dark:
    """A house without supply from `start` to `end` (Unix seconds)."""

    house: int
    start: float
    end: float

    def __post_init__(self) -> None:
        if not self.end >= self.start:
            raise ValueError(
                f"house {self.house} is dark from {self.start:g} to {self.end:g}: the end must not be earlier"
            )


def interrupted(pulses: Pulses, dark: Sequence[Dark], return_of: Callable[[int], Return]) -> Pulses:
    """The pulses as they become with these interruptions. Times are rounded to whole seconds.

    `return_of` says how a kind of appliance comes back. An interruption below half a second costs no energy, but still
    stops what has to wait before it comes back.
    """
    for one in sorted(dark, key=lambda d: (d.start, d.house)):
        gone, back = round(one.start), round(one.end)
        here = pulses.house == one.house
        if not (here & (pulses.end > gone)).any():
            continue
        parts = [pulses.take(~here)]
        own = pulses.take(here)
        for kind in np.unique(own.kind):
            some = own.take(own.kind == kind)
            how = return_of(int(kind))
            match how.resumption:
                case Resumption.GOES_ON:
                    parts.append(_cut(some, gone, back))
                case Resumption.FINISHES:
                    parts.append(_finished(some, gone, back, how))
                case Resumption.MAKES_UP:
                    parts.append(_made_up(some, gone, back, how))
        pulses = Pulses.join(parts)
    return pulses


def _with_times(pulses: Pulses, start: Ints, end: Ints) -> Pulses:
    kept = end > start
    return Pulses(pulses.house, pulses.kind, pulses.session, start, end, pulses.p, pulses.q).take(kept)


def _cut(pulses: Pulses, gone: int, back: int) -> Pulses:
    """Without the time from `gone` to `back`."""
    return Pulses.join(
        [
            _with_times(pulses, pulses.start, np.minimum(pulses.end, gone)),
            _with_times(pulses, np.maximum(pulses.start, back), pulses.end),
        ]
    )


def _finished(pulses: Pulses, gone: int, back: int, how: Return) -> Pulses:
    """What was left of a session is done later; a session that would begin in the dark begins after it."""
    parts = []
    for session in np.unique(pulses.session):
        one = pulses.take(pulses.session == session)
        begin, end = int(one.start.min()), int(one.end.max())
        if end <= gone or begin >= back:
            parts.append(one)
        elif begin >= gone:
            parts.append(_with_times(one, one.start + (back - begin), one.end + (back - begin)))
        else:
            later = back + how.wait_s - gone
            parts.append(_with_times(one, one.start, np.minimum(one.end, gone)))
            parts.append(_with_times(one, np.maximum(one.start, gone) + later, one.end + later))
    return Pulses.join(parts)


def _made_up(pulses: Pulses, gone: int, back: int, how: Return) -> Pulses:
    """A thermostat: what it missed is added to its later running times, where there is room between them."""
    running = ((pulses.start < gone) & (pulses.end > gone)).any()
    ready = back + how.wait_s if running else back
    missed = np.clip(np.minimum(pulses.end, ready) - np.maximum(pulses.start, gone), 0, None)
    owed_ws = float((missed * pulses.p).sum())
    if owed_ws == 0.0:
        return pulses
    left = _cut(pulses, gone, ready)
    left = left.take(np.argsort(left.start, kind="stable"))
    end = left.end.copy()
    for k in np.flatnonzero(left.start >= ready):
        room_s = np.inf if k + 1 == len(left) else left.start[k + 1] - end[k] - how.least_off_s
        longer_s = int(min(max(room_s, 0.0), round(owed_ws / left.p[k])))
        end[k] += longer_s
        owed_ws -= longer_s * left.p[k]
    return _with_times(left, left.start, end)
