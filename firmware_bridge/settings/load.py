"""Reads the configuration of a bridge that runs alone: TOML file, systemd credentials, environment; the later wins.

What is wrong is told, taken out, and the rest is judged again, so that everything is told at once. What models,
addresses and files are worth is judged by who knows them, and added (`Layers.add`).
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from firmware_bridge.errors import Problem
from firmware_bridge.settings.base import Contradictions, Finding, Location
from firmware_bridge.settings.bridge import BridgeConfiguration
from firmware_bridge.settings.problems import dotted, explain, nearest, section_in, shown

PREFIX: Final = "FIRMWARE_BRIDGE_"
_DELIMITER: Final = "__"
_MAX_BYTES: Final = 4 * 1024 * 1024
_LISTS_OF_TABLES: Final = ("lines", "meters", "switches", "relays")

Key = tuple[str, ...]


@dataclass(slots=True)
class Loaded:
    """What was read. `configuration` is what remains when all that is wrong was taken out; its paths are absolute."""

    path: Path
    configuration: BridgeConfiguration = field(default_factory=BridgeConfiguration)
    problems: list[Problem] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)
    """All layers merged, as read."""
    origin: dict[Key, str] = field(default_factory=dict)
    """Key -> the variable or credential that gave it."""
    _places: dict[Location, list[int]] = field(default_factory=dict)
    """List, as read -> which of its entries remain."""
    _wrong: set[Location] = field(default_factory=set)

    @property
    def sound(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)

    def source(self, at: Location) -> str:
        """Where the value at this location was read; empty where it is a default."""
        if given := self.origin.get(tuple(part for part in at if isinstance(part, str))):
            return given
        inside: Any = self.raw
        for part in at:
            try:
                inside = inside[part]
            except (KeyError, IndexError, TypeError):
                return ""
        return str(self.path)

    def add(self, findings: Iterable[Finding]) -> None:
        """Tell what was found in `configuration`, unless it is an echo of something told before."""
        for finding in findings:
            self._tell(finding, [self._as_read(place) for place in (finding.at, *finding.involves)])

    def _tell(self, finding: Finding, places: list[Location]) -> None:
        if any(_overlap(place, wrong) for place in places for wrong in self._wrong):
            return
        at = places[0]
        self.problems.append(
            Problem(
                dotted(at),
                shown(at, finding.value),
                finding.wrong + self._label(at),
                finding.remedy,
                finding.severity,
                self.source(at),
            )
        )

    def _label(self, at: Location) -> str:
        """Whose device it is: who counts list entries from 0?"""
        inside: Any = self.raw
        label = ""
        for part in at[:-1]:
            try:
                inside = inside[part]
            except (KeyError, IndexError, TypeError):
                return label
            if isinstance(inside, dict):
                name = inside.get("house") or inside.get("name")
                kind = "house" if inside.get("house") else "line"
                label = f" ({kind} {name})" if isinstance(name, str) and at[-1] not in ("house", "name") else label
        return label

    # -- judging what the models say ----------------------------------------------------------------------------------

    def judge(self) -> None:
        """Find out what in `raw` is wrong in itself, and what remains."""
        data = copy.deepcopy(self.raw)
        while True:
            try:
                self.configuration = BridgeConfiguration.model_validate(data)
            except ValidationError as error:
                if not self._take_out(error.errors(include_url=False), data):
                    data = {}
            else:
                return

    def _take_out(self, errors: list[ErrorDetails], data: dict[str, Any]) -> bool:
        """Tell what is wrong and take it out of `data`; False where nothing could be."""
        places: list[Location] = []
        for error in errors:
            at = self._as_read(error["loc"])
            cause = error.get("ctx", {}).get("error")
            if isinstance(cause, Contradictions):
                for finding in cause.findings:
                    involved: list[Location] = [(*at, *place) for place in (finding.at, *finding.involves)]
                    self._tell(finding, involved)
                    places.extend(involved)
                continue
            if not any(_overlap(at, wrong) for wrong in self._wrong):
                wrong, remedy = explain(error, at)
                value = None if error["type"] == "missing" else error["input"]
                self.problems.append(
                    Problem(dotted(at), shown(at, value), wrong + self._label(at), remedy, source=self.source(at))
                )
            places.append(at)
        self._wrong.update(places)
        return sum(self._delete(at, data) for at in places) > 0

    def _delete(self, at: Location, data: dict[str, Any]) -> bool:
        """Take out the smallest thing that can go: the key, else the entry or table around it."""
        while at:
            holder: Any = data
            for part in self._as_now(at[:-1]):
                try:
                    holder = holder[part]
                except (KeyError, IndexError, TypeError):
                    return False
            last = at[-1]
            if isinstance(holder, dict) and last in holder:
                del holder[last]
                return True
            if isinstance(holder, list) and isinstance(last, int) and at[-2] in _LISTS_OF_TABLES and _tables(holder):
                remaining = self._places.setdefault(at[:-1], list(range(len(holder))))
                if last not in remaining:
                    return False
                del holder[remaining.index(last)]
                remaining.remove(last)
                return True
            at = at[:-1]
        return False

    def _as_read(self, at: Location) -> Location:
        found: Location = ()
        for part in at:
            remaining = self._places.get(found)
            known = remaining is not None and isinstance(part, int) and part < len(remaining)
            found = (*found, remaining[part] if known and remaining is not None and isinstance(part, int) else part)
        return found

    def _as_now(self, at: Location) -> Iterator[str | int]:
        for index, part in enumerate(at):
            remaining = self._places.get(at[:index])
            if remaining is None or not isinstance(part, int):
                yield part
            else:
                yield remaining.index(part) if part in remaining else -1_000_000


def read(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read and judge every layer. Raises nothing, whatever stands in them."""
    loaded = Loaded(path)
    loaded.raw = _toml(path, loaded.problems)
    if folder := environ.get("CREDENTIALS_DIRECTORY"):
        for key, (name, value) in _credentials(Path(folder), loaded.problems).items():
            _lay(loaded, key, value, f"credential {name}")
    for key, (name, value) in _environment(environ, loaded.problems).items():
        _lay(loaded, key, value, f"environment variable {name}")
    loaded.judge()
    loaded.configuration = _resolved(loaded.configuration, path.absolute().parent, environ)
    return loaded


