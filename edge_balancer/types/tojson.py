"""Plain types as JSON types, for the audit trail: phases by name, everything else as msgspec writes it."""

from __future__ import annotations

from typing import Any

import msgspec

from edge_balancer.types.phases import Phase


def to_json(value: msgspec.Struct) -> dict[str, Any]:
    """A struct as dict of JSON types. NaN and infinity become null; a `Phase` becomes its name."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(_named(value)))
    return plain


def _named(value: Any) -> Any:
    """`Phase` is an integer to msgspec; people and other programs read its name."""
    if isinstance(value, Phase):
        return value.name
    if isinstance(value, msgspec.Struct):
        return {field.encode_name: _named(getattr(value, field.name)) for field in msgspec.structs.fields(value)}
    if isinstance(value, (tuple, list)):
        return [_named(item) for item in value]
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    return value
