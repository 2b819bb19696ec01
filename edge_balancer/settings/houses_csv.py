"""The houses as a table (CSV): text in, raw rows with their line numbers out.

Judges the table's form; the values are judged with all others.
"""

from __future__ import annotations

import csv
import difflib
import functools
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge_balancer.errors import Problem
from edge_balancer.settings.fields import Key, section_at
from firmware_bridge.settings.base import Location

REQUIRED: Final = ("id", "phase")
_METER: Final = "meter_"
_KNOWN: Final = "the columns are "


@dataclass(frozen=True, slots=True)
class Row:
    """One house as it stands in the table: `house` has the form that a `[[houses]]` table has."""

    line: int
    house: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows that could be read, and what is wrong with the table's form."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


@functools.cache
def columns() -> dict[str, Key]:
    """Every column that may stand in the table: the single values of a house and, with `meter_` before them, of its
    one meter."""
    house, meter = section_at(("houses",)), section_at(("houses", "meters"))
    assert house is not None and meter is not None  # noqa: S101, PT018 - both are parts of the models
    found = {key.name: key for key in house.keys if key.scalar}
    found.update({_METER + key.name: key for key in meter.keys if key.scalar})
    return found


def column_of(at: Location) -> str:
    """The column in which a place inside a house stands; empty where the whole house is meant."""
    match at:
        case ("meters", _, str(name), *_):
            return _METER + name
        case ("meters", *_):
            return _METER + "topic"
        case (str(name), *_):
            return name
        case _:
            return ""


def parse(text: str, name: str) -> Table:
    """Read a table.

    `name` is the file's, for the problems. Comma or semicolon separates; an empty cell is a value not given.
    """
    problems: list[Problem] = []
    records = _records(text, name, problems)
    line, header = next(records, (1, []))
    if not header:
        if not problems:
            problems.append(
                _header_problem(name, line, "", "has no header", "begin the file with a line like id,phase")
            )
        return Table((), tuple(problems))
    names = [_normal(cell) for cell in header]
    problems.extend(_judge_header(names, header, name, line))
    rows: list[Row] = []
    for line, cells in records:
        if any(cells[len(names) :]):
            wrong = f"has more cells than the header, which has {len(names)}"
            remedy = "remove what is too much; a text with the separator in it goes in double quotes"
            problems.append(Problem(f"{name} line {line}", "", wrong, remedy, source=name))
            continue
        # Not strict: a row may end early, the cells it lacks are empty.
        rows.append(_row(line, dict(zip(names, cells, strict=False)), name, problems))
    return Table(tuple(rows), tuple(problems))


def _records(text: str, name: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not empty, with the line it begins in. A fault in the quoting ends the table."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            wrong = f"cannot be read as a table: {error}"
            remedy = "mend the quotation marks there: a text that holds one doubles it and stands in quotes"
            problems.append(Problem(f"{name} line {reader.line_num or line}", "", wrong, remedy, source=name))
            return
        if record is None:
            return
        cells = [cell.strip() for cell in record]
        if any(cells):
            yield line, cells
        line = reader.line_num + 1


def _judge_header(names: Sequence[str], header: Sequence[str], name: str, line: int) -> Iterator[Problem]:
    seen: set[str] = set()
    for column, shown in zip(names, header, strict=True):
        if column in seen:
            yield _header_problem(name, line, shown, "stands twice in the header", "remove one of the two columns")
        elif column not in columns():
            near = difflib.get_close_matches(column, columns(), n=1)
            remedy = f"did you mean {near[0]}? " if near else "remove the column; "
            remedy += _KNOWN + ", ".join(columns())
            yield _header_problem(name, line, shown, "is no known column", remedy)
        seen.add(column)
    for column in REQUIRED:
        if column not in seen:
            yield _header_problem(name, line, column, "is missing in the header", f"add a column {column}")


def _row(line: int, cells: dict[str, str], name: str, problems: list[Problem]) -> Row:
    # An unknown column is told once, at the header.
    given = {column: cell for column, cell in cells.items() if cell and column in columns()}
    house: dict[str, Any] = {column: cell for column, cell in given.items() if not column.startswith(_METER)}
    meter = {column.removeprefix(_METER): cell for column, cell in given.items() if column.startswith(_METER)}
    if "topic" in meter:
        house["meters"] = [meter]
    elif meter:
        column = _METER + next(iter(meter))
        problems.append(
            Problem(
                f"{name} line {line}, column {column}",
                f'"{given[column]}"',
                "has no use without meter_topic",
                f"give the meter's topic in meter_topic, or leave {column} empty",
                source=name,
            )
        )
    return Row(line, house)


def _header_problem(name: str, line: int, column: str, wrong: str, remedy: str) -> Problem:
    return Problem(
        f"{name} line {line}, column {column}" if column else f"{name} line {line}", "", wrong, remedy, source=name
    )


def _normal(cell: str) -> str:
    return "_".join(cell.casefold().replace("-", " ").replace("_", " ").split())
