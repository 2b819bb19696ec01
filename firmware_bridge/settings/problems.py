"""What is wrong with a bridge's configuration, said for people: the key, what stands there, why not, what to do.

No reading and no judging: that is `load`. The controller words its own, for its own file.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from firmware_bridge.errors import BridgeError, Problem, format_problems
from firmware_bridge.settings.base import Location, Section
from firmware_bridge.settings.bridge import BridgeConfiguration

HIDDEN: Final = "(hidden)"
_LONGEST: Final = 60
_SECRETIVE: Final = re.compile(r"pass|secret|token|cred|auth|keys?$", re.IGNORECASE)
"""An unknown key may be a secret misspelt."""

CONTROLLERS: Final = frozenset(
    {
        "feeder", "houses", "houses_file", "transformer_meters", "telemetry", "decision", "switching", "alerts",
        "contacts", "channels", "storage", "log", "dashboard", "forecast",
    }
)  # fmt: skip
"""Tables of the controller's own file."""


class ConfigurationProblems(BridgeError):  # noqa: N818 - it carries them
    """The configuration cannot be used. Carries all that was found, warnings included."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(format_problems(self.problems))


def dotted(at: Location) -> str:
    """A location as people write it: `bridge.lines[0].meters[3].model`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)
    return text.removeprefix(".")


def shown(at: Location, value: object) -> str:
    """The value as text, without secrets; a list or table by its size only."""
    match value:
        case None:
            return ""
        case dict():
            return "a table"
        case list() | tuple() if not all(isinstance(item, (int, str)) for item in value) or len(value) > 8:
            return f"a list of {len(value)}"
        case _ if _secret(at):
            return HIDDEN
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return f"{value:g}"
        case list() | tuple():
            return json.dumps(list(value), ensure_ascii=False)
        case _:
            text = str(value)
            cut = text if len(text) <= _LONGEST or isinstance(value, Path) else text[:_LONGEST] + "..."
            return json.dumps(cut, ensure_ascii=not cut.isprintable())


def explain(error: ErrorDetails, at: Location) -> tuple[str, str]:
    """What is wrong at the place, and the remedy."""
    name = next((part for part in reversed(at) if isinstance(part, str)), "it")
    found = field_at(at)
    meaning = " ".join((found.description or "").split()) if found is not None else ""
    match error["type"]:
        case "extra_forbidden":
            return _unknown(at)
        case "missing":
            return "is missing", f"give {name}" + (f": {meaning}" if meaning else "")
        case "tuple_type" | "list_type" if found is not None and section_in(found.annotation) is not None:
            return "is no list of tables", f"write [[{_plain(at)}]], in double brackets, over each of them"
        case "model_type" | "dict_type" | "model_attributes_type":
            brackets = f"[[{_plain(at)}]]" if isinstance(at[-1], int) else f"[{_plain(at)}]"
            return "is no table", f"write {brackets} on a line of its own, and its keys below it"
        case _:
            remedy = "correct it" + (f", or leave it out: {_default(found)} by default" if _default(found) else "")
            return _wrong(error), remedy + (f" ({meaning.rstrip('.')})" if meaning else "")


def field_at(at: Location) -> FieldInfo | None:
    """The model's field that a location names."""
    path = tuple(part for part in at if isinstance(part, str))
    model = model_at(path[:-1]) if path else None
    return None if model is None else model.model_fields.get(path[-1])


def model_at(path: tuple[str, ...]) -> type[Section] | None:
    """The section at a path without indices."""
    model: type[Section] | None = BridgeConfiguration
    for part in path:
        found = None if model is None else model.model_fields.get(part)
        model = None if found is None else section_in(found.annotation)
    return model


def section_in(annotation: Any) -> type[Section] | None:
    """The section that a field holds, alone or many of it."""
    inner = get_args(annotation)[0] if get_origin(annotation) is tuple else annotation
    return inner if isinstance(inner, type) and issubclass(inner, Section) else None


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like it; empty where none is."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), "")


def _unknown(at: Location) -> tuple[str, str]:
    *path, last = (part for part in at if isinstance(part, str))
    if not path and last in CONTROLLERS:
        return (
            "belongs to the controller's configuration: here stand [mqtt] and [bridge] alone",
            "remove it from this file",
        )
    model = model_at(tuple(path))
    names = list(model.model_fields) if model is not None else []
    if near := nearest(last, names):
        return "is no known key", f"did you mean {near}? Rename or remove it"
    where = f"[{'.'.join(path)}]" if path else "the top level"
    return "is no known key", f"remove it; {where} knows {', '.join(names)}"


_BOUNDS: Final = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_SAID: Final = {
    "int_from_float": "is no whole number",
    "int_parsing": "is no whole number",
    "int_type": "is no whole number",
    "float_parsing": "is no number",
    "float_type": "is no number",
    "finite_number": "is not finite",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "string_type": "is no text: it lacks the double quotes",
    "string_too_short": "is empty",
    "string_pattern_mismatch": "has another form than allowed: letters, digits, '_', '.' and '-', a letter or digit "
    "first",
    "tuple_type": "is no list",
}


def _wrong(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    for name, words in _BOUNDS.items():
        if name in context:
            return f"is outside its limits: {words} {context[name]:g}"
    if kind == "literal_error":
        return f"is none of {context['expected']}"
    if kind == "value_error":
        return str(context.get("error", error["msg"]))
    return _SAID.get(kind, f"is not right: {error['msg'].lower()}")


def _default(found: FieldInfo | None) -> str:
    if found is None or found.default in (PydanticUndefined, None, "", ()) or isinstance(found.default, SecretStr):
        return ""
    return shown((), found.default)


def _secret(at: Location) -> bool:
    last = next((part for part in reversed(at) if isinstance(part, str)), "")
    found = field_at(at)
    return found.annotation is SecretStr if found is not None else bool(_SECRETIVE.search(last))


def _plain(at: Location) -> str:
    return ".".join(part for part in at if isinstance(part, str))
