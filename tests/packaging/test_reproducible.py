"""The same commit gives the same package, byte for byte, wherever it is built."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.packaging.builds import build, clone

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(shutil.which(tool) is None for tool in ("dpkg-deb", "git")),
        reason="packages are built with dpkg-deb and git: sudo apt install dpkg git",
    ),
]


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_two_builds_in_two_places_are_the_same_bytes(arch: str, tmp_path: Path) -> None:
    here = clone(tmp_path / "here")
    first = build(here, "bookworm", tmp_path / "a", arch)
    elsewhere = tmp_path / "another place" / "with a longer name"
    elsewhere.parent.mkdir()
    # Of the clone, not of the repository: somebody may have committed meanwhile.
    second = build(clone(elsewhere, here), "bookworm", tmp_path / "b", arch)
    assert first.file.name == second.file.name
    assert first.file.read_bytes() == second.file.read_bytes()
