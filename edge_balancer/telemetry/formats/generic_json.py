"""Any other meter that sends JSON: `fields` says where each value stands, e.g. `fields = { p = "SML.Power_curr" }`.

Values are read as W, var, V, A and Wh; a path (see `json_path`) can carry a factor (`"SML.Total_in * 1000"` for kWh),
and the source's `scale` applies to p and q. `t` is Unix seconds or ISO 8601 with an offset; leave it out where the
device sends local time. On a three-phase source a path may lead to a list of three, else the value is the total.
`channel` is not used: write the index into the path.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from edge_balancer.settings.json_path import JsonPath, compile_path
from edge_balancer.telemetry.formats.base import Decode, Format, Wiring, only_topic
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, ThreePhaseMeasurement, balanced
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.telemetry.values import json_value, kind, number, stamp
from edge_balancer.types.readings import NAN, UNKNOWN_TRIPLE, Triple

Field = Literal["p", "q", "v", "i", "t", "e_import", "e_export"]
Paths = dict[Field, JsonPath]


def _bind(wiring: Wiring, suffix: str) -> Decode | None:
    if suffix:
        return None
    if "p" not in wiring.source.fields:
        raise ValueError("format json needs fields.p, the path of the active power")
    paths: Paths = {field: compile_path(text) for field, text in wiring.source.fields.items()}
    return lambda payload: _decode(wiring, paths, payload)


def _decode(wiring: Wiring, paths: Paths, payload: bytes) -> AnyMeasurement:
    document = json_value(payload)
    path = paths["p"]
    power = path.find(document)
    if power is None:
        raise Refused(Reason.MISSING_POWER, f"there is nothing at {path.text} (fields.p)")
    t = _time(paths, document)
    if wiring.three_phase and isinstance(power, list):
        return ThreePhaseMeasurement(
            p=_three(paths, "p", document),
            q=_three(paths, "q", document),
            v=_three(paths, "v", document),
            i=_three(paths, "i", document),
            t=t,
        )
    m = Measurement(
        p=_one(paths, "p", document),
        q=_one(paths, "q", document),
        v=_one(paths, "v", document),
        i=_one(paths, "i", document),
        t=t,
        e_import=_one(paths, "e_import", document),
        e_export=_one(paths, "e_export", document),
    )
    return balanced(m) if wiring.three_phase else m


def _one(paths: Paths, field: Field, document: Any) -> float:
    path = paths.get(field)
    if path is None:
        return NAN
    value = path.find(document)
    if isinstance(value, (list, dict)):
        raise Refused(
            Reason.WRONG_SHAPE, f"{path.text} (fields.{field}) is {kind(value)}; lengthen the path, e.g. {path.text}[0]"
        )
    return number(value, path.text) * path.factor


def _three(paths: Paths, field: Field, document: Any) -> Triple:
    path = paths.get(field)
    if path is None:
        return UNKNOWN_TRIPLE
    value = path.find(document)
    if isinstance(value, list):
        if len(value) != 3:
            raise Refused(Reason.WRONG_SHAPE, f"{path.text} (fields.{field}) is {kind(value)}; expected three elements")
        a, b, c = (number(element, path.text) * path.factor for element in value)
        return a, b, c
    same = number(value, path.text) * path.factor
    return same, same, same


def _time(paths: Paths, document: Any) -> float:
    path = paths.get("t")
    if path is None:
        return NAN
    value = path.find(document)
    if isinstance(value, str) and path.factor == 1.0:
        return stamp(value, path.text)
    return stamp(number(value, path.text) * path.factor, path.text)


FORMAT: Final = Format(filters=only_topic, bind=_bind)
