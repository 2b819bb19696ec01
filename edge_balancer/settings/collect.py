"""Judges what the layers hold and names every problem at once.

A validation stops at a section's first layer of errors: what only the whole shows stays hidden behind a wrong value.
So what is wrong is told, taken out, and the rest is judged again, until nothing is left to tell. A finding that looked
at a value that was taken out is an echo, and is not told. Reads nothing; what the files named by the configuration are
worth is judged in `files`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edge_balancer.errors import Problem
from edge_balancer.settings import explain
from edge_balancer.settings.fields import key_of
from edge_balancer.settings.layers import Layers
from edge_balancer.settings.root import Configuration
from edge_balancer.settings.rules import findings
from edge_balancer.types.phases import Phase
from firmware_bridge.settings.base import Contradictions, Finding, Gravity, Location

# Lists whose entries can be taken out as a whole.
_LISTS: Final = ("houses", "transformer_meters", "contacts")


class Collector:
    """One judgement of one set of layers."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.problems: list[Problem] = list(layers.problems)
        self._data: dict[str, Any] = copy.deepcopy(layers.merged)
        self._wrong: set[Location] = set(layers.unread)
        # Place in the list as it stands now -> place in the list as it was read.
        self._places = {name: list(range(len(self._entries(name)))) for name in _LISTS}

    def run(self) -> Configuration:
        """Judge it all. Gives what remains of the configuration when all that is wrong was taken out."""
        # Each round takes out at least one key or entry, and what is empty is valid.
        while True:
            try:
                configuration = Configuration.model_validate(self._data)
            except ValidationError as error:
                self._take_out(error.errors(include_url=False))
            else:
                self.add(findings(configuration))
                return configuration

    def add(self, found: Iterable[Finding]) -> None:
        """Tell findings about the configuration that remained, unless they are echoes."""
        for finding in found:
            self._tell(finding, [self._as_read(place) for place in (finding.at, *finding.involves)])

    def _take_out(self, errors: list[ErrorDetails]) -> None:
        """Tell what is wrong, then mend it in the data, so that the rest can be judged."""
        places: list[Location] = []
        for error in errors:
            wrong_key = explain.is_wrong_key(error)
            at = self._as_read(error["loc"][:-1] if wrong_key else error["loc"])
            cause = error.get("ctx", {}).get("error")
            if isinstance(cause, Contradictions):
                for finding in cause.findings:
                    involved = [self._as_read((*error["loc"], *place)) for place in (finding.at, *finding.involves)]
                    self._tell(finding, involved)
                    places.extend(involved)
            else:
                if at not in self._wrong:
                    wrong, remedy = explain.explain(error, at)
                    value = None if wrong_key or error["type"] == "missing" else error["input"]
                    self._problem(at, explain.redacted(at, value), wrong, remedy)
                places.append(at)
        self._wrong.update(places)
        if not sum(self._mend(at) for at in places):
            # Nothing that was named could be taken out: what is left to judge is nothing.
            self._data = {}

    def _tell(self, finding: Finding, involved: list[Location]) -> None:
        if any(self._is_touched(place) for place in involved):
            return
        value = explain.redacted(involved[0], finding.value)
        self._problem(involved[0], value, finding.wrong, finding.remedy, finding.severity)

    def _problem(self, at: Location, value: str, wrong: str, remedy: str, severity: Gravity = "error") -> None:
        house = self._house_name(at)
        self.problems.append(
            Problem(
                key=self.layers.key(at),
                value=value,
                wrong=f"{wrong} (house {house})" if house else wrong,
                remedy=remedy,
                severity=severity,
                source=self.layers.source(at),
            )
        )

    def _is_touched(self, place: Location) -> bool:
        """Whether this key, one inside it, or the section around it was found wrong before."""
        return any(wrong[: len(place)] == place or place[: len(wrong)] == wrong for wrong in self._wrong)

    def _mend(self, at: Location) -> bool:
        """Take out what stands at a place (as it was read), or put in what lets the rest be judged.

        False where it cannot.
        """
        match at:
            case (str(name), int(index), *inside) if name in _LISTS:
                if index not in self._places[name]:
                    return False
                now = self._places[name].index(index)
                if not inside:
                    del self._entries(name)[now]
                    del self._places[name][now]
                    return True
                return _mend_inside(self._entries(name)[now], at, list(inside), index)
            case _:
                return _mend_inside(self._data, at, list(at), 0)

    def _entries(self, name: str) -> list[Any]:
        entries = self._data.get(name)
        return entries if isinstance(entries, list) else []

    def _as_read(self, at: Location) -> Location:
        match at:
            case (str(name), int(index), *inside) if name in _LISTS and index < len(self._places[name]):
                return (name, self._places[name][index], *inside)
            case _:
                return at

    def _house_name(self, at: Location) -> str:
        """The id of the house that a place belongs to, where it helps to find it."""
        houses = self.layers.merged.get("houses")
        match at:
            case ("houses", int(index), key, *_) if key != "id" and isinstance(houses, list):
                house = houses[index]
                name = house.get("id") if isinstance(house, dict) else None
                return explain.shown(name) if isinstance(name, str) and name else ""
            case _:
                return ""


def _mend_inside(inside: Any, at: Location, steps: list[str | int], index: int) -> bool:
    """Delete what the steps lead to; a list whose element is wrong as a whole goes whole.

    Give what must not be missing.
    """
    holder: Any = None
    for step in steps[:-1]:
        try:
            holder, inside = inside, inside[step]
        except (KeyError, IndexError, TypeError):
            return False
    last = steps[-1]
    if isinstance(inside, list):
        if isinstance(holder, dict):
            return holder.pop(steps[-2], None) is not None
        return False
    if not isinstance(inside, dict):
        return False
    key = key_of(at)
    if key is not None and key.path == ("houses", "phase"):
        inside[last] = str(Phase.L1)
        return True
    if key is not None and key.required:
        # A number must differ from what stood there, or nothing would be mended.
        inside[last] = f"unknown-{index}" if key.kind == "text" else 1 if inside.get(last) != 1 else 2
        return True
    return inside.pop(last, None) is not None
