"""One decoder per meter format, and the table of them. A new format is one more file and one more row."""

from __future__ import annotations

from typing import Final

from edge_balancer.settings.houses import MeterFormat
from edge_balancer.telemetry.formats import (
    dsmr,
    esphome,
    generic_json,
    hoymiles,
    native,
    shelly1,
    shelly2,
    tasmota,
    zigbee2mqtt,
)
from edge_balancer.telemetry.formats.base import Format

FORMATS: Final[dict[MeterFormat, Format]] = {
    "native": native.FORMAT,
    "shelly1": shelly1.FORMAT,
    "shelly2": shelly2.FORMAT,
    "tasmota": tasmota.FORMAT,
    "zigbee2mqtt": zigbee2mqtt.FORMAT,
    "esphome": esphome.FORMAT,
    "opendtu": hoymiles.OPENDTU,
    "ahoydtu": hoymiles.AHOYDTU,
    "dsmr": dsmr.FORMAT,
    "json": generic_json.FORMAT,
}
