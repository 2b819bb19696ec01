"""Hoymiles inverters through OpenDTU or AhoyDTU: channel 0 is the AC side, the others are panels and never read.

    OpenDTU, topic `<base>/<serial>`:  0/power W · 0/reactivepower var · 0/voltage V · 0/current A · 0/yieldtotal kWh
    AhoyDTU, topic `<base>/<name>`:    ch0/P_AC · ch0/Q_AC · ch0/U_AC · ch0/I_AC · ch0/YieldTotal kWh,
                                       or all of them as one JSON object on `ch0`

Power is positive when the inverter produces: give the source `role = "generation"`. The power factor (`powerfactor`,
`PF_AC`) is in percent on one and a fraction on some firmware of the other, and is left aside: the reactive power is
sent anyway. There is no time stamp: arrival counts. At night an inverter is off and says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge_balancer.telemetry.formats.base import Decode, Format, Wiring
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, balanced
from edge_balancer.telemetry.values import json_object, number, text_number

_WH_PER_KWH: Final = 1000.0

_MAKE: Final[dict[str, Callable[[float], Measurement]]] = {
    "p": lambda value: Measurement(p=value),
    "q": lambda value: Measurement(q=value),
    "v": lambda value: Measurement(v=value),
    "i": lambda value: Measurement(i=value),
    "kwh": lambda value: Measurement(e_import=value * _WH_PER_KWH),
}
_OPENDTU: Final = {
    "/0/power": "p",
    "/0/reactivepower": "q",
    "/0/voltage": "v",
    "/0/current": "i",
    "/0/yieldtotal": "kwh",
}
_AHOY_OBJECT: Final = "/ch0"
_AHOY: Final = {
    "/ch0/P_AC": "p",
    "/ch0/Q_AC": "q",
    "/ch0/U_AC": "v",
    "/ch0/I_AC": "i",
    "/ch0/YieldTotal": "kwh",
}


def _value(wiring: Wiring, make: Callable[[float], Measurement]) -> Decode:
    if wiring.three_phase:
        return lambda payload: balanced(make(text_number(payload)))
    return lambda payload: make(text_number(payload))


def _bind_opendtu(wiring: Wiring, suffix: str) -> Decode | None:
    quantity = _OPENDTU.get(suffix)
    return None if quantity is None else _value(wiring, _MAKE[quantity])


def _bind_ahoy(wiring: Wiring, suffix: str) -> Decode | None:
    if suffix == _AHOY_OBJECT:
        return lambda payload: _ahoy_object(wiring, payload)
    quantity = _AHOY.get(suffix)
    return None if quantity is None else _value(wiring, _MAKE[quantity])


def _ahoy_object(wiring: Wiring, payload: bytes) -> AnyMeasurement:
    ac = json_object(payload)
    m = Measurement(
        p=number(ac.get("P_AC"), "P_AC"),
        q=number(ac.get("Q_AC"), "Q_AC"),
        v=number(ac.get("U_AC"), "U_AC"),
        i=number(ac.get("I_AC"), "I_AC"),
        e_import=number(ac.get("YieldTotal"), "YieldTotal") * _WH_PER_KWH,
    )
    return balanced(m) if wiring.three_phase else m


OPENDTU: Final = Format(filters=lambda _wiring: ("/0/+",), bind=_bind_opendtu)
AHOYDTU: Final = Format(filters=lambda _wiring: (_AHOY_OBJECT, "/ch0/+"), bind=_bind_ahoy)
