"""Tables in CSV files, read with the file, line and column at hand for every error. Knows nothing of feeders."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_balancer.twin.grid.errors import FeederError


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. Columns are asked by any of their names, in lower case."""

    file: str
    line: int
    values: dict[str, str]

    def place(self, column: str = "") -> str:
        return f"{self.file} line {self.line}" + (f", column {column}" if column else "")

    def error(self, column: str, wrong: str, remedy: str) -> FeederError:
        return FeederError(self.place(column), wrong, remedy)

    def text(self, *names: str, default: str | None = None) -> str:
        for name in names:
            value = self.values.get(name, "")
            if value:
                return value
        if default is None:
            raise self.error(names[0], "nothing stands there", f"fill in {names[0]}")
        return default

    def number(self, *names: str, default: float | None = None, least: float | None = None) -> float:
        text = self.text(*names, default="" if default is not None else None)
        if default is not None and not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(names[0], f"{text!r} is no number", "write it with a point, without a unit")
        if least is not None and value < least:
            raise self.error(names[0], f"{text} is below {least:g}", f"give {least:g} or more")
        return value

    def optional(self, *names: str) -> float | None:
        """None where nothing stands there, or no such column."""
        return self.number(*names) if self.text(*names, default="") else None

    def choice(self, found: dict[str, int], what: str, where: str, *names: str) -> int:
        """Index of a thing that another table names."""
        name = self.text(*names)
        if name not in found:
            raise self.error(names[0], f"{name!r} is no {what} of {where}", f"add it to {where}, or mend the name")
        return found[name]


def read(path: Path, needed: Sequence[tuple[str, ...]]) -> list[Row]:
    """The rows of a file. Comments (#) and empty lines are passed over; the first other line names the columns.

    `needed` are columns that must be there, each with its other names.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FeederError(str(path), f"it cannot be read: {error.strerror}", "give a folder that holds it") from error
    except UnicodeDecodeError as error:
        raise FeederError(str(path), "it is not UTF-8 text", "save it as CSV in UTF-8") from error
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        raise FeederError(str(path), "it is empty", "begin it with a line of column names")
    cells = list(csv.reader([line for _, line in lines], skipinitialspace=True))
    header = [name.strip().lower() for name in cells[0]]
    for names in needed:
        if not set(names) & set(header):
            wrong = f"there is no column {names[0]}; its columns are {', '.join(header)}"
            raise FeederError(f"{path} line {lines[0][0]}", wrong, f"add it; {' or '.join(names)} will do")
    rows = []
    for (number, _), values in zip(lines[1:], cells[1:], strict=True):
        if len(values) != len(header):
            wrong = f"{len(values)} values under {len(header)} column names"
            raise FeederError(f"{path} line {number}", wrong, "give one value for each column, empty where unknown")
        rows.append(Row(str(path), number, {k: v.strip() for k, v in zip(header, values, strict=True)}))
    return rows


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[str | float | None]]) -> None:
    """Numbers in full precision; None as an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow("" if x is None else repr(float(x)) if isinstance(x, (int, float)) else x for x in row)
