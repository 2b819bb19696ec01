"""Room on the disk: what a backup leaves free, and what a restore needs. Nothing is written here."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from edge_balancer.backup.errors import BackupError
from edge_balancer.backup.manifest import Manifest
from edge_balancer.backup.parts import NEEDED

RESERVE_BYTES: Final = 100_000_000
"""What a backup leaves to the store on the same disk: below it, a day's records may not find room."""
_INDICES: Final = 0.35
"""Of the trail's rows, whose indices the parts do not have; measured: a quarter where every row is short and names a
command, less otherwise."""


def leave_reserve(folder: Path, store: Path, size: int) -> None:
    """Raises BackupError where `size` bytes more in a folder would take what the store on the same disk needs; OSError
    where one of them is not there. A backup that was not made can be made tomorrow, records cannot."""
    if not store.parent.is_dir() or folder.stat().st_dev != store.parent.stat().st_dev:
        return
    free = shutil.disk_usage(folder).free
    if free - size < RESERVE_BYTES:
        raise BackupError(
            f"backup: {folder}: {free / 1e6:.0f} MB are free, {size / 1e6:.1f} MB are to be written, and "
            f"{RESERVE_BYTES / 1e6:.0f} MB stay free for the store, which is on the same disk: make room, keep fewer "
            "archives (--keep), or let backups go to another disk"
        )


def check_room(manifests: Iterable[Manifest], folder: Path, *, with_records: bool) -> None:
    """Raises BackupError where what is to be unpacked into a folder does not fit: with the indices that parts lack, and
    the largest part twice, in a file of its own and as rows."""
    needed = 0
    for manifest in manifests:
        needed += sum(entry.size for entry in manifest.entries)
        if with_records:
            needed += sum(part.size for part in manifest.parts) + max((part.size for part in manifest.parts), default=0)
            needed += int(_INDICES * sum(part.size for part in manifest.parts if part.group in NEEDED))
    present = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(present).free
    if free < needed:
        raise BackupError(
            f"restore: {folder}: {needed // 1_000_000 + 1} MB are needed and {free // 1_000_000} MB are free: "
            "make room first"
        )
