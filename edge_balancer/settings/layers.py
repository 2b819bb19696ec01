"""The layers of the configuration, as read: file, houses' table, credentials, environment. The later wins.

Reads and merges, and remembers where each value came from. What the values are worth is judged in `collect`.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic_settings import BaseSettings, EnvSettingsSource

from edge_balancer.errors import Problem
from edge_balancer.settings import houses_csv
from edge_balancer.settings.explain import dotted, nearest, shown
from edge_balancer.settings.fields import ENV_DELIMITER, ENV_PREFIX, Key, environment_names, plain
from edge_balancer.settings.files import printable, read_text
from edge_balancer.settings.root import Configuration
from firmware_bridge.settings.base import Location

# Stands for the houses that could not be read: what concerns all houses is then unknown, what concerns one is not.
_SOME_HOUSE: Final[Location] = ("houses", -1)
_NO_FILE: Final = "give another path; `edge-balancer init` writes an example"
_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"


class _Shape(Configuration, BaseSettings):  # type: ignore[misc]  # both configure pydantic, each with its own type
    """What pydantic-settings needs in order to know which variables there are. Never instantiated."""


@dataclass(slots=True)
class Layers:
    """All that was read, merged, and where it came from."""

    path: Path | None
    merged: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[Location] = field(default_factory=set)
    """Keys whose value could not be read: what follows from their absence is no finding."""
    from_file: dict[str, Any] = field(default_factory=dict)
    origin: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Key -> the variable or credential that gave it."""
    table: str = ""
    """Name of the houses' file."""
    rows: tuple[houses_csv.Row, ...] = ()
    first_row: int = 0
    """Index among all houses of the table's first."""

    @property
    def folder(self) -> Path:
        """Where relative paths count from."""
        return Path.cwd() if self.path is None else self.path.absolute().parent

    def key(self, at: Location) -> str:
        """A location as people find it: a key of the file, or a line and column of the houses' table."""
        row = self._row(at)
        if row is None:
            return dotted(at) or self.file_name
        column = houses_csv.column_of(at[2:])
        return f"{self.table} line {row.line}" + (f", column {column}" if column else "")

    def source(self, at: Location) -> str:
        """Where the value at this location was read; empty where it is a default."""
        if self._row(at) is not None:
            return self.table
        if given := self.origin.get(plain(at)):
            return given
        inside: Any = self.from_file
        for part in at:
            try:
                inside = inside[part]
            except (KeyError, IndexError, TypeError):
                return ""
        return self.file_name

    @property
    def file_name(self) -> str:
        return "configuration" if self.path is None else str(self.path)

    def _row(self, at: Location) -> houses_csv.Row | None:
        match at:
            case ("houses", int(index), *_) if self.first_row <= index < self.first_row + len(self.rows):
                return self.rows[index - self.first_row]
            case _:
                return None


def read(path: Path | None, environ: Mapping[str, str], credentials_dir: Path | None) -> Layers:
    """Read and merge every layer.

    Without `credentials_dir`, systemd's `$CREDENTIALS_DIRECTORY` counts. Raises nothing.
    """
    layers = Layers(path)
    if path is not None:
        layers.from_file = _toml(path, layers)
    layers.merged = copy.deepcopy(layers.from_file)
    if credentials_dir is None and environ.get(_CREDENTIALS):
        credentials_dir = Path(environ[_CREDENTIALS])
    if credentials_dir is not None:
        _overlay(layers, _credentials(credentials_dir, layers), "credential")
    _overlay(layers, _environment(environ, layers), "environment variable")
    _add_table(layers)
    return layers


def _toml(path: Path, layers: Layers) -> dict[str, Any]:
    text, problem = read_text(
        path, "the configuration (TOML)", "give another path; `edge-balancer init` writes an example"
    )
    if problem is None:
        try:
            return tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            # Besides its own error tomllib lets out those of huge numbers and deep nesting. None quotes a value.
            said = (
                str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number or a nesting beyond all bounds"
            )
            remedy = "mend the line: key = value, text in double quotes, sections in [brackets]"
            problem = Problem(str(path), "", f"is not valid TOML: {said}", remedy)
    layers.problems.append(problem)
    layers.unread.add(())
    return {}


