"""What a package contains, as a bill of materials: CycloneDX 1.6 (JSON), from the metadata of the wheels inside.

    sbom.py SITE UV_LOCK VERSION ARCH SUITE EPOCH

The same tree gives the same bytes. Debian's own packages (Python, OpenSSL, SQLite) are the system's, and not listed.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

from parts import OWN, Part, parts

_NAMESPACE: Final = uuid.UUID("9b0c7f1e-1a3b-5c0e-9d52-6f6f5e0a4f11")
"""Ours, for serial numbers that are the same for the same package."""


def bill(site: Path, lock: Path, *, version: str, arch: str, suite: str, epoch: int) -> dict[str, Any]:
    """The bill of materials of one package. Raises ValueError where a part's wheel is not in the lock file."""
    inside = parts(site)
    locked = _wheels(lock)
    own = f"pkg:deb/debian/{OWN}@{version}?arch={arch}&distro={suite}"
    others = [part for part in inside if part.name != OWN]
    asked = next(part for part in inside if part.name == OWN).needs
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, own)}",
        "version": 1,
        "metadata": {
            "timestamp": dt.datetime.fromtimestamp(epoch, dt.UTC).isoformat().replace("+00:00", "Z"),
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": OWN,
                "version": version,
                "licenses": _licences("Apache-2.0"),
                "purl": own,
            },
        },
        "components": [_component(part, locked) for part in others],
        "dependencies": [
            # Parts of an extra that is built in are asked for by nobody else.
            {"ref": own, "dependsOn": sorted({_purl(part) for part in others if part.name in asked} | _roots(others))},
            *(
                {"ref": _purl(part), "dependsOn": [_purl(other) for other in others if other.name in part.needs]}
                for part in others
            ),
        ],
    }


def _purl(part: Part) -> str:
    return f"pkg:pypi/{part.name}@{part.version}"


def _roots(others: list[Part]) -> set[str]:
    needed = {name for part in others for name in part.needs}
    return {_purl(part) for part in others if part.name not in needed}


def _licences(expression: str) -> list[dict[str, Any]]:
    if " " in expression:
        return [{"expression": expression}]
    return [{"license": {"id": expression}}]


def _component(part: Part, locked: dict[tuple[str, str], dict[frozenset[str], str]]) -> dict[str, Any]:
    # A wheel's own tags may be fewer than those of its file's name.
    digests = [digest for tags, digest in locked.get((part.name, part.version), {}).items() if tags & part.tags]
    if len(digests) != 1:
        raise ValueError(
            f"{part.name} {part.version} ({', '.join(sorted(part.tags))}) fits {len(digests)} wheels of the lock file, "
            "where one is expected"
        )
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(part),
        "name": part.name,
        "version": part.version,
        "description": part.summary,
        "hashes": [{"alg": "SHA-256", "content": digests[0]}],
        "licenses": _licences(part.licence),
        "purl": _purl(part),
    }
    if part.home.startswith("https://"):
        component["externalReferences"] = [{"type": "vcs" if "git" in part.home else "website", "url": part.home}]
    return component


def _wheels(lock: Path) -> dict[tuple[str, str], dict[frozenset[str], str]]:
    """(name, version) -> tags of a wheel -> its SHA-256."""
    wheels: dict[tuple[str, str], dict[frozenset[str], str]] = {}
    for package in tomllib.loads(lock.read_text("utf-8"))["package"]:
        for wheel in package.get("wheels", ()):
            file = Path(wheel.get("url") or wheel.get("filename") or wheel["path"]).name
            pythons, abis, platforms = file.removesuffix(".whl").split("-")[-3:]
            tags = itertools.product(pythons.split("."), abis.split("."), platforms.split("."))
            of = wheels.setdefault((package["name"], package.get("version", "")), {})
            of[frozenset("-".join(tag) for tag in tags)] = wheel["hash"].removeprefix("sha256:")
    return wheels


def main() -> int:
    site, lock, version, arch, suite, epoch = sys.argv[1:]
    try:
        found = bill(Path(site), Path(lock), version=version, arch=arch, suite=suite, epoch=int(epoch))
    except ValueError as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    json.dump(found, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
