"""Which switch templates there are, shipped and of the user's own, and how one is had by its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_bridge.errors import TemplateError
from firmware_bridge.switches.template import SwitchTemplate, build
from firmware_bridge.template_files import TemplateFiles

_FILES: Final = TemplateFiles("firmware_bridge.switches", "switches", "phase switch")


@dataclass(frozen=True, slots=True)
class Listed:
    """One template as a list shows it; `problem` says why it cannot be used, and then `template` is None."""

    name: str
    own: bool
    template: SwitchTemplate | None
    problem: str = ""


def switch_names(folder: Path | None = None) -> tuple[str, ...]:
    """All names, sorted. `folder` is the user's; its `switches/*.toml` add to the shipped ones and take their place."""
    return _FILES.names(folder)


def load_switch(name: str, folder: Path | None = None) -> SwitchTemplate:
    """The template of this name. Raises TemplateError where there is none, or where its file is wrong."""
    return build(_FILES.read(name, folder))


def list_switches(folder: Path | None = None) -> tuple[Listed, ...]:
    """All templates, with what is wrong with those that cannot be used."""
    own = set(switch_names(folder)) if folder is None else {file.stem for file in (folder / "switches").glob("*.toml")}
    listed = []
    for name in switch_names(folder):
        mine = folder is not None and name in own
        try:
            listed.append(Listed(name, mine, load_switch(name, folder)))
        except TemplateError as error:
            listed.append(Listed(name, mine, None, str(error)))
    return tuple(listed)
