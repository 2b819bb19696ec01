"""Which meter templates there are, shipped and of the user's own, and how one is had by its name.

What a file means is in `template_file`; how files are found and read in `firmware_bridge.template_files`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from firmware_bridge.errors import TemplateError
from firmware_bridge.meters.template import Template
from firmware_bridge.meters.template_file import build, merged
from firmware_bridge.template_files import Found, Listed, TemplateFiles

_FILES: Final = TemplateFiles("firmware_bridge.meters", "meters", "meter")


def meter_names(folder: Path | None = None) -> tuple[str, ...]:
    """All names, sorted. `folder` is the user's; its `meters/*.toml` add to the shipped ones and take their place."""
    return _FILES.names(folder)


def load_meter(name: str, folder: Path | None = None) -> Template:
    """The template of this name. Raises TemplateError where there is none, or where its file is wrong."""
    found = _FILES.read(name, folder)
    return build(name, _extended(found, folder), found.place, own=found.own)


def list_meters(folder: Path | None = None) -> tuple[Listed[Template], ...]:
    """All templates, with what is wrong with those that cannot be used."""
    return _FILES.listed(load_meter, folder)


def _extended(found: Found, folder: Path | None) -> dict[str, Any]:
    """The file's keys over those of what it extends. An own file may extend the shipped one that it replaces."""
    data, place, own = found.data, found.place, found.own
    shipped = _FILES.names()
    seen = {(found.name, own)}
    while base := data.get("extends"):
        if not isinstance(base, str):
            raise TemplateError(
                f'{place}: extends = {base}: write the name of a template, as extends = "eastron_sdm630"'
            )
        # A shipped template rests on shipped ones: an own file changes only what bears its name.
        again = not own or (base, True) in seen
        if (base, False) in seen or (again and base not in shipped):
            raise TemplateError(f'{place}: extends = "{base}": goes round in a circle: remove one extends')
        try:
            under = _FILES.read(base, None if again else folder)
        except TemplateError as error:
            raise TemplateError(f'{place}: extends = "{base}": {error}') from error
        own = under.own
        seen.add((base, own))
        data = merged(under.data, {key: value for key, value in data.items() if key != "extends"})
    return data
