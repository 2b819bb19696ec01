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
        (("storage", "path"), ("bridge", "state")),
    ),
    (Path("/etc/firmware-bridge/firmware-bridge.toml"), Path("/var/lib/firmware-bridge"), (("bridge", "state"),)),
)


def files(root: Path) -> set[Path]:
    """Every database of the two services: those in their state folders, and those that a configuration names."""
    found: set[Path] = set()
    for config, folder, keys in SERVICES:
        state = root / folder.relative_to("/")
        found.update(state.glob("*.db"))
        try:
            settings = tomllib.loads((root / config.relative_to("/")).read_text("utf-8-sig"))
        except (OSError, ValueError):
            continue
        for section, key in keys:
            name = settings.get(section, {}).get(key) if isinstance(settings.get(section), dict) else None
            if isinstance(name, str):
                path = Path(name)
                file = root / path.relative_to("/") if path.is_absolute() else state / path
                found.update((file, *file.parent.glob(f"{file.stem}-alerts.db")))
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
        "    Nothing was changed. Install a package at least as new as the one that wrote them. To go back all the same,\n"
        "    move these files away, or restore a backup of the older version: what was recorded since is then lost.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
