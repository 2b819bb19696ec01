"""Shelly Gen2 and later, under the device's prefix: `status/<component>` and the notifications on `events/rpc`.

    em:N        three phases: a_act_power, a_voltage, a_current, b_..., c_..., n_current, total_act_power, total_current
    em1:N       one phase: act_power, voltage, current           em1data:N  total_act_energy, total_act_ret_energy
    switch:N, pm1:N   apower, voltage, current, aenergy.total, ret_aenergy.total
    emdata:N    total_act, total_act_ret

W signed (import positive), V, A, Wh. Traps: `aenergy` counts both directions, so import is aenergy minus ret_aenergy;
a notification holds only what changed, so any key may be missing; null marks a value the device cannot measure;
`params.ts` is Unix seconds, and the `status` topics have no stamp at all. Of `aprt_power` and `pf` no reactive power
is made: they do not tell its sign.

Channels count from 0: em1:N, switch:N, pm1:N, or phase a, b, c of em:0. A single-phase source without a channel takes
the totals of em:0. On a three-phase source a, b, c (or em1:0, em1:1, em1:2) are L1, L2, L3.
"""

from __future__ import annotations

from math import isnan
from typing import Any, Final

from edge_balancer.telemetry.formats.base import Decode, Format, Wiring
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, ThreePhaseMeasurement, balanced, one_phase
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.telemetry.values import json_object, kind, number, stamp
from edge_balancer.types.readings import NAN, Triple

_STATUS: Final = "/status/"
_EVENTS: Final = "/events/rpc"
_NOTIFICATIONS: Final = frozenset({"NotifyStatus", "NotifyFullStatus"})


def _filters(_wiring: Wiring) -> tuple[str, ...]:
    return ("/status/+", _EVENTS)


def _bind(wiring: Wiring, suffix: str) -> Decode | None:
    wanted = _components(wiring)
    if suffix == _EVENTS:
        return lambda payload: _notification(wiring, wanted, payload)
    component = suffix.removeprefix(_STATUS)
    if component == suffix or component not in wanted:
        return None
    return lambda payload: _component(wiring, component, json_object(payload), NAN)


def _components(wiring: Wiring) -> tuple[str, ...]:
    """The components that this source reads, those with power first."""
    if wiring.three_phase and wiring.source.channel is None:
        return ("em:0", "em1:0", "em1:1", "em1:2", "switch:0", "pm1:0")
    n = wiring.channel
    of_em = ("em:0",) if n < 3 else ()
    energy = ("emdata:0",) if wiring.source.channel is None else ()
    return (*of_em, f"em1:{n}", f"switch:{n}", f"pm1:{n}", f"em1data:{n}", *energy)


def _notification(wiring: Wiring, wanted: tuple[str, ...], payload: bytes) -> AnyMeasurement | None:
    frame = json_object(payload)
    method = frame.get("method")
    if not isinstance(method, str) or method not in _NOTIFICATIONS:
        return None
    params = frame.get("params")
    if not isinstance(params, dict):
        raise Refused(Reason.WRONG_SHAPE, f"params of {method} is {kind(params)}, not an object")
    t = stamp(params.get("ts"), "params.ts")
    if wiring.three_phase and wiring.source.channel is None:
        together = _em1_of_all_phases(params, t)
        if together is not None:
            return together
    for component in wanted:
        status = params.get(component)
        if isinstance(status, dict):
            found = _component(wiring, component, status, t)
            if found is not None:
                return found
        elif status is not None:
            raise Refused(Reason.WRONG_SHAPE, f"{component} is {kind(status)}, not an object")
    return None


def _component(wiring: Wiring, component: str, status: dict[str, Any], t: float) -> AnyMeasurement | None:
    """What one component's (perhaps partial) status says; None where it says nothing of power."""
    name, _, index = component.partition(":")
    if name == "em":
        return _three_phases(status, t) if wiring.three_phase else _phase_of_em(wiring, status, t)
    m = _single(name, status, t)
    if m is None or not wiring.three_phase:
        return m
    if name == "em1" and wiring.source.channel is None:
        phase = int(index)
        return ThreePhaseMeasurement(p=one_phase(phase, m.p), v=one_phase(phase, m.v), i=one_phase(phase, m.i), t=t)
    return balanced(m)


def _em1_of_all_phases(params: dict[str, Any], t: float) -> ThreePhaseMeasurement | None:
    """A full status holds em1:0, em1:1 and em1:2 in one frame."""
    parts = [part for part in (params.get(f"em1:{phase}") for phase in range(3)) if isinstance(part, dict)]
    if len(parts) < 3:
        return None
    p, v, i = ([_value(part, key) for part in parts] for key in ("act_power", "voltage", "current"))
    return ThreePhaseMeasurement(p=(p[0], p[1], p[2]), v=(v[0], v[1], v[2]), i=(i[0], i[1], i[2]), t=t)


def _single(name: str, status: dict[str, Any], t: float) -> Measurement | None:
    if name == "em1data":
        imported, exported = _value(status, "total_act_energy"), _value(status, "total_act_ret_energy")
        return _some(NAN, NAN, NAN, t, e_import=imported, e_export=exported)
    if name == "emdata":
        imported, exported = _value(status, "total_act"), _value(status, "total_act_ret")
        return _some(NAN, NAN, NAN, t, e_import=imported, e_export=exported)
    v, i = _value(status, "voltage"), _value(status, "current")
    if name == "em1":
        return _some(_value(status, "act_power"), v, i, t)
    both, exported = _counter(status, "aenergy"), _counter(status, "ret_aenergy")
    # Older firmware has no ret_aenergy: then aenergy is all there is.
    imported = both if isnan(exported) else max(0.0, both - exported)
    return _some(_value(status, "apower"), v, i, t, e_import=imported, e_export=exported)


def _phase_of_em(wiring: Wiring, status: dict[str, Any], t: float) -> Measurement | None:
    if wiring.source.channel is None:
        return _some(_value(status, "total_act_power"), _value(status, "a_voltage"), _value(status, "total_current"), t)
    letter = "abc"[wiring.source.channel]
    return _some(
        _value(status, f"{letter}_act_power"),
        _value(status, f"{letter}_voltage"),
        _value(status, f"{letter}_current"),
        t,
    )


def _three_phases(status: dict[str, Any], t: float) -> ThreePhaseMeasurement:
    return ThreePhaseMeasurement(
        p=_phases(status, "act_power"),
        v=_phases(status, "voltage"),
        i=_phases(status, "current"),
        t=t,
        i_n=_value(status, "n_current"),
    )


def _phases(status: dict[str, Any], key: str) -> Triple:
    return _value(status, f"a_{key}"), _value(status, f"b_{key}"), _value(status, f"c_{key}")


def _some(
    p: float, v: float, i: float, t: float, *, e_import: float = NAN, e_export: float = NAN
) -> Measurement | None:
    """A measurement, or None where every value is missing."""
    if isnan(p) and isnan(v) and isnan(i) and isnan(e_import) and isnan(e_export):
        return None
    return Measurement(p=p, v=v, i=i, t=t, e_import=e_import, e_export=e_export)


def _value(status: dict[str, Any], key: str) -> float:
    return number(status.get(key), key, texts=False)


def _counter(status: dict[str, Any], key: str) -> float:
    counter = status.get(key)
    return _value(counter, "total") if isinstance(counter, dict) else NAN


FORMAT: Final = Format(filters=_filters, bind=_bind)
