"""Tables written out row by row: CSV, JSON (one array of objects), Parquet. Knows nothing of what the columns mean."""

from __future__ import annotations

import csv
import enum
import io
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

Value = str | float | int | bool | None
ExportFormat = Literal["csv", "json", "parquet"]
FORMATS: Final[tuple[ExportFormat, ...]] = ("csv", "json", "parquet")
STDOUT: Final = "-"

# Rows held in memory at once by Parquet, which writes by column: a few MB.
_PARQUET_ROWS: Final = 20_000


class Kind(enum.Enum):
    """The type of a column's values; each may be missing (None)."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind


class MissingExtraError(Exception):
    """A format needs a package that is not installed."""


def write_table(
    columns: Sequence[Column], rows: Iterable[Sequence[Value]], format_: ExportFormat, out: BinaryIO
) -> int:
    """Write all rows as they come; returns how many. Raises MissingExtraError, and OSError of the file."""
    match format_:
        case "csv":
            return _write_csv(columns, rows, out)
        case "json":
            return _write_json(columns, rows, out)
        case "parquet":
            return _write_parquet(columns, rows, out)


@contextmanager
def output(out: str) -> Iterator[BinaryIO]:
    """The file named, or standard output for `-`. A file appears under its name only when it is whole."""
    if out == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(out)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as handle:
            yield handle
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _write_csv(columns: Sequence[Column], rows: Iterable[Sequence[Value]], out: BinaryIO) -> int:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        count = 0
        for row in rows:
            writer.writerow([_csv_value(value) for value in row])
            count += 1
        text.flush()
        return count
    finally:
        # Without this the wrapper would close a stream that is not its own.
        with suppress(OSError):
            text.detach()


def _csv_value(value: Value) -> Value:
    return ("true" if value else "false") if isinstance(value, bool) else value


def _write_json(columns: Sequence[Column], rows: Iterable[Sequence[Value]], out: BinaryIO) -> int:
    names = [column.name for column in columns]
    count = 0
    for row in rows:
        out.write(b"[\n" if count == 0 else b",\n")
        out.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False).encode("utf-8", "replace"))
        count += 1
    out.write(b"\n]\n" if count else b"[]\n")
    return count


def _write_parquet(columns: Sequence[Column], rows: Iterable[Sequence[Value]], out: BinaryIO) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(
            "--format parquet needs pyarrow, which is not installed: install edge-balancer[parquet] or use --format csv"
        ) from error
    types = {Kind.TEXT: pa.string(), Kind.INT: pa.int64(), Kind.FLOAT: pa.float64(), Kind.BOOL: pa.bool_()}
    schema = pa.schema([(column.name, types[column.kind]) for column in columns])
    count = 0
    iterator = iter(rows)
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while batch := list(itertools.islice(iterator, _PARQUET_ROWS)):
            by_column: list[tuple[Any, ...]] = list(zip(*batch, strict=True))
            arrays = [pa.array(values, field.type) for values, field in zip(by_column, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(batch)
    return count
