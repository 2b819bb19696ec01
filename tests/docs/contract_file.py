"""Reads docs/asyncapi.yaml for the tests: references, channels by topic, validation of payloads. Not a test itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

DOCS: Final = Path(__file__).parents[2] / "docs"
Node = dict[str, Any]


@cache
def contract() -> Node:
    document: Node = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
    return document


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(reference: str) -> Any:
    """What a reference leads to. Raises KeyError where that is nothing."""
    node: Any = contract()
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


def operations(action: str, application: str | None = None) -> dict[str, Node]:
    """The controller's own, or those of another application."""
    found = contract()["operations"].items()
    return {name: op for name, op in found if (op["action"], op.get("x-application")) == (action, application)}


def channel_of(operation: Node) -> Node:
    channel: Node = resolve(operation["channel"]["$ref"])
    return channel


def messages(channel: Node) -> dict[str, Node]:
    return {name: resolve(message["$ref"]) for name, message in channel["messages"].items()}


def filter_of(channel: Node, base: str) -> str:
    """The channel's address as an MQTT topic filter."""
    address: str = channel["address"].replace("{base}", base)
    return re.sub(r"\{\w+\}", "+", address)


def fits(topic: str, filter_: str) -> bool:
    """Whether an MQTT topic (or a narrower filter) falls under a filter with `+` and a trailing `#`."""
    levels, wanted = topic.split("/"), filter_.split("/")
    if wanted[-1] == "#":
        return len(levels) >= len(wanted) - 1 and fits("/".join(levels[: len(wanted) - 1]), "/".join(wanted[:-1]))
    return len(levels) == len(wanted) and all(want in {"+", level} for level, want in zip(levels, wanted, strict=True))


def complaints(message: Node, payload: bytes) -> list[str]:
    """Why a payload does not fit a message; empty where it does."""
    if message.get("contentType") == "text/plain":
        value: Any = payload.decode()
    else:
        try:
            value = json.loads(payload, parse_constant=_no_constant)
        except ValueError as error:
            return [f"not JSON: {error}"]
    return schema_complaints(message["payload"]["$ref"], value)


def schema_complaints(reference: str, value: Any) -> list[str]:
    validator = Draft7Validator({**contract(), "$ref": reference}, format_checker=Draft7Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def channel_complaints(channel: Node, payload: bytes) -> list[str]:
    """Empty where the payload fits one of the channel's messages."""
    found = {name: complaints(message, payload) for name, message in messages(channel).items()}
    return [] if any(not why for why in found.values()) else [f"{name}: {why}" for name, why in found.items()]


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
