"""Tasmota: the JSON object on `tele/<device>/SENSOR`, block `ENERGY`.

    Power W · ReactivePower var · Voltage V · Current A · Total, ExportActive kWh (not Wh)

Each key may be a scalar or a list with one element per channel, each for itself: two-channel meters send `Power` as a
list and `Voltage` as a scalar. `ReactivePower` is computed from apparent and active power and is never negative.
`Time` is local time without an offset (then arrival counts); a `Time` with an offset is used. Channels are list
indices, from 0. Smart-meter scripts (SML, IR heads) make up their own blocks: use the `json` format for those.
"""

from __future__ import annotations

from typing import Any, Final

from edge_balancer.telemetry.formats.base import Decode, Format, Wiring, only_topic
from edge_balancer.telemetry.measurement import AnyMeasurement, Measurement, ThreePhaseMeasurement, balanced
from edge_balancer.telemetry.refusals import Reason, Refused
from edge_balancer.telemetry.values import iso_stamp, item, json_object, kind, number
from edge_balancer.types.readings import NAN, Triple

_WH_PER_KWH: Final = 1000.0


def _bind(wiring: Wiring, suffix: str) -> Decode | None:
    return None if suffix else lambda payload: _decode(wiring, payload)


def _decode(wiring: Wiring, payload: bytes) -> AnyMeasurement:
    document = json_object(payload)
    energy = document.get("ENERGY")
    if not isinstance(energy, dict):
        raise Refused(
            Reason.MISSING_POWER,
            f"ENERGY is {kind(energy)}: the device measures no power, or is a smart-meter script (use format json)",
        )
    t = _time(document.get("Time"))
    power = energy.get("Power")
    if power is None:
        raise Refused(Reason.MISSING_POWER, "ENERGY.Power is missing")
    if wiring.three_phase and wiring.source.channel is None and isinstance(power, list):
        return ThreePhaseMeasurement(
            p=_three(energy, "Power"),
            q=_three(energy, "ReactivePower"),
            v=_three(energy, "Voltage"),
            i=_three(energy, "Current"),
            t=t,
        )
    channel = wiring.source.channel
    m = Measurement(
        p=_one(energy, "Power", channel),
        q=_one(energy, "ReactivePower", channel),
        v=_one(energy, "Voltage", channel),
        i=_one(energy, "Current", channel),
        t=t,
        e_import=_one(energy, "Total", channel) * _WH_PER_KWH,
        e_export=_one(energy, "ExportActive", channel) * _WH_PER_KWH,
    )
    return balanced(m) if wiring.three_phase else m


def _time(value: Any) -> float:
    # Ten characters of date, T, eight of time: what follows, if anything, is the offset.
    return iso_stamp(value, "Time") if isinstance(value, str) and len(value) > 19 else NAN


def _one(energy: dict[str, Any], key: str, channel: int | None) -> float:
    value = energy.get(key)
    where = f"ENERGY.{key}"
    if isinstance(value, list):
        if channel is None:
            if len(value) != 1:
                raise Refused(Reason.WRONG_SHAPE, f"{where} is {kind(value)}: set the source's channel, from 0")
            channel = 0
        value = item(value, channel, where)
    return number(value, where)


def _three(energy: dict[str, Any], key: str) -> Triple:
    value = energy.get(key)
    where = f"ENERGY.{key}"
    if not isinstance(value, list):
        same = number(value, where)
        return (same, same, same)
    if len(value) != 3:
        raise Refused(Reason.WRONG_SHAPE, f"{where} is {kind(value)}; a three-phase source needs three elements")
    return number(value[0], where), number(value[1], where), number(value[2], where)


FORMAT: Final = Format(filters=only_topic, bind=_bind)
