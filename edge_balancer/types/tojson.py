"""Plain types as JSON types, for the audit trail: phases by name, everything else as msgspec writes it."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from edge_balancer.types.phases import Phase


def to_json(value: msgspec.Struct) -> dict[str, Any]:
    """A struct as dict of JSON types. NaN and infinity become null; a `Phase` becomes its name."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(_named(value)))
    return plain


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Name and wire name of each field. msgspec evaluates the annotations anew at each call, which costs more than the
    decision that is recorded."""
    return tuple((field.name, field.encode_name) for field in msgspec.structs.fields(kind))


def _named(value: Any) -> Any:
    """`Phase` is an integer to msgspec; people and other programs read its name."""
    if isinstance(value, Phase):
        return value.name
    if isinstance(value, msgspec.Struct):
        return {wire: _named(getattr(value, name)) for name, wire in _fields(type(value))}
    if isinstance(value, (tuple, list)):
        return [_named(item) for item in value]
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    return value
