"""Reads a scenario file (TOML) and says what is wrong with it: place, value, limit, remedy, all at once."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edge_balancer.errors import ConfigurationError, Problem
from edge_balancer.settings.explain import dotted, nearest, shown
from edge_balancer.settings.fields import Key, SectionInfo, plain, sections, toml_value
from edge_balancer.simulation.scenario import Scenario
from firmware_bridge.settings.base import Contradictions, Location

# Sorts of values that the controller's configuration does not have.
_SORTS: Final = {
    ("run", "start"): "a date, like 2025-05-05",
    ("baselines",): 'a list of "none" and "static"',
    ("feeder", "watch"): "a list of texts",
}


def load(path: Path) -> Scenario:
    """The scenario of a file; paths in it count from its folder. Raises ConfigurationError with every problem."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = Problem(str(path), "", f"cannot be read: {error.strerror or error}", "give another path; "
                          "`edge-balancer simulate --example` prints a scenario")  # fmt: skip
        raise ConfigurationError([problem]) from error
    except ValueError as error:
        said = f"is not valid TOML: {error}" if isinstance(error, tomllib.TOMLDecodeError) else "is not UTF-8 text"
        remedy = "mend the line: key = value, text in double quotes, sections in [brackets]"
        raise ConfigurationError([Problem(str(path), "", said, remedy)]) from error
    scenario = parse(data, str(path))
    folder = scenario.feeder.folder
    if folder is None:
        return scenario
    feeder = scenario.feeder.model_copy(update={"folder": path.absolute().parent / folder})
    return scenario.model_copy(update={"feeder": feeder})


def parse(data: dict[str, Any], source: str = "scenario") -> Scenario:
    """The scenario of values as TOML gives them. Raises ConfigurationError with every problem."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        problems = [problem for one in error.errors(include_url=False) for problem in _problems(one, source)]
        raise ConfigurationError(problems) from error


def _problems(error: ErrorDetails, source: str) -> Iterator[Problem]:
    at: Location = error["loc"]
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Contradictions):
        for finding in cause.findings:
            yield Problem(
                dotted((*at, *finding.at)), shown(finding.value), finding.wrong, finding.remedy, "error", source
            )
        return
    value = "" if error["type"] == "missing" else shown(error["input"])
    wrong, remedy = _explained(error, at)
    yield Problem(dotted(at) or source, value, wrong, remedy, "error", source)


def _explained(error: ErrorDetails, at: Location) -> tuple[str, str]:
    path = plain(at)
    if error["type"] == "extra_forbidden":
        section = _section(path[:-1])
        names = _names(section)
        near = nearest(path[-1], names)
        return "is no known key", f"did you mean {near}? Rename or remove it" if near else f"use {', '.join(names)}"
    if error["type"] in ("model_type", "dict_type", "model_attributes_type"):
        return "is no table", f"write [{dotted(path)}] on a line of its own, and its keys below it"
    key = _key(path)
    if key is None:
        return error["msg"], f"mend or remove {path[-1] if path else 'it'}"
    allowed = allowed_of(key)
    wrong = f"is not {allowed}"
    if error["type"] == "value_error":
        wrong = error["msg"].removeprefix("Value error, ")
    default = "" if key.default is None else f": {default_of(key)} by default"
    return wrong, f"set {key.name} to {allowed}; or leave it out{default}"


def allowed_of(key: Key) -> str:
    """What may stand there, in words."""
    return _SORTS.get(key.path, key.allowed)


def default_of(key: Key) -> str:
    """The default as one writes it in TOML."""
    return str(key.default) if isinstance(key.default, dt.date) else toml_value(key.default)


def _section(path: tuple[str, ...]) -> SectionInfo | None:
    return next((section for section in sections(Scenario) if section.path == path), None)


def _key(path: tuple[str, ...]) -> Key | None:
    return next((key for section in sections(Scenario) for key in section.keys if key.path == path), None)


def _names(section: SectionInfo | None) -> list[str]:
    if section is None:
        return []
    inside = [s.path[-1] for s in sections(Scenario) if s.path and s.path[:-1] == section.path]
    return [key.name for key in section.keys] + inside
