"""Whether strangers on this machine can read a file. What follows from that is judged where it is asked."""

from __future__ import annotations

import stat
from pathlib import Path


def readable_by_all(file: Path) -> bool:
    """Whether a user who is neither the owner nor in the group can read it: a closed folder above protects it too. No,
    where it cannot be looked at."""
    try:
        real = file.resolve()
        return bool(real.stat().st_mode & stat.S_IROTH) and all(
            folder.stat().st_mode & stat.S_IXOTH for folder in real.parents
        )
    except (OSError, ValueError, RuntimeError):
        return False
