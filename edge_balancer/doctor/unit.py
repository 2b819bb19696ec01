"""What systemd lets the service use of this machine's devices: its user, its further groups, the devices it sees.

Asked of systemd, which has read the unit with all its drop-ins. None where there is no systemd, or no unit.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

NAME: Final = "edge-balancer.service"
GRANTS: Final = "usr/sbin/edge-balancer-devices"
"""The package's command that grants the configured ports."""
_SYSTEMCTL: Final = "/usr/bin/systemctl"
_ASKED: Final = ("LoadState", "User", "SupplementaryGroups", "PrivateDevices", "DevicePolicy", "DeviceAllow")
_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Unit:
    """Of the installed service."""

    user: str
    groups: tuple[str, ...] = ()
    private_devices: bool = False
    closed: bool = False
    """Whether it may use named devices alone."""
    allowed: tuple[str, ...] = ()
    """Nodes (`/dev/ttyAMA0`) and kinds (`char-ttyUSB`) that it may read and write."""

    def may_use(self, port: Path, device: Path) -> bool:
        """Whether the unit lets the service reach a serial port; its file's owner and mode are another matter."""
        if self.private_devices:
            return False
        if not self.closed:
            return True
        return any(_fits(entry, port, device) for entry in self.allowed)


def remedy(root: Path = Path("/")) -> str:
    """How the service is let to its ports on this machine."""
    if (root / GRANTS).exists():
        return "sudo edge-balancer-devices, then sudo systemctl restart edge-balancer"
    return "sudo ./scripts/install --serial, then sudo systemctl restart edge-balancer"


def installed() -> Unit | None:
    """The service of this machine."""
    command = [_SYSTEMCTL, "show", f"--property={','.join(_ASKED)}", NAME]
    try:
        done = subprocess.run(  # noqa: S603 - all of it stands above
            command, capture_output=True, text=True, check=False, timeout=_WITHIN_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return read(done.stdout) if done.returncode == 0 else None


def read(said: str) -> Unit | None:
    """What `systemctl show` prints: a line for each property, and one for each device that is allowed."""
    found: dict[str, list[str]] = {}
    for line in said.splitlines():
        key, _, value = line.partition("=")
        found.setdefault(key, []).append(value)
    if found.get("LoadState") != ["loaded"]:
        return None
    allowed = [entry.rpartition(" ") for entry in found.get("DeviceAllow", []) if entry]
    return Unit(
        user=found.get("User", [""])[0] or "root",
        groups=tuple(found.get("SupplementaryGroups", [""])[0].split()),
        private_devices=found.get("PrivateDevices") == ["yes"],
        closed=found.get("DevicePolicy", ["auto"])[0] in {"closed", "strict"} or bool(allowed),
        allowed=tuple(name for name, _, access in allowed if {"r", "w"} <= set(access)),
    )


def _fits(entry: str, port: Path, device: Path) -> bool:
    if entry.startswith("/"):
        return entry in {str(port), str(device)} or os.path.realpath(entry) == str(device)
    kind = entry.removeprefix("char-")
    drivers = {name.rstrip("0123456789") for name in (port.name, device.name)}
    return kind != entry and any(fnmatchcase(driver, kind) for driver in drivers)
