"""The store and the disk below it. The trail itself is verified by `edge-balancer audit verify`, which takes its
time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Final

from edge_balancer.doctor.findings import Finding, fail, ok, warn
from edge_balancer.settings.root import Configuration
from edge_balancer.storage.database import open_reader
from edge_balancer.storage.errors import StorageError
from firmware_bridge.settings.exposure import readable_by_all

LEAST_MB: Final = 100.0
"""Below this a day's records may not find room."""
CHECKED_MB: Final = 300.0
"""A larger store is not read through: on a card that takes minutes."""


def disk(config: Configuration) -> Iterator[Finding]:
    path = config.storage.path
    folder = path.parent
    if not folder.is_dir():
        yield fail("disk", f"{folder} is not there", "make it, owned by the service's user, or correct storage.path")
        return
    free_mb = shutil.disk_usage(folder).free / 1e6
    size_mb = sum(p.stat().st_size for p in folder.glob(f"{path.name}*") if p.is_file()) / 1e6
    room_mb = max(0.0, config.storage.max_mb - size_mb)
    says = f"{free_mb:,.0f} MB free in {folder}"
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        yield fail("disk", f"{folder} is mounted read-only", "dmesg tells whether the kernel did so to a failing card")
    elif free_mb < LEAST_MB:
        yield fail("disk", says, "free space, or lower storage.max_mb and storage.quarter_days")
    elif free_mb < room_mb:
        yield warn(
            "disk",
            f"{says}; the store may grow by {room_mb:,.0f} MB",
            f"lower storage.max_mb to {max(10.0, size_mb + free_mb * 0.8):.0f}, or use a larger disk",
        )
    else:
        yield ok("disk", f"{says}; the store takes {size_mb:,.0f} of at most {config.storage.max_mb:,.0f} MB")


def store(config: Configuration) -> Iterator[Finding]:
    path = config.storage.path
    if not path.exists():
        yield ok("store", f"{path} will be made at the first start")
        return
    try:
        with open_reader(path, needs_latest=False) as connection:
            whole = path.stat().st_size <= CHECKED_MB * 1e6
            checked = connection.execute("PRAGMA quick_check(3)") if whole else ()
            wrong = [row[0] for row in checked if row[0] != "ok"]
            (rows,) = connection.execute("SELECT count(*) FROM trail").fetchone()
    except PermissionError:
        yield warn("store", f"{path} may not be read by this user", "run the doctor as root or as the service's user")
    except StorageError as error:
        if isinstance(error.__cause__, PermissionError) or not os.access(path, os.R_OK):
            yield warn(
                "store", f"{path} may not be read by this user", "run the doctor as root or as the service's user"
            )
        else:
            yield fail("store", str(error).partition("; ")[0], str(error).partition("; ")[2])
    else:
        if wrong:
            yield fail("store", f"{path} is damaged: {wrong[0]}", "stop the service and put a backup in its place")
        else:
            state = "sound" if whole else "readable (too large to be read through here)"
            yield ok("store", f"{path}: {state}, {rows} rows in the audit trail")


def files(config: Configuration) -> Iterator[Finding]:
    """Secrets that others can read."""
    mqtt, page = config.mqtt, config.dashboard
    for key, path in (
        ("mqtt.key_file", mqtt.key_file),
        ("dashboard.tls_key", page.tls_key),
        ("dashboard.accounts", page.accounts),
        ("storage.path", config.storage.path),
    ):
        if path is not None and path.exists() and readable_by_all(path):
            yield warn("files", f"{path} ({key}) can be read by every user of this machine", f"chmod o-rwx {path}")
