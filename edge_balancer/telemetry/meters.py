"""The way of one meter message: decode, date, judge, join, append. One object for each topic of each source."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Protocol

from edge_balancer.telemetry.batch import MOST_PENDING, Pending, overflow
from edge_balancer.telemetry.formats.base import Decode
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, ThreePhaseMeasurement
from edge_balancer.telemetry.merge import HouseMerge, PowerSource
from edge_balancer.telemetry.merge_three import ThreePhaseMerge, TripleSource
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.telemetry.validate import Limits, check, check_three, instant

_RETAINED = "a retained reading is an old one: publish measurements without the retain flag"


class Target(Protocol):
    """Where a topic leads."""

    def receive(self, payload: bytes, retained: bool, now: float, wall: float, synced: bool) -> bool:
        """Take one message. True where something was accepted, False where at most other values were refreshed.

        Raises Refused.
        """
        ...


class SinglePhaseMeter:
    """One topic of one source of a single-phase house."""

    __slots__ = ("_decode", "_limits", "_merge", "_readings", "_source")

    def __init__(
        self, decode: Decode, source: PowerSource, merge: HouseMerge, limits: Limits, pending: Pending
    ) -> None:
        self._decode = decode
        self._source = source
        self._merge = merge
        self._limits = limits
        self._readings = pending.readings

    def receive(self, payload: bytes, retained: bool, now: float, wall: float, synced: bool) -> bool:
        if retained:
            raise Refused(Reason.RETAINED, _RETAINED)
        m = self._decode(payload)
        if type(m) is not Measurement:
            return _nothing(m)
        source, limits = self._source, self._limits
        if not source.plain:
            m = source.to_watts(m)
        at = instant(m.t, now, wall, synced, limits)
        check(m, limits)
        p = source.power(m, at)
        if isnan(p):
            source.refresh(m, at)
            return False
        readings = self._readings
        if len(readings) >= MOST_PENDING:
            raise overflow(MOST_PENDING)
        at = source.order.admit(m.t, at, wall + limits.future_s)
        source.p, source.p_at = p, at
        source.refresh(m, at)
        reading = self._merge.reading(source)
        if reading is None:
            return False
        readings.append(reading)
        return True


class ThreePhaseMeter:
    """One topic of one source of a three-phase house or of the transformer."""

    __slots__ = ("_decode", "_limits", "_merge", "_readings", "_source")

    def __init__(
        self, decode: Decode, source: TripleSource, merge: ThreePhaseMerge, limits: Limits, pending: Pending
    ) -> None:
        self._decode = decode
        self._source = source
        self._merge = merge
        self._limits = limits
        self._readings = pending.three_phase

    def receive(self, payload: bytes, retained: bool, now: float, wall: float, synced: bool) -> bool:
        if retained:
            raise Refused(Reason.RETAINED, _RETAINED)
        m = self._decode(payload)
        if type(m) is not ThreePhaseMeasurement:
            return _nothing(m)
        source, limits = self._source, self._limits
        m = source.to_watts(m)
        at = instant(m.t, now, wall, synced, limits)
        check_three(m, limits)
        p = source.power(m, at)
        if all(isnan(value) for value in p):
            source.refresh(m, at)
            return False
        if len(self._readings) >= MOST_PENDING:
            raise overflow(MOST_PENDING)
        source.take_power(p, m.t, at, wall + limits.future_s)
        source.refresh(m, at)
        reading = self._merge.reading(source)
        if reading is None:
            return False
        self._readings.append(reading)
        return True


def _nothing(m: AnyMeasurement | None) -> bool:
    if m is not None:
        raise Refused(Reason.WRONG_SHAPE, f"the decoder gave a {type(m).__name__} for a meter of another kind")
    return False


MeterFactory = Callable[[Decode], Target]
