"""Serial lines and modems of this machine: there, with a name that stays, for the service's user. Nothing is sent."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge_balancer.doctor.findings import Finding, fail, ok, warn
from edge_balancer.doctor.unit import NAME, Unit, remedy
from edge_balancer.settings.root import Configuration

USER: Final = "edge-balancer"
"""Whom the service runs as."""
SERIAL_GROUP: Final = "dialout"
_FLEETING: Final = ("ttyUSB", "ttyACM")
_MOST_LATENCY_MS: Final = 1


def lines(config: Configuration, root: Path = Path("/"), service: Unit | None = None) -> Iterator[Finding]:
    """`service` is what systemd grants, where it is installed."""
    ports = {f"line {line.name}": line.port for line in config.bridge.lines if line.port}
    if config.channels.modem.port:
        ports["modem"] = config.channels.modem.port
    for part, port in ports.items():
        yield from _port(part, Path(port), root, service)


def _port(part: str, port: Path, root: Path, service: Unit | None) -> Iterator[Finding]:
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
    found = list(_granted(part, port, device, root, service) or _permission(part, port, status, root, service))
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


def _granted(part: str, port: Path, device: Path, root: Path, service: Unit | None) -> list[Finding]:
    """Whether the sandbox of the service lets it there at all."""
    if service is None or service.may_use(port, device):
        return []
    return [fail(part, f"{NAME} is not let to {port}", remedy(root))]


def _permission(part: str, port: Path, status: os.stat_result, root: Path, service: Unit | None) -> Iterator[Finding]:
    """Whether the service's user may use it; where there is no such user, whoever asks."""
    user = service.user if service is not None else USER
    try:
        who = pwd.getpwnam(user)
        groups, uid = set(os.getgrouplist(user, who.pw_gid)), who.pw_uid
    except KeyError:
        user, uid, groups = "this user", os.geteuid(), {os.getegid(), *os.getgroups()}
    for name in service.groups if service is not None else ():
        with suppress(KeyError):
            groups.add(grp.getgrnam(name).gr_gid)
    mode = status.st_mode
    if uid == 0:
        return
    bits = (mode >> 6 if status.st_uid == uid else mode >> 3 if status.st_gid in groups else mode) & 0o6
    if bits != 0o6:
        try:
            group = grp.getgrgid(status.st_gid).gr_name
        except KeyError:
            group = str(status.st_gid)
        yield fail(part, f"{user} may not use {port}", _group_remedy(group, root, service))


def _group_remedy(group: str, root: Path, service: Unit | None) -> str:
    if service is None:
        return f"usermod -aG {group} {USER}, and restart the service"
    if group == SERIAL_GROUP:
        return remedy(root)
    return (
        f"give the port to the group {SERIAL_GROUP} by a udev rule; it belongs to {group}, which the service is not in"
    )
