"""Packages for the tests: built by scripts/package from clones of this repository's last commit."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_AS: Final = ("-c", "user.name=test", "-c", "user.email=test@localhost")


@dataclass(frozen=True)
class Built:
    file: Path
    version: str


def clone(into: Path, of: Path = ROOT) -> Path:
    """The last commit, somewhere else. What builds is shared with the original, so that it is fetched once."""
    subprocess.run(["git", "clone", "--quiet", "--shared", "--no-tags", str(of), str(into)], check=True)
    (into / ".tools").symlink_to(ROOT / ".tools")
    return into


def as_older(repository: Path, version: str) -> None:
    """Make a commit that says it is an older version: the same program, as its predecessor."""
    init = repository / "edge_balancer" / "__init__.py"
    init.write_text(re.sub(r'(?m)^__version__ = ".*"$', f'__version__ = "{version}"', init.read_text()))
    dated = {**os.environ, "GIT_COMMITTER_DATE": "2025-01-01T00:00:00Z", "GIT_AUTHOR_DATE": "2025-01-01T00:00:00Z"}
    subprocess.run(["git", *_AS, "commit", "--quiet", "-am", version], cwd=repository, check=True, env=dated)


def build(repository: Path, suite: str, out: Path, arch: str = "amd64") -> Built:
    """Build one package, hardly compressed."""
    command = [str(repository / "scripts" / "package"), "--suite", suite, "--arch", arch, "--fast", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = out.glob("*.deb")
    version = subprocess.run(
        ["dpkg-deb", "--field", file, "Version"], check=True, capture_output=True, text=True
    ).stdout.strip()
    return Built(file, version)