def _credentials(folder: Path, layers: Layers) -> dict[Key, tuple[str, str]]:
    """Key -> the credential's name and text. Other files may stand there, for other purposes; a near miss is told."""
    names = {spelt: key for key in environment_names().values() for spelt in _spellings(key)}
    found: dict[Key, tuple[str, str]] = {}
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file())
    except (OSError, ValueError) as error:
        wrong = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        remedy = f"correct or unset {_CREDENTIALS}"
        layers.problems.append(Problem("credentials directory", shown(str(folder)), wrong, remedy))
        return found
    for file in files:
        key = names.get(file.name.casefold())
        if key is None:
            if near := nearest(file.name.casefold(), names):
                remedy = f"did you mean {near}? Rename the credential if so"
                layers.problems.append(Problem(f"credential {file.name}", "", "sets no key", remedy, "warning"))
            continue
        if key.kind == "file":
            # A key that names a file is served by the credential itself: `mqtt.key_file` holds the key, not a path.
            found[key] = (file.name, str(file))
            continue
        text, problem = read_text(file, "a credential", "remove it")
        if problem is not None:
            layers.problems.append(problem)
            layers.unread.add(key.path)
        else:
            # Editors and `echo` end a file with a line's end that belongs to no secret.
            found[key] = (file.name, text.rstrip("\r\n"))
    return found


def _spellings(key: Key) -> Sequence[str]:
    return [separator.join(key.path) for separator in (".", ENV_DELIMITER, "_")]


def _environment(environ: Mapping[str, str], layers: Layers) -> dict[Key, tuple[str, str]]:
    """Key -> the variable's name and value. A variable with our prefix that sets nothing is an error."""
    names = environment_names()
    found: dict[Key, tuple[str, str]] = {}
    for name, value in sorted(environ.items()):
        if not name.upper().startswith(ENV_PREFIX):
            continue
        key = names.get(name.upper())
        if key is not None and _is_text(value):
            found[key] = (name, value)
            continue
        if key is not None:
            problem = Problem(name, "", "is not UTF-8 text", "correct or unset it")
            layers.problems.append(problem)
            layers.unread.add(key.path)
            continue
        near = nearest(name.upper(), names)
        remedy = f"did you mean {near}? Rename or unset it" if near else "unset it; only single values can be set there"
        wrong = "is no known environment variable: they are " + ENV_PREFIX + "<SECTION>" + ENV_DELIMITER + "<KEY>"
        layers.problems.append(Problem(printable(name), "", wrong, remedy))
    return found


def _is_text(value: str) -> bool:
    """Whether it is text: bytes of the environment that are not UTF-8 come as lone surrogates, which nothing can
    print."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _overlay(layers: Layers, found: Mapping[Key, tuple[str, str]], kind: str) -> None:
    """Lay the values over what was read before."""
    source = EnvSettingsSource(_Shape, case_sensitive=True, env_prefix="", env_nested_delimiter=ENV_DELIMITER)
    # It looks into the process's own environment by itself; here counts what was handed in, and was found to be known.
    source.env_vars = {ENV_DELIMITER.join(key.path): value for key, (_, value) in found.items()}
    _merge(layers.merged, source())
    layers.origin.update({key.path: f"{kind} {printable(name)}" for key, (name, _) in found.items()})


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for name, value in above.items():
        under = below.get(name)
        if isinstance(value, dict) and isinstance(under, dict):
            _merge(under, value)
        elif isinstance(value, dict) and under is not None:
            # The file has a single value where a section belongs: it must be told, not hidden.
            continue
        else:
            below[name] = value


def _add_table(layers: Layers) -> None:
    """Read `houses_file` and put its rows behind the houses of the file."""
    name = layers.merged.get("houses_file")
    if not isinstance(name, str):
        return
    file = layers.folder / name
    text, problem = read_text(file, "the houses' table (CSV)", "correct houses_file, or remove it and write [[houses]]")
    if problem is not None:
        found = Problem(
            "houses_file", shown(name), problem.wrong, problem.remedy, source=layers.source(("houses_file",))
        )
        layers.problems.append(found)
        layers.unread.add(_SOME_HOUSE)
        return
    table = houses_csv.parse(text, file.name)
    layers.problems.extend(table.problems)
    if table.problems:
        layers.unread.add(_SOME_HOUSE)
    houses = layers.merged.get("houses", [])
    if not isinstance(houses, list):
        remedy = "write [[houses]], in double brackets, over each of them"
        layers.problems.append(
            Problem("houses", shown(houses), "is no list of tables", remedy, source=layers.file_name)
        )
        houses = []
    layers.table, layers.rows, layers.first_row = file.name, table.rows, len(houses)
    layers.merged["houses"] = [*houses, *(row.house for row in table.rows)]
