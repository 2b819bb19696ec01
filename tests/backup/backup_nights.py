"""Nights of backups into a folder, and what they hold. Not a test itself."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from edge_balancer.backup import make, records
from tests.backup.backup_site import Site, empty

DAY_S: Final = 86_400
MIDNIGHT: Final = 1_780_012_800
"""Of 29 May 2026."""
HOUSES: Final = 4


def record_days(site: Site, first: int, count: int) -> None:
    """Minutes of some houses and of the feeder, and the quarters that days became which were long ago."""
    chance = random.Random(first)
    with closing(sqlite3.connect(site.store, isolation_level=None)) as store:
        store.execute("BEGIN")
        for house in range(HOUSES):
            store.execute("INSERT OR IGNORE INTO series VALUES (?, ?)", (house, f"h{house:02d}"))
        for day in range(first, first + count):
            begin = MIDNIGHT + day * DAY_S
            for table, begin_s, step_s in (("minute", begin, 60), ("quarter", begin - 40 * DAY_S, 900)):
                rows = [
                    (at, house, house % 3, chance.randrange(9000), None, 22900, 23000, 23100, 6)
                    for at in range(begin_s, begin_s + DAY_S, step_s)
                    for house in range(HOUSES)
                ]
                store.executemany(f"INSERT INTO house_{table}s VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
                own = [(at, chance.random()) for at in range(begin_s, begin_s + DAY_S, step_s)]
                more, value = (", minutes", ", 15") if table == "quarter" else ("", "")
                store.executemany(f"INSERT INTO feeder_{table}s ({table}, i_n{more}) VALUES (?, ?{value})", own)
        store.execute("COMMIT")


def rows(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything in a store, by table, and its schema."""
    with closing(sqlite3.connect(store)) as connection:
        schema = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        tables = [name for kind, name, _ in schema if kind == "table"]
        found = {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in tables}
        version = connection.execute("PRAGMA user_version").fetchall()
    return {**found, "schema": schema, "version": version}


def anything(_: int) -> None:
    """A disk that has room."""


def night(site: Site, folder: Path, *more: str) -> tuple[Path, int]:
    """One call as the timer makes it: the archive, and how many bytes this process handed to the system for it."""
    before = written()
    had = set(make.of_folder(folder, "f1"))
    another_second(folder)
    assert site.call("backup", "--folder", folder, *more) == 0
    (new,) = set(make.of_folder(folder, "f1")) - had
    return new, written() - before


def another_second(folder: Path) -> None:
    """Names count in seconds."""
    while (folder / make.name_of("f1", datetime.now(UTC))).exists():
        time.sleep(0.05)


def written() -> int:
    return int(Path("/proc/self/io").read_text().partition("wchar: ")[2].split()[0])


def kept(folder: Path) -> dict[str, int]:
    """The records' files, and when each was written."""
    return {file.name: file.stat().st_mtime_ns for file in records.folder_of(folder, "f1").iterdir()}


def restored(archive_: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Site:
    other = empty(tmp_path / f"other-{time.monotonic_ns()}")
    with monkeypatch.context() as here:
        here.setenv("STATE_DIRECTORY", str(other.var))
        assert other.call("restore", archive_, *more) == 0
    return other
