"""What the tests of the package do to a machine and ask of it, whatever is tried on it."""

from __future__ import annotations

import re

from tests.packaging.builds import Built
from tests.packaging.machine import Machine


def install(machine: Machine, built: Built) -> str:
    return machine.said(f"dpkg -i /packages/{built.file.name} 2>&1")


def state(machine: Machine, unit: str, key: str) -> str:
    return machine.said(f"systemctl show --value -p {key} {unit}")


def write(machine: Machine, file: str, text: str) -> None:
    (machine.root / file.lstrip("/")).write_text(text)


def head(machine: Machine) -> str:
    """The newest row of the trail, as somebody would have noted it elsewhere."""
    found = re.search(r"\d+:[0-9a-f]{64}", machine.said("edge-balancer audit verify"))
    assert found is not None
    return found[0]


def everything(machine: Machine) -> set[str]:
    """All files of the machine but what the system itself writes as it lives."""
    passing = "-path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /packages -o -path /var/log"
    passing += " -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/lib/mosquitto -o -path /var/cache"
    found = machine.said(f"find / \\( {passing} \\) -prune -o -print")
    return set(found.splitlines()) - {"/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock"}
