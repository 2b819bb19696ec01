"""Zigbee2MQTT: one JSON object per device on `zigbee2mqtt/<friendly name>`.

    power W · power_reactive var · voltage V · current A · energy, produced_energy kWh (not Wh)

Phases: `power` with `power_phase_b`, `power_phase_c` (there `power` is phase A); Tuya meters send `power_a`,
`power_b`, ... or `power_l1`, ..., and then `power` is the total. Tuya's bidirectional meters send power unsigned and
its direction in `energy_flow` (`producing` turns the sign here; it is known to lag by one report unless the device's
`signed_power` option is on). `last_seen` is milliseconds or ISO 8601, as Zigbee2MQTT is configured. Channels 0, 1, 2
are A, B, C.
"""

from __future__ import annotations

from math import isnan
from typing import Any, Final

from edge_balancer.telemetry.formats.base import Decode, Format, Wiring, only_topic
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, ThreePhaseMeasurement, balanced
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.telemetry.values import LATEST_SECONDS, iso_stamp, json_object, number
from edge_balancer.types.readings import NAN, Triple

_WH_PER_KWH: Final = 1000.0

_SUFFIXES: Final = (
    ("_phase_a", "_a", "_l1"),
    ("_phase_b", "_b", "_l2"),
    ("_phase_c", "_c", "_l3"),
)


def _bind(wiring: Wiring, suffix: str) -> Decode | None:
    return None if suffix else lambda payload: _decode(wiring, payload)


def _decode(wiring: Wiring, payload: bytes) -> AnyMeasurement:
    state = json_object(payload)
    t = _last_seen(state.get("last_seen"))
    channel = wiring.source.channel
    if channel is None and wiring.three_phase and _has_phases(state):
        return ThreePhaseMeasurement(
            p=_signed_triple(state),
            q=_triple(state, "power_reactive"),
            v=_triple(state, "voltage"),
            i=_triple(state, "current"),
            t=t,
        )
    if channel is None:
        p, q, v, i = (_number(state, key) for key in ("power", "power_reactive", "voltage", "current"))
        p = _with_direction(p, state.get("energy_flow"))
    elif channel < 3:
        p, q, v, i = (_of_phase(state, key, channel) for key in ("power", "power_reactive", "voltage", "current"))
        p = _with_direction(p, _direction(state, channel))
        # Two-channel clamps measure one voltage for both.
        v = _number(state, "voltage") if isnan(v) else v
    else:
        raise Refused(Reason.WRONG_SHAPE, f"channel {channel}: channels 0, 1, 2 are phases A, B, C")
    energy, produced = _number(state, "energy"), _number(state, "produced_energy")
    m = Measurement(p=p, q=q, v=v, i=i, t=t, e_import=energy * _WH_PER_KWH, e_export=produced * _WH_PER_KWH)
    return balanced(m) if wiring.three_phase else m


def _has_phases(state: dict[str, Any]) -> bool:
    return any(f"power{suffix}" in state for suffix in _SUFFIXES[1])


def _of_phase(state: dict[str, Any], key: str, channel: int) -> float:
    for suffix in _SUFFIXES[channel]:
        if f"{key}{suffix}" in state:
            return _number(state, f"{key}{suffix}")
    return _number(state, key) if channel == 0 else NAN


def _triple(state: dict[str, Any], key: str) -> Triple:
    return _of_phase(state, key, 0), _of_phase(state, key, 1), _of_phase(state, key, 2)


def _signed_triple(state: dict[str, Any]) -> Triple:
    a, b, c = (_with_direction(_of_phase(state, "power", n), _direction(state, n)) for n in range(3))
    return a, b, c


def _direction(state: dict[str, Any], channel: int) -> Any:
    for suffix in _SUFFIXES[channel]:
        if f"energy_flow{suffix}" in state:
            return state[f"energy_flow{suffix}"]
    return state.get("energy_flow")


def _with_direction(power: float, direction: Any) -> float:
    return -power if direction == "producing" and power > 0.0 else power


def _number(state: dict[str, Any], key: str) -> float:
    return number(state.get(key), key)


def _last_seen(value: Any) -> float:
    if value is None:
        return NAN
    if isinstance(value, str):
        return iso_stamp(value, "last_seen")
    milliseconds = number(value, "last_seen")
    if not milliseconds >= LATEST_SECONDS:
        raise Refused(Reason.UNIT_SUSPECT, f"last_seen = {milliseconds:.0f}; expected milliseconds since 1970")
    return milliseconds / 1000.0


FORMAT: Final = Format(filters=only_topic, bind=_bind)
