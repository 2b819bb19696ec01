"""Programs by others without which tests skip. Whoever names them in `TESTS_REQUIRE` wants no such skip:
a run in which one of them is missing fails before the first test. `scripts/test` names them in CI, and where it may
install them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VARIABLE: Final = "TESTS_REQUIRE"
_SYSTEM: Final = ":/usr/sbin:/sbin"
"""Debian keeps mosquitto there, which is not on an ordinary user's path."""
_FILES: Final = {
    "axe": Path(__file__).parents[2] / "scripts" / "page" / "node_modules" / "axe-core" / "axe.min.js",
    "binfmt-aarch64": Path("/proc/sys/fs/binfmt_misc/qemu-aarch64"),
}
"""What is no program: by its name here. The second is there where the kernel starts arm64 programs in the emulator."""


def missing(environ: Mapping[str, str]) -> list[str]:
    """What is required and not there, in the order in which it was named."""
    named = [name.strip() for name in environ.get(VARIABLE, "").split(",")]
    path = environ.get("PATH", "") + _SYSTEM
    return [name for name in named if name and not _is_there(name, path)]


def _is_there(name: str, path: str) -> bool:
    return _FILES[name].exists() if name in _FILES else shutil.which(name, path=path) is not None


def complaint(names: list[str]) -> str:
    mount = (
        ". binfmt-aarch64 is no program: sudo mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc && "
        "sudo update-binfmts --enable qemu-aarch64"
    )
    return (
        f"{', '.join(names)}: required by {VARIABLE} and not installed, so tests would be skipped. Install what is "
        f"missing (sudo ./scripts/test does), or take it out of {VARIABLE}"
        f"{mount if 'binfmt-aarch64' in names else ''}"
    )
