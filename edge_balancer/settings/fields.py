"""What the models say about themselves: each key with its type, limits, default and meaning.

One account for checks, example and reference.
"""

from __future__ import annotations

import enum
import functools
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import SecretStr, StringConstraints
from pydantic.fields import FieldInfo

from edge_balancer.settings.root import Configuration
from edge_balancer.types.phases import Phase
from firmware_bridge.settings.base import Location, Section

ENV_PREFIX: Final = "EDGE_BALANCER_"
ENV_DELIMITER: Final = "__"

# The unit of a key is its name's ending.
_UNITS: Final = {
    "s": "s",
    "v": "V",
    "a": "A",
    "w": "W",
    "kva": "kVA",
    "pct": "%",
    "ohm": "ohm",
    "hours": "h",
    "days": "days",
    "mb": "MB",
}
_KINDS: Final[dict[object, str]] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "secret text",
    Path: "file",
}


_LISTS: Final[dict[object, str]] = {int: "list of whole numbers", str: "list of texts"}

_WITHOUT_ARTICLE: Final = {_KINDS[bool], _KINDS[str], _KINDS[SecretStr]}


@dataclass(frozen=True, slots=True)
class Key:
    """One key that a user can set. `path` has no list index: `("houses", "meters", "topic")`."""

    path: tuple[str, ...]
    kind: str
    """The sort of value, in words."""
    choices: tuple[str, ...]
    """All values there are, where they can be counted."""
    limits: str
    """Its bounds in words, with the unit: `5 to 7200 s`. Empty where it has none."""
    required: bool
    default: Any
    """None also where it must be given."""
    meaning: str
    scalar: bool
    """One value, not a list or a table of its own."""
    listed: bool
    """Whether it stands in a list of tables, and so has no name of its own in the environment."""

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def dotted(self) -> str:
        return ".".join(self.path)

    @property
    def secret(self) -> bool:
        return self.kind == _KINDS[SecretStr]

    @property
    def unit(self) -> str:
        return _UNITS.get(self.name.rpartition("_")[2], "") if "_" in self.name and self.kind.endswith("number") else ""

    @property
    def environment(self) -> str:
        """The variable that sets it; empty where none can."""
        if self.listed or not self.scalar:
            return ""
        return ENV_PREFIX + ENV_DELIMITER.join(self.path).upper()

    @property
    def allowed(self) -> str:
        """What may stand there, in words: `a number, 5 to 7200 s`."""
        if self.choices and self.kind != _KINDS[bool]:
            return " or ".join(part for part in (", ".join(self.choices[:-1]), self.choices[-1]) if part)
        article = "" if self.kind in _WITHOUT_ARTICLE else "a "
        return article + self.kind + (f", {self.limits}" if self.limits else "")


@dataclass(frozen=True, slots=True)
class SectionInfo:
    """One table of the file. `listed` where it is a list of tables (`[[houses]]`)."""

    path: tuple[str, ...]
    listed: bool
    meaning: str
    keys: tuple[Key, ...]

    @property
    def dotted(self) -> str:
        return ".".join(self.path)


@functools.cache
def sections(model: type[Section] = Configuration) -> tuple[SectionInfo, ...]:
    """Every table of the configuration (or of another file's model), the top level first, each before those inside
    it."""
    return tuple(_walk(model, (), listed=False, inside_list=False))


@functools.cache
def key_at(path: tuple[str, ...]) -> Key | None:
    """The key of that path, without list indices."""
    return next((key for section in sections() for key in section.keys if key.path == path), None)


def key_of(at: Location) -> Key | None:
    """The key that a location with indices names."""
    return key_at(plain(at))


def section_at(path: tuple[str, ...]) -> SectionInfo | None:
    """The table of that path."""
    return next((section for section in sections() if section.path == path), None)


def plain(at: Location) -> tuple[str, ...]:
    """A location without its list indices."""
    return tuple(part for part in at if isinstance(part, str))


@functools.cache
def environment_names() -> dict[str, Key]:
    """Every variable of the environment that sets a key."""
    return {key.environment: key for section in sections() for key in section.keys if key.environment}


