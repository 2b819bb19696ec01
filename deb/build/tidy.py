"""Makes a staged set of Python packages a real environment below /opt, without any trace of where it was built.

    tidy.py VENV PYTHON

VENV holds lib/pythonN/site-packages already; PYTHON is the system's interpreter, e.g. /usr/bin/python3.11.
"""

from __future__ import annotations

import configparser
import csv
import io
import shutil
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

HOME: Final = Path("/opt/edge-balancer/venv")
_TRACES: Final = frozenset({"direct_url.json", "uv_cache.json", "uv_build.json", "REQUESTED"})
"""Files of a package's metadata that tell of the machine that installed it."""
_COMMANDS: Final = ("edge-balancer", "firmware-bridge")
_LAUNCHER: Final = """\
#!{home}/bin/python3 -P
import sys

from {module} import {function}

if __name__ == "__main__":
    sys.exit({function}())
"""


def tidy(venv: Path, python: str) -> None:
    (site,) = venv.glob("lib/python3.*/site-packages")
    # Commands of other packages, made for the Python that builds.
    shutil.rmtree(site / "bin", ignore_errors=True)
    (site / ".lock").unlink(missing_ok=True)
    for cache in list(site.rglob("__pycache__")):
        shutil.rmtree(cache)
    for record in sorted(site.glob("*.dist-info/RECORD")):
        _clean(record)
    _environment(venv, site, python)


def _clean(record: Path) -> None:
    kept = []
    for row in csv.reader(io.StringIO(record.read_text("utf-8"))):
        file = Path(row[0])
        if file.name in _TRACES and file.parent.name == record.parent.name:
            (record.parent / file.name).unlink(missing_ok=True)
        elif file.parts[0] not in {"bin", ".."} and "__pycache__" not in file.parts:
            kept.append(row)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(sorted(kept))
    record.write_text(out.getvalue(), "utf-8")


def _environment(venv: Path, site: Path, python: str) -> None:
    commands = venv / "bin"
    commands.mkdir()
    (commands / "python3").symlink_to(python)
    (commands / "python").symlink_to("python3")
    home = Path(python).parent
    (venv / "pyvenv.cfg").write_text(
        f"home = {home}\ninclude-system-site-packages = false\nexecutable = {python}\n", "utf-8"
    )
    (own,) = (one for one in distributions(path=[str(site)]) if one.name == "edge-balancer")
    points = configparser.ConfigParser(delimiters=("=",))
    points.read_string(own.read_text("entry_points.txt") or "")
    for name in _COMMANDS:
        module, _, function = points["console_scripts"][name].partition(":")
        launcher = commands / name
        launcher.write_text(_LAUNCHER.format(home=HOME, module=module, function=function), "utf-8")
        launcher.chmod(0o755)


if __name__ == "__main__":
    tidy(Path(sys.argv[1]), sys.argv[2])
