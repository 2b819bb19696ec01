"""DSMR-reader (Dutch and Belgian smart meters): split topics under `dsmr/reading`, or the JSON object on `dsmr/json`.

    electricity_currently_delivered, ..._returned   kW; delivered = drawn by the house; neither is ever negative
    phase_currently_delivered_l1, phase_currently_returned_l1 kW
    phase_voltage_l1 V · phase_power_current_l1 whole amperes, without a sign
    electricity_delivered_1 + _2, electricity_returned_1 + _2   kWh, one counter per tariff

Numbers come as text, in the JSON object too. The object's `timestamp` is ISO 8601 with an offset. The channel is the
phase as the meter counts it: 1, 2, 3; without one a single-phase source takes the totals and the voltage and current
of L1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge_balancer.telemetry.formats.base import Decode, Format, Wiring
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, ThreePhaseMeasurement, one_phase
from edge_balancer.telemetry.values import json_object, number, stamp, text_number
from edge_balancer.types.readings import Triple

_W_PER_KW: Final = 1000.0
_PHASES: Final = (1, 2, 3)

Make = Callable[[float], AnyMeasurement]


def _filters(_wiring: Wiring) -> tuple[str, ...]:
    return ("", "/+")


def _bind(wiring: Wiring, suffix: str) -> Decode | None:
    if wiring.source.channel not in (None, *_PHASES):
        raise ValueError(f"channel = {wiring.source.channel}: dsmr counts its phases 1, 2, 3")
    if not suffix:
        return lambda payload: _object(wiring, payload)
    make = _topics(wiring).get(suffix[1:])
    return None if make is None else lambda payload: make(text_number(payload))


def _topics(wiring: Wiring) -> dict[str, Make]:
    """What each split topic means to this source."""
    if wiring.three_phase:
        topics: dict[str, Make] = {}
        for phase in _PHASES:
            topics |= _phase_topics(phase)
        return topics
    delivered, returned, line = _names(wiring.source.channel)
    return {
        delivered: lambda kw: Measurement(p_import=kw * _W_PER_KW),
        returned: lambda kw: Measurement(p_export=kw * _W_PER_KW),
        f"phase_voltage_l{line}": lambda v: Measurement(v=v),
        f"phase_power_current_l{line}": lambda i: Measurement(i=i),
    }


def _phase_topics(phase: int) -> dict[str, Make]:
    n = phase - 1
    delivered, returned, line = _names(phase)
    return {
        delivered: lambda kw: ThreePhaseMeasurement(p_import=one_phase(n, kw * _W_PER_KW)),
        returned: lambda kw: ThreePhaseMeasurement(p_export=one_phase(n, kw * _W_PER_KW)),
        f"phase_voltage_l{line}": lambda v: ThreePhaseMeasurement(v=one_phase(n, v)),
        f"phase_power_current_l{line}": lambda i: ThreePhaseMeasurement(i=one_phase(n, i)),
    }


def _names(phase: int | None) -> tuple[str, str, int]:
    """Names of the delivered and returned power, and the line that gives voltage and current."""
    if phase is None:
        return "electricity_currently_delivered", "electricity_currently_returned", 1
    return f"phase_currently_delivered_l{phase}", f"phase_currently_returned_l{phase}", phase


def _object(wiring: Wiring, payload: bytes) -> AnyMeasurement:
    telegram = json_object(payload)
    t = stamp(telegram.get("timestamp"), "timestamp")
    if wiring.three_phase:
        return ThreePhaseMeasurement(
            v=_each(telegram, "phase_voltage_l{}"),
            i=_each(telegram, "phase_power_current_l{}"),
            t=t,
            p_import=_each(telegram, "phase_currently_delivered_l{}", _W_PER_KW),
            p_export=_each(telegram, "phase_currently_returned_l{}", _W_PER_KW),
        )
    delivered, returned, line = _names(wiring.source.channel)
    return Measurement(
        v=_number(telegram, f"phase_voltage_l{line}"),
        i=_number(telegram, f"phase_power_current_l{line}"),
        t=t,
        e_import=_both_tariffs(telegram, "electricity_delivered_{}"),
        e_export=_both_tariffs(telegram, "electricity_returned_{}"),
        p_import=_number(telegram, delivered) * _W_PER_KW,
        p_export=_number(telegram, returned) * _W_PER_KW,
    )


def _each(telegram: dict[str, Any], name: str, factor: float = 1.0) -> Triple:
    a, b, c = (_number(telegram, name.format(phase)) * factor for phase in _PHASES)
    return a, b, c


def _both_tariffs(telegram: dict[str, Any], name: str) -> float:
    return (_number(telegram, name.format(1)) + _number(telegram, name.format(2))) * _W_PER_KW


def _number(telegram: dict[str, Any], key: str) -> float:
    return number(telegram.get(key), key)


FORMAT: Final = Format(filters=_filters, bind=_bind)
