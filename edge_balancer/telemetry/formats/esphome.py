"""ESPHome over MQTT: one topic per sensor, `<node>/sensor/<name>/state`, with a plain number. `nan` means unknown.

The source's topic is the node's prefix; sensors called `power` (or `active_power`), `reactive_power`, `voltage` and
`current` are then found by themselves, in W, var, V and A. Other names are given in `fields`, e.g. `fields = { p =
"house_power", v = "pzem_voltage" }`. A topic that ends in `/state` is one sensor by itself, the power. Energy is read
only where `fields` names it, and must be in Wh: the name does not tell (a PZEM counts Wh, a pulse meter kWh). There is
no time stamp: arrival counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge_balancer.telemetry.formats.base import Decode, Format, Wiring
from edge_balancer.telemetry.measurement import Measurement, balanced
from edge_balancer.telemetry.values import text_number

_USUAL_NAMES: Final = {
    "p": ("power", "active_power"),
    "q": ("reactive_power",),
    "v": ("voltage",),
    "i": ("current",),
}
_MAKE: Final[dict[str, Callable[[float], Measurement]]] = {
    "p": lambda value: Measurement(p=value),
    "q": lambda value: Measurement(q=value),
    "v": lambda value: Measurement(v=value),
    "i": lambda value: Measurement(i=value),
    "e_import": lambda value: Measurement(e_import=value),
    "e_export": lambda value: Measurement(e_export=value),
}


def _filters(wiring: Wiring) -> tuple[str, ...]:
    return ("",) if wiring.source.topic.endswith("/state") else ("/sensor/+/state",)


def _bind(wiring: Wiring, suffix: str) -> Decode | None:
    if not suffix:
        return _decoder(wiring, _MAKE["p"]) if wiring.source.topic.endswith("/state") else None
    parts = suffix.split("/")
    if len(parts) != 4 or parts[1] != "sensor" or parts[3] != "state":
        return None
    quantity = _quantity(wiring, parts[2])
    return None if quantity is None else _decoder(wiring, _MAKE[quantity])


def _quantity(wiring: Wiring, name: str) -> str | None:
    named = wiring.source.fields
    for quantity, sensor in named.items():
        if sensor == name and quantity in _MAKE:
            return quantity
    for usual, names in _USUAL_NAMES.items():
        if name in names and usual not in named:
            return usual
    return None


def _decoder(wiring: Wiring, make: Callable[[float], Measurement]) -> Decode:
    if wiring.three_phase:
        return lambda payload: balanced(make(text_number(payload)))
    return lambda payload: make(text_number(payload))


FORMAT: Final = Format(filters=_filters, bind=_bind)
