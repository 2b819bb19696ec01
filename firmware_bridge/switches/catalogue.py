"""Which switch templates there are, shipped and of the user's own, and how one is had by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from firmware_bridge.switches.template import SwitchTemplate, build
from firmware_bridge.template_files import Listed, TemplateFiles

_FILES: Final = TemplateFiles("firmware_bridge.switches", "switches", "phase switch")


def switch_names(folder: Path | None = None) -> tuple[str, ...]:
    """All names, sorted. `folder` is the user's; its `switches/*.toml` add to the shipped ones and take their place."""
    return _FILES.names(folder)


def load_switch(name: str, folder: Path | None = None) -> SwitchTemplate:
    """The template of this name. Raises TemplateError where there is none, or where its file is wrong."""
    return build(_FILES.read(name, folder))


def list_switches(folder: Path | None = None) -> tuple[Listed[SwitchTemplate], ...]:
    """All templates, with what is wrong with those that cannot be used."""
    return _FILES.listed(load_switch, folder)
