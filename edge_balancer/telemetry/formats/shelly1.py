"""Shelly Gen1: one topic per value under `shellies/<device>` (Shelly EM, 3EM, and relays with a meter).

    relay/N/power       W, unsigned: such a relay cannot show export
    relay/N/energy      watt-minutes since the device started
    emeter/N/power      W, signed (import positive)
    emeter/N/voltage    V
    emeter/N/current    A (3EM only)
    emeter/N/reactive_power  var (EM only)
    emeter/N/total, total_returned      Wh
    emeter/N/energy, returned_energy    watt-minutes; left aside, `total` says the same and survives a restart
    emeter/N/pf         0..1; left aside, its sign does not say whether the load is inductive

Channels count from 0. On a three-phase source the emeters 0, 1, 2 are L1, L2, L3. There is no time stamp: arrival
counts.
"""

from __future__ import annotations

from typing import Final

from edge_balancer.telemetry.formats.base import Decode, Format, Wiring
from edge_balancer.telemetry.measurement import Measurement, ThreePhaseMeasurement, one_phase
from edge_balancer.telemetry.values import text_number

_WH_PER_WATT_MINUTE: Final = 1.0 / 60.0


def _filters(wiring: Wiring) -> tuple[str, ...]:
    if wiring.three_phase and wiring.source.channel is None:
        return ("/emeter/+/+",)
    return (f"/emeter/{wiring.channel}/+", f"/relay/{wiring.channel}/+")


def _bind(wiring: Wiring, suffix: str) -> Decode | None:
    parts = suffix.split("/")
    if len(parts) != 4 or not parts[2].isdecimal():
        return None
    _, group, index, name = parts
    channel = int(index)
    if wiring.three_phase and wiring.source.channel is None:
        make = _EMETER_OF_PHASE.get(name) if group == "emeter" and channel < 3 else None
        return None if make is None else make(channel)
    if channel != wiring.channel:
        return None
    if group == "emeter":
        return _EMETER.get(name)
    return _RELAY.get(name) if group == "relay" else None


def _power(payload: bytes) -> Measurement:
    return Measurement(p=text_number(payload))


def _reactive(payload: bytes) -> Measurement:
    return Measurement(q=text_number(payload))


def _voltage(payload: bytes) -> Measurement:
    return Measurement(v=text_number(payload))


def _current(payload: bytes) -> Measurement:
    return Measurement(i=text_number(payload))


def _total(payload: bytes) -> Measurement:
    return Measurement(e_import=text_number(payload))


def _returned(payload: bytes) -> Measurement:
    return Measurement(e_export=text_number(payload))


def _watt_minutes(payload: bytes) -> Measurement:
    return Measurement(e_import=text_number(payload) * _WH_PER_WATT_MINUTE)


def _phase_power(channel: int) -> Decode:
    return lambda payload: ThreePhaseMeasurement(p=one_phase(channel, text_number(payload)))


def _phase_reactive(channel: int) -> Decode:
    return lambda payload: ThreePhaseMeasurement(q=one_phase(channel, text_number(payload)))


def _phase_voltage(channel: int) -> Decode:
    return lambda payload: ThreePhaseMeasurement(v=one_phase(channel, text_number(payload)))


def _phase_current(channel: int) -> Decode:
    return lambda payload: ThreePhaseMeasurement(i=one_phase(channel, text_number(payload)))


_EMETER: Final[dict[str, Decode]] = {
    "power": _power,
    "reactive_power": _reactive,
    "voltage": _voltage,
    "current": _current,
    "total": _total,
    "total_returned": _returned,
}
_RELAY: Final[dict[str, Decode]] = {"power": _power, "energy": _watt_minutes}
_EMETER_OF_PHASE: Final = {
    "power": _phase_power,
    "reactive_power": _phase_reactive,
    "voltage": _phase_voltage,
    "current": _phase_current,
}

FORMAT: Final = Format(filters=_filters, bind=_bind)