def toml_value(value: Any) -> str:
    """A default as one writes it in TOML; numbers without a needless fraction."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number(value)
        case SecretStr():
            return '""'
        case str() | Path() | enum.Enum():
            return f'"{value}"'
        case tuple():
            return f"[{', '.join(map(toml_value, value))}]"
        case dict() if not value:
            return "{}"
        case _:
            raise TypeError(f"no TOML form is known for {type(value).__name__}")


def number(value: float) -> str:
    """A number without a needless fraction: 900, 0.25."""
    return str(int(value)) if float(value).is_integer() else str(value)


def _walk(model: type[Section], path: tuple[str, ...], *, listed: bool, inside_list: bool) -> Iterator[SectionInfo]:
    keys: list[Key] = []
    inner: list[SectionInfo] = []
    for name, field in model.model_fields.items():
        here = (*path, name)
        kind = _unwrap(field.annotation)[0]
        nested = _section_in(kind)
        if nested is not None:
            many = get_origin(kind) is tuple
            inner.extend(_walk(nested, here, listed=many, inside_list=inside_list or many))
            if not many:
                continue
        keys.append(_key(here, field, listed=inside_list))
    yield SectionInfo(path, listed, " ".join((model.__doc__ or "").split()), tuple(keys))
    yield from inner


def _section_in(kind: Any) -> type[Section] | None:
    candidate = get_args(kind)[0] if get_origin(kind) is tuple else kind
    return candidate if isinstance(candidate, type) and issubclass(candidate, Section) else None


def _unwrap(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type behind `X | None` and `Annotated[X, ...]`, and what was annotated."""
    metadata: tuple[Any, ...] = ()
    while True:
        origin = get_origin(annotation)
        if origin is typing.Annotated:
            metadata += annotation.__metadata__
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        else:
            return annotation, metadata


def _key(path: tuple[str, ...], field: FieldInfo, *, listed: bool) -> Key:
    bare, metadata = _unwrap(field.annotation)
    required = field.is_required()
    key = Key(
        path=path,
        kind=_kind(bare),
        choices=_choices(bare),
        limits="",
        required=required,
        default=None if required else field.default,
        meaning=" ".join((field.description or "").split()),
        scalar=get_origin(bare) not in (tuple, dict),
        listed=listed,
    )
    return replace(key, limits=_limits((*metadata, *field.metadata), key.unit))


def _kind(bare: Any) -> str:
    if get_origin(bare) is tuple:
        return _LISTS.get(get_args(bare)[0], "list of tables")
    if get_origin(bare) is dict:
        return "table"
    return _KINDS.get(bare, "choice")


def _choices(bare: Any) -> tuple[str, ...]:
    if get_origin(bare) is Literal:
        return tuple(toml_value(value) for value in get_args(bare))
    if bare is Phase:
        return tuple(str(phase) for phase in Phase)
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        return tuple(f'"{member.value}"' for member in bare)
    return ("true", "false") if bare is bool else ()


def _limits(metadata: tuple[Any, ...], unit: str) -> str:
    low = high = text = ""
    for item in metadata:
        match item:
            case annotated_types.Ge(ge=bound):
                low = f"at least {number(_real(bound))}"
            case annotated_types.Gt(gt=bound):
                low = f"above {number(_real(bound))}"
            case annotated_types.Le(le=bound):
                high = f"at most {number(_real(bound))}"
            case annotated_types.Lt(lt=bound):
                high = f"below {number(_real(bound))}"
            case annotated_types.MinLen(min_length=1):
                text = "at least one character"
            case StringConstraints(pattern=pattern, max_length=length) if pattern:
                text = "made of letters, digits, '_', '.' and '-', beginning with a letter or digit"
                text += f", at most {length} characters"
            case _:
                pass
    if low.startswith("at least ") and high.startswith("at most "):
        bounds = f"{low.removeprefix('at least ')} to {high.removeprefix('at most ')}"
    else:
        bounds = ", ".join(bound for bound in (low, high) if bound)
    return f"{bounds} {unit}".strip() if bounds else text


def _real(bound: Any) -> float:
    return float(bound)
