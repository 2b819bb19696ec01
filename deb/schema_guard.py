"""Refuses an older program over records of a newer one. Becomes a part of `preinst`; no part of the program.

Runs before anything is unpacked, so with the standard library alone. It only reads. The program itself refuses such
files at its start too, but then the newer program is gone.
"""

import os
import sqlite3
import sys
import tomllib
from pathlib import Path

SERVICES = (
    (
        Path("/etc/edge-balancer/edge-balancer.toml"),
        Path("/var/lib/edge-balancer"),
        {("storage", "path"): "edge-balancer.db", ("bridge", "state"): "bridge.db"},
    ),
    (
        Path("/etc/firmware-bridge/firmware-bridge.toml"),
        Path("/var/lib/firmware-bridge"),
        {("bridge", "state"): "bridge.db"},
    ),
)
"""Configuration, folder of what is kept, and the files there: the key that names one, and its name by default."""


def files(root: Path) -> set[Path]:
    """Every database of the two services that is there."""
    found: set[Path] = set()
    for config, folder, keys in SERVICES:
        try:
            settings = tomllib.loads((root / config.relative_to("/")).read_text("utf-8-sig"))
        except (OSError, ValueError):
            settings = {}
        for (section, key), usual in keys.items():
            table = settings.get(section)
            name = table.get(key) if isinstance(table, dict) else None
            file = root / (folder / (name if isinstance(name, str) else usual)).relative_to("/")
            # Alerts wait in a file beside the store.
            found.update((file, file.with_name(f"{file.stem}-alerts.db")))
    return {file for file in found if file.is_file()}


def newer(file: Path, known: dict[int, tuple[int, str]]) -> str:
    """What is newer about this file than this program knows; empty where nothing is."""
    try:
        # Not immutable: the newest schema may still stand in the write-ahead log alone.
        link = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            (application,) = link.execute("PRAGMA application_id").fetchone()
            (version,) = link.execute("PRAGMA user_version").fetchone()
        finally:
            link.close()
    except sqlite3.Error:
        # Damaged, or none of ours: the program judges that at its start, and says so.
        return ""
    newest, what = known.get(application, (version, ""))
    return f"{file} ({what}) has schema {version}, this package knows up to {newest}" if version > newest else ""


def main() -> int:
    root = Path(os.environ.get("DPKG_ROOT") or "/")
    known: dict[int, tuple[int, str]] = {}
    for line in os.environ["KNOWN"].splitlines():
        application, newest, what = line.split(None, 2)
        known[int(application, 0)] = (int(newest), what)
    problems = [problem for file in sorted(files(root)) if (problem := newer(file, known))]
    if not problems:
        return 0
    sys.stderr.write("edge-balancer: refused, because this package is older than the records of this machine:\n")
    sys.stderr.writelines(f"    {problem}\n" for problem in problems)
    sys.stderr.write(
        "    Nothing was changed. Install a package at least as new as the one that wrote them. To go back all the\n"
        "    same, move these files away, or restore a backup of the older version: later records are then lost.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