def keys() -> dict[Key, Any]:
    """Every key outside of lists, with its type."""
    return dict(_walk((), BridgeConfiguration))


def _walk(path: Key, model: Any) -> Iterator[tuple[Key, Any]]:
    for name, found in model.model_fields.items():
        here = (*path, name)
        inner = section_in(found.annotation)
        if inner is None:
            yield here, found.annotation
        elif inner is found.annotation:
            yield from _walk(here, inner)


def _toml(path: Path, problems: list[Problem]) -> dict[str, Any]:
    remedy = "give another path; `firmware-bridge init DIR` writes an example"
    try:
        if path.is_file() and path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"is larger than {_MAX_BYTES // 1024 // 1024} MB: that is no configuration")
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        problems.append(Problem(str(path), "", f"cannot be read: {error.strerror}", remedy))
    except UnicodeDecodeError as error:
        problems.append(Problem(str(path), "", f"is not UTF-8 text (byte {error.start + 1})", "save it as UTF-8"))
    except (ValueError, RecursionError) as error:
        remedy = "correct the line: key = value, text in double quotes, sections in [brackets]"
        problems.append(Problem(str(path), "", f"is not valid TOML: {error}", remedy))
    return {}


def _credentials(folder: Path, problems: list[Problem]) -> dict[Key, tuple[str, str]]:
    """Key -> the credential's name and text. Other files may stand there, for other purposes."""
    known = keys()
    found: dict[Key, tuple[str, str]] = {}
    for key, kind in known.items():
        file = folder / ".".join(key)
        try:
            if not file.is_file():
                continue
            # A key that names a file is served by the credential itself; editors end a file with a line's end.
            text = str(file) if kind in (Path, Path | None) else file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            wrong = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"cannot be read: {error}"
            problems.append(Problem(f"credential {file.name}", "", wrong, "write it anew, or remove it"))
            continue
        found[key] = (file.name, text)
    return found


def _environment(environ: Mapping[str, str], problems: list[Problem]) -> dict[Key, tuple[str, str]]:
    """Key -> the variable's name and value. A variable with our prefix that sets nothing is an error."""
    names = {PREFIX + _DELIMITER.join(key).upper(): key for key in keys()}
    found: dict[Key, tuple[str, str]] = {}
    for name, value in sorted(environ.items()):
        if not name.upper().startswith(PREFIX):
            continue
        if (key := names.get(name.upper())) is not None:
            found[key] = (name, value)
            continue
        near = nearest(name.upper(), names)
        wrong = f"is no known environment variable: they are {PREFIX}<SECTION>{_DELIMITER}<KEY>"
        remedy = f"did you mean {near}? Rename or unset it" if near else "unset it; only single values can be set there"
        problems.append(Problem(name, "", wrong, remedy))
    return found


def _lay(loaded: Loaded, key: Key, value: str, origin: str) -> None:
    """Over what was read before. Where a single value stands in the file instead of a table, that is told instead."""
    inside = loaded.raw
    for part in key[:-1]:
        inside = inside.setdefault(part, {})
        if not isinstance(inside, dict):
            return
    inside[key[-1]] = value
    loaded.origin[key] = origin


def _resolved(configuration: BridgeConfiguration, folder: Path, environ: Mapping[str, str]) -> BridgeConfiguration:
    """The same with every path absolute: the state's from `$STATE_DIRECTORY`, all others from `folder`."""
    mqtt, bridge = configuration.mqtt, configuration.bridge
    files = {
        name: folder / file
        for name in ("ca_file", "cert_file", "key_file")
        if (file := getattr(mqtt, name)) is not None
    }
    # systemd separates several state directories with colons; the first is ours.
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return configuration.model_copy(
        update={
            "mqtt": mqtt.model_copy(update=files),
            "bridge": bridge.model_copy(
                update={
                    "state": (Path(state) if state else folder) / bridge.state,
                    "templates": None if bridge.templates is None else folder / bridge.templates,
                }
            ),
        }
    )


def _overlap(one: Location, other: Location) -> bool:
    """Whether one is the other, or around it."""
    return one[: len(other)] == other or other[: len(one)] == one


def _tables(entries: list[Any]) -> bool:
    return not entries or any(isinstance(entry, dict) for entry in entries)
