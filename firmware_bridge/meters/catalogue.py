"""Which meter templates there are, shipped and of the user's own, and how one is had by its name.

Files are read here and nowhere else; what they mean is in `template_file`.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from firmware_bridge.errors import TemplateError
from firmware_bridge.meters.template import Template
from firmware_bridge.meters.template_file import build, merged, parse_toml


@dataclass(frozen=True, slots=True)
class Listed:
    """One template as a list shows it; `problem` says why it cannot be used, and then `template` is None."""

    name: str
    own: bool
    template: Template | None
    problem: str = ""


def meter_names(folder: Path | None = None) -> tuple[str, ...]:
    """All names, sorted. `folder` is the user's; its `meters/*.toml` add to the shipped ones and take their place.

    A broken file has its name here too: it is an error where it is used.
    """
    return tuple(sorted({*_shipped(), *_own(folder)}))


def load_meter(name: str, folder: Path | None = None) -> Template:
    """The template of this name. Raises TemplateError where there is none, or where its file is wrong."""
    data, place, own = _read(name, folder)
    return build(name, _extended(data, place, name, folder, own=own), place, own=own)


def list_meters(folder: Path | None = None) -> tuple[Listed, ...]:
    """All templates, with what is wrong with those that cannot be used."""
    listed = []
    for name in meter_names(folder):
        own = name in _own(folder)
        try:
            listed.append(Listed(name, own, load_meter(name, folder)))
        except TemplateError as error:
            listed.append(Listed(name, own, None, str(error)))
    return tuple(listed)


def _extended(data: dict[str, Any], place: str, name: str, folder: Path | None, *, own: bool) -> dict[str, Any]:
    """The file's keys over those of what it extends. An own file may extend the shipped one that it replaces."""
    seen = {(name, own)}
    while base := data.get("extends"):
        if not isinstance(base, str):
            raise TemplateError(
                f'{place}: extends = {base}: write the name of a template, as extends = "eastron_sdm630"'
            )
        # A shipped template rests on shipped ones: an own file changes only what bears its name.
        again = not own or (base, True) in seen
        if (base, False) in seen or (again and base not in _shipped()):
            raise TemplateError(f'{place}: extends = "{base}": goes round in a circle: remove one extends')
        try:
            under, _, own = _read(base, None if again else folder)
        except TemplateError as error:
            raise TemplateError(f'{place}: extends = "{base}": {error}') from error
        seen.add((base, own))
        data = merged(under, {key: value for key, value in data.items() if key != "extends"})
    return data


def _read(name: str, folder: Path | None) -> tuple[dict[str, Any], str, bool]:
    own = _own(folder)
    if name in own:
        file = own[name]
        try:
            return parse_toml(file.read_text(encoding="utf-8"), str(file)), str(file), True
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(f"{file}: cannot be read: {error}; correct or remove the file") from error
    shipped = _shipped()
    if name not in shipped:
        near = get_close_matches(name.lower(), meter_names(folder), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(meter_names(folder))}"
        raise TemplateError(f'no template of a meter is named "{name}": {hint}')
    return parse_toml(shipped[name], f"{name}.toml"), f"{name}.toml", False


@lru_cache(maxsize=1)
def _shipped() -> dict[str, str]:
    """Texts by name; they do not change while the program runs."""
    folder = resources.files("firmware_bridge.meters") / "templates"
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }


def _own(folder: Path | None) -> dict[str, Path]:
    if folder is None:
        return {}
    return {file.stem: file for file in sorted((folder / "meters").glob("*.toml"))}
