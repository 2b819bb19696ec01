"""What pydantic found wrong, said for people: what it is, the limit and the remedy. Values are shown without secrets.

No reading, no judging: that is `collect`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic_core import ErrorDetails

from edge_balancer.settings.fields import Key, key_at, key_of, plain, section_at, sections, toml_value
from firmware_bridge.settings.base import Location

HIDDEN: Final = "(hidden)"
_MAX_SHOWN: Final = 60
_BARE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
# A key that is not ours may still hold a secret, under a name of its author's choice.
_SUSPICIOUS: Final = ("pass", "pw", "secret", "token", "key", "cred", "pin", "auth", "kennwort")

_SAID: Final = {
    "int_from_float": "is no whole number",
    "finite_number": "is not finite",
    "string_too_short": "is empty",
}
_OUTSIDE: Final = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
_MALFORMED: Final = ("string_pattern_mismatch", "string_too_long")


def dotted(at: Location) -> str:
    """A location as people write it: `houses[3].phase`."""
    text = ""
    for part in at:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part and set(part) <= _BARE else json.dumps(part)
            text += f".{name}" if text else name
    return text


def shown(value: object) -> str:
    """A value as one would write it, short; a list or table only by its size."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >= 10**_MAX_SHOWN:
            return "a number of more than 60 digits"
        case int():
            return str(value)
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return "a table"
        case _:
            text = str(value)
            # A path's end says most.
            cut = text if len(text) <= _MAX_SHOWN or isinstance(value, Path) else text[:_MAX_SHOWN] + "..."
            return json.dumps(cut, ensure_ascii=not cut.isprintable())


def is_secret(at: Location) -> bool:
    """Whether what stands there must not be shown: a secret, what lies inside one, or what may hold one."""
    path = plain(at)
    if any(key.secret and path[: len(key.path)] == key.path for section in sections() for key in section.keys):
        return True
    if key_at(path) is not None or not path:
        return False
    # An unknown key beside a secret, or with a telling name, may be that secret misspelt; so may a value where its
    # section belongs.
    here = section_at(path) or section_at(path[:-1])
    beside = here is not None and any(key.secret for key in here.keys)
    return beside or any(word in path[-1].casefold() for word in _SUSPICIOUS)


def redacted(at: Location, value: object) -> str:
    """The value as text, or that it is hidden."""
    if value is None or isinstance(value, (dict, list, tuple)):
        return shown(value)
    return HIDDEN if is_secret(at) else shown(value)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like it; empty where none is."""
    known = list(known)
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.6)), "")


def explain(error: ErrorDetails, at: Location) -> tuple[str, str]:
    """What is wrong at the place, and the remedy."""
    key = key_of(at)
    name = dotted(plain(at))
    match error["type"]:
        case "extra_forbidden":
            return _unknown(at)
        case "missing":
            return "is missing", f"give {_name(at)}: {key.allowed if key else 'a value'}"
        case "tuple_type" | "list_type":
            return "is no list of tables", f"write [[{name}]], in double brackets, over each of them"
        case "model_type" | "dict_type" | "model_attributes_type":
            brackets = f"[[{name}]]" if isinstance(at[-1], int) else f"[{name}]"
            return "is no table", f"write {brackets} on a line of its own, and its keys below it"
        case _ if is_wrong_key(error):
            return "is no known key", f"use {_said(error)}"
        case _:
            return _wrong_value(error, key), _remedy(at, key)


def is_wrong_key(error: ErrorDetails) -> bool:
    """Whether the key is wrong, as against its value: pydantic then adds one more step to the place of the value."""
    return error["type"] == "literal_error" and error["loc"][-1] == "[key]"


def _wrong_value(error: ErrorDetails, key: Key | None) -> str:
    kind, value = error["type"], error["input"]
    if kind == "value_error":
        return str(error.get("ctx", {}).get("error", _said(error)))
    if kind in ("float_parsing", "int_parsing") and isinstance(value, str) and "," in value:
        return "is no number: the decimal sign is the point"
    if kind == "string_type" and isinstance(value, (int, float)):
        return "is no text: it lacks the double quotes"
    if kind in _SAID:
        return _SAID[kind]
    if key is None:
        return f"is not {_said(error)}"
    if kind in _OUTSIDE:
        return f"is outside its limits: {key.limits}"
    if kind in _MALFORMED:
        return f"has another form than allowed: {key.limits}"
    return f"is none of {key.allowed}" if kind in ("literal_error", "enum") else f"is not {key.allowed}"


def _remedy(at: Location, key: Key | None) -> str:
    if key is None:
        return f"mend or remove {_name(at)}"
    allowed = f"set {_name(at)} to {key.allowed}"
    if key.kind in ("text", "secret text", "file", "choice"):
        allowed += ", in double quotes" if key.kind != "choice" else ""
    if key.required:
        return allowed
    if key.default is None or key.default == "" or not key.scalar:
        return f"{allowed}; or leave it out"
    return f"{allowed}; or leave it out: {toml_value(key.default)} by default"


def _unknown(at: Location) -> tuple[str, str]:
    path = plain(at)
    section = section_at(path[:-1])
    if section is None:
        return "is no known key", f"remove {dotted(path)}"
    names = [key.name for key in section.keys] + [
        s.path[-1] for s in sections() if s.path and s.path[:-1] == section.path and not s.listed
    ]
    if near := nearest(path[-1], names):
        return "is no known key", f"did you mean {near}? Rename or remove it"
    elsewhere = [key.dotted for s in sections() for key in s.keys if key.name == path[-1]]
    if elsewhere:
        return "is no known key there", f"it belongs to another section: {' or '.join(elsewhere)}"
    where = f"[{section.dotted}]" if section.path else "the top level"
    return "is no known key", f"remove it; {where} knows {', '.join(names)}"


def _name(at: Location) -> str:
    return next((part for part in reversed(at) if isinstance(part, str)), "it")


def _said(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Input should be ").removeprefix("a valid ").removeprefix("Value error, ")
