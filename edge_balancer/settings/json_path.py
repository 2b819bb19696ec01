"""Paths into JSON payloads for `format = "json"`, compiled once: `ENERGY.Power[0]`, `SML."16.7.0" * 1000`.

A key that contains a dot, a bracket, a star or a blank stands in double quotes. An index counts from 0. A trailing `*
number` multiplies what is found, so that one field in kWh or milliseconds can be put right by itself. It is no
JSONPath: no wildcards, no filters.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_STEP: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\[(\d{1,6})\]|([^.\[\]"*\s]+)')
_FACTOR: Final = re.compile(r"\s*\*\s*([0-9.eE+-]+)\s*$")


class JsonPath(msgspec.Struct, frozen=True):
    """A compiled path: keys and list indices, and the factor for the number that stands there."""

    text: str
    steps: tuple[str | int, ...]
    factor: float = 1.0

    def find(self, document: Any) -> Any:
        """The value at the path, or None where there is none."""
        value = document
        for step in self.steps:
            if isinstance(step, int):
                if not isinstance(value, list) or step >= len(value):
                    return None
                value = value[step]
            else:
                if not isinstance(value, dict):
                    return None
                value = value.get(step)
        return value


def compile_path(text: str) -> JsonPath:
    """Compile a path. Raises ValueError that says where it cannot be read."""
    factor = 1.0
    body = text.strip()
    # A star inside quotes belongs to a key: only what follows the last quote can be the factor.
    tail_from = body.rfind('"') + 1
    found = _FACTOR.search(body, tail_from)
    if found:
        try:
            factor = float(found[1])
        except ValueError:
            raise ValueError(f"{text!r}: {found[1]!r} after '*' is not a number") from None
        body = body[: found.start()]
    steps: list[str | int] = []
    position = 0
    while position < len(body):
        if steps and body[position] == ".":
            position += 1
        elif steps and body[position] != "[":
            raise ValueError(f"{text!r}: expected '.' or '[' at character {position + 1}")
        step = _STEP.match(body, position)
        if step is None:
            raise ValueError(f"{text!r}: expected a key or [index] at character {position + 1}; quote unusual keys")
        if step[2] is not None:
            steps.append(int(step[2]))
        elif step[1] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", step[1]))
        else:
            steps.append(step[3])
        position = step.end()
    if not steps:
        raise ValueError(f"{text!r} is no path: write the key of the value, e.g. power or ENERGY.Power[0]")
    return JsonPath(text, tuple(steps), factor)
