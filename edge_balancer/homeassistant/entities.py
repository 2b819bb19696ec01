"""Entities as Home Assistant's discovery describes them, in the words of its documentation."""

from __future__ import annotations

import msgspec

Template = str
"""Jinja, as Home Assistant renders it; `None` as its outcome means: unknown."""


class Entity(msgspec.Struct, frozen=True, omit_defaults=True):
    """One component of a device. What is None is not sent, which leaves it to Home Assistant's default."""

    platform: str
    name: str
    unique_id: str
    state_topic: str
    value_template: Template | None = None
    device_class: str | None = None
    state_class: str | None = None
    unit_of_measurement: str | None = None
    suggested_display_precision: int | None = None
    options: tuple[str, ...] | None = None
    expire_after: int | None = None
    entity_category: str | None = None
    enabled_by_default: bool | None = None
    availability_topic: str | None = None
    icon: str | None = None
    json_attributes_topic: str | None = None
    json_attributes_template: Template | None = None
    payload_on: str | None = None
    payload_off: str | None = None
    command_topic: str | None = None
    command_template: Template | None = None
    qos: int | None = None


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the entities belong to. `via_device` is the identifier of the device that speaks for it."""

    identifiers: tuple[str, ...]
    name: str
    manufacturer: str
    model: str
    sw_version: str | None = None
    via_device: str | None = None


class Origin(msgspec.Struct, frozen=True):
    """The program that announces; Home Assistant writes it into its log."""

    name: str
    sw_version: str


class DeviceMessage(msgspec.Struct, frozen=True):
    """Payload of `<prefix>/device/<node>/<object>/config`."""

    device: Device
    origin: Origin
    components: dict[str, Entity]


def payload(message: DeviceMessage) -> bytes:
    return msgspec.json.encode(message)


def rounded(value: str, digits: int, factor: float = 1.0) -> Template:
    """A number of the JSON payload, rounded so that noise below what matters does not fill a database; unknown where
    it is null or missing."""
    scaled = value if factor == 1.0 else f"({value} * {factor:g})"
    return f"{{{{ {scaled} | round({digits}) if {value} is number else None }}}}"


def truth(condition: str) -> Template:
    return f"{{{{ 'ON' if {condition} else 'OFF' }}}}"
