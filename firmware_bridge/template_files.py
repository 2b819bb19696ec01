"""Files of templates: those shipped in a package, and those in the user's folder, which add to them or replace them.

Finding, reading and saying what is wrong; what a file means is in the package that it belongs to.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from firmware_bridge.errors import TemplateError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """One file's content. `place` is how errors name it; `own` is True for a file of the user's."""

    name: str
    place: str
    data: dict[str, Any]
    own: bool


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """One template as a list shows it; `problem` says why it cannot be used, and then `template` is None."""

    name: str
    own: bool
    template: T | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TemplateFiles:
    """`package` holds the shipped ones in `templates/`; `kind` is the user's sub-folder; `what` names them to people:
    a switch, a meter."""

    package: str
    kind: str
    what: str

    def names(self, folder: Path | None = None) -> tuple[str, ...]:
        """All names, sorted. A broken file has its name here too: it is an error where it is used."""
        return tuple(sorted({*_shipped(self.package), *self._own(folder)}))

    def read(self, name: str, folder: Path | None = None) -> Found:
        """Raises TemplateError where there is none of this name, or where the file cannot be read."""
        if (file := self._own(folder).get(name)) is not None:
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise TemplateError(f"{file}: cannot be read: {error}; correct or remove the file") from error
            return Found(name, str(file), _toml(text, str(file)), own=True)
        shipped = _shipped(self.package)
        if name not in shipped:
            raise TemplateError(
                f'no template of a {self.what} is named "{name}": {did_you_mean(name.lower(), self.names(folder))}'
            )
        return Found(name, f"{name}.toml", _toml(shipped[name], f"{name}.toml"), own=False)

    def listed(self, load: Callable[[str, Path | None], T], folder: Path | None = None) -> tuple[Listed[T], ...]:
        """Every template as `load` gives it, and what is wrong with those that it cannot."""
        own = self._own(folder)
        found: list[Listed[T]] = []
        for name in self.names(folder):
            try:
                found.append(Listed(name, name in own, load(name, folder)))
            except TemplateError as error:
                found.append(Listed(name, name in own, None, str(error)))
        return tuple(found)

    def _own(self, folder: Path | None) -> dict[str, Path]:
        return {} if folder is None else {file.stem: file for file in sorted((folder / self.kind).glob("*.toml"))}


def did_you_mean(key: str, known: Iterable[str]) -> str:
    """The remedy for a name that is none."""
    names = list(known)
    near = get_close_matches(key, names, n=1, cutoff=0.4)
    return f"did you mean {near[0]}?" if near else f"write one of {', '.join(names)}"


def mistakes(error: ValidationError, place: str, known: dict[str, Iterable[str]]) -> Iterator[str]:
    """One text for each mistake that pydantic found. `known` gives the keys of each table ("" for the file's own)."""
    for found in error.errors():
        location = found["loc"]
        key = ".".join(str(part) for part in location) or "the file"
        table = str(location[0]) if len(location) > 1 else ""
        value = found["input"]
        shown = f'"{value}"' if isinstance(value, str) else value
        if found["type"] == "missing":
            yield f"{place}: {key} is missing: add it"
        elif found["type"] == "extra_forbidden":
            yield f"{place}: {key} = {shown}: unknown key: {did_you_mean(str(location[-1]), known.get(table, ()))}"
        elif found["type"] == "value_error":
            # The text of our own validators is a sentence already.
            yield f"{place}: {key}: {found['msg'].removeprefix('Value error, ')}"
        else:
            yield f"{place}: {key} = {shown}: {found['msg'].lower()}: correct it"


def _toml(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"{place}: not TOML: {error}; correct the file") from error


@lru_cache(maxsize=8)
def _shipped(package: str) -> dict[str, str]:
    """Texts by name; they do not change while the program runs."""
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in (resources.files(package) / "templates").iterdir()
        if file.name.endswith(".toml")
    }
