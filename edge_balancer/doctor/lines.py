"""Serial lines and modems of this machine: there, with a name that stays, for the service's user. Nothing is sent."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_balancer.doctor.findings import Finding, fail, ok, warn
from edge_balancer.settings.root import Configuration

USER: Final = "edge-balancer"
"""Whom the service runs as."""
_FLEETING: Final = ("ttyUSB", "ttyACM")
_MOST_LATENCY_MS: Final = 1


def lines(config: Configuration, root: Path = Path("/")) -> Iterator[Finding]:
    ports = {f"line {line.name}": line.port for line in config.bridge.lines if line.port}
    if config.channels.modem.port:
        ports["modem"] = config.channels.modem.port
    for part, port in ports.items():
        yield from _port(part, Path(port), root)


def _port(part: str, port: Path, root: Path) -> Iterator[Finding]:
    try:
        device = port.resolve(strict=True)
        status = device.stat()
    except OSError:
        there = sorted(str(path) for path in Path("/dev/serial/by-id").glob("*"))
        remedy = f"plug it in; there are: {', '.join(there)}" if there else "plug it in: no serial port is there at all"
        yield fail(part, f"{port} is not there", remedy)
        return
    if not stat.S_ISCHR(status.st_mode):
        yield fail(part, f"{port} is no serial port", "give the port's own name, such as /dev/serial/by-id/...")
        return
    found = list(_permission(part, port, status))
    if port.name.startswith(_FLEETING) and not port.is_symlink():
        found.append(
            warn(part, f"{port} may be another adapter after the next start", "give its name below /dev/serial/by-id")
        )
    latency = root / "sys/bus/usb-serial/devices" / device.name / "latency_timer"
    try:
        wait_ms = int(latency.read_text())
    except (OSError, ValueError):
        wait_ms = 0
    if wait_ms > _MOST_LATENCY_MS:
        found.append(
            warn(
                part,
                f"{port}: the adapter waits {wait_ms} ms before it hands over what it has read",
                f"echo 1 > {latency}; the package's udev rule does so at each start",
            )
        )
    yield from found or [ok(part, f"{port} is there and may be used")]


def _permission(part: str, port: Path, status: os.stat_result) -> Iterator[Finding]:
    """Whether the service's user may use it; where there is no such user, whoever asks."""
    try:
        who = pwd.getpwnam(USER)
        groups = set(os.getgrouplist(USER, who.pw_gid))
        user, uid = USER, who.pw_uid
    except KeyError:
        user, uid, groups = "this user", os.geteuid(), {os.getegid(), *os.getgroups()}
    mode = status.st_mode
    if uid == 0:
        return
    bits = (mode >> 6 if status.st_uid == uid else mode >> 3 if status.st_gid in groups else mode) & 0o6
    if bits != 0o6:
        try:
            group = grp.getgrgid(status.st_gid).gr_name
        except KeyError:
            group = str(status.st_gid)
        yield fail(part, f"{user} may not use {port}", f"usermod -aG {group} {USER}, and restart the service")
