"""The Python packages inside a staged tree, as their own metadata tells them. Reads, changes nothing.

For the build of the .deb alone: with the standard library of the Python that builds, whatever Python the tree is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

OWN: Final = "edge-balancer"
"""The program itself; everything else in the tree is by others."""

_SPDX: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",  # pyserial; its sources say which
    "MIT License": "MIT",
}
"""What older metadata calls a licence -> its SPDX identifier."""
_IDENTIFIER: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.+-]*$")
_FILE: Final = re.compile(r"^(licen[cs]e|copying|notice|authors|third.?party.?notices)", re.IGNORECASE)
_REQUIREMENT: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass(frozen=True)
class Part:
    """One Python package of the tree."""

    name: str
    """Normalised, as on the index."""
    version: str
    licence: str
    """SPDX expression."""
    summary: str
    home: str
    tags: frozenset[str]
    """Of the wheel it came from, e.g. `py3-none-any`."""
    needs: tuple[str, ...]
    """Names of the parts that it asks for, where they are in the tree."""
    texts: tuple[Path, ...]
    """Licence files that came with it."""


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def parts(site: Path) -> tuple[Part, ...]:
    """All parts of a site-packages folder, by name. Raises ValueError where a licence has no known name."""
    found = {normalised(one.name): one for one in distributions(path=[str(site)])}
    return tuple(_part(name, found[name], frozenset(found), site) for name in sorted(found))


def _part(name: str, one: Distribution, present: frozenset[str], site: Path) -> Part:
    metadata = one.metadata
    pages = {
        label.strip().lower(): address.strip()
        for label, _, address in (entry.partition(",") for entry in metadata.get_all("Project-URL", []))
    }
    home = next((pages[label] for label in ("source", "source code", "repository", "homepage") if label in pages), "")
    tags = re.findall(r"^Tag: (\S+)", one.read_text("WHEEL") or "", re.MULTILINE)
    needs = {
        normalised(match[1])
        for requirement in one.requires or ()
        if "extra ==" not in requirement and (match := _REQUIREMENT.match(requirement))
    }
    return Part(
        name,
        one.version,
        _licence(name, metadata.get("License-Expression") or metadata.get("License") or ""),
        metadata.get("Summary") or "",
        home or metadata.get("Home-page") or "",
        frozenset(tags),
        tuple(sorted(needs & present)),
        _texts(one, site),
    )


def _licence(name: str, told: str) -> str:
    told = told.strip()
    expression = _SPDX.get(told, told)
    words = re.split(r"\s+(?:AND|OR|WITH)\s+", expression.replace("(", "").replace(")", ""))
    if not all(_IDENTIFIER.match(word) for word in words):
        raise ValueError(
            f"{name} calls its licence {told[:60]!r}, which is no SPDX expression: see what it is, and add it to _SPDX "
            f"in {Path(__file__).name}"
        )
    return expression


def _texts(one: Distribution, site: Path) -> tuple[Path, ...]:
    """What lies in its metadata, and beside the modules of wheels that keep their licences there."""
    texts = []
    for file in one.files or ():
        of_metadata = file.parts[0].endswith(".dist-info")
        named = _FILE.match(file.name) is not None and file.suffix not in {".py", ".pyc", ".pyi"}
        told = of_metadata and (named or file.parts[1] == "licenses")
        if (told or (named and len(file.parts) == 2)) and (site / file).is_file():
            texts.append(site / file)
    return tuple(sorted(texts))
