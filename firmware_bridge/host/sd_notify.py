"""Tells systemd how the service is doing, over the socket it names in the environment (sd_notify(3)).

Not a dependency on systemd: without `$NOTIFY_SOCKET` every call does nothing. No file descriptors are passed.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

# systemd drains its socket at once; should it ever hang, the event loop must not hang with it.
SEND_TIMEOUT_S: Final = 0.5
# What the kernel takes for the path of a Unix socket, in bytes.
_MAX_ADDRESS: Final = 107


class Notifier:
    """Speaks for this process. Every method says whether a message left; False is no error."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # "@" stands for the abstract namespace; anything else that is no path (vsock of a virtual machine) is not ours.
        self._address = "\0" + address[1:] if address.startswith("@") else address if address.startswith("/") else ""
        if len(os.fsencode(self._address)) > _MAX_ADDRESS:
            self._address = ""
        self.watchdog_s: float | None = _watchdog_s(environ) if self._address else None
        """Within this time systemd wants the next `watchdog`; None where it does not watch."""

    def ready(self, status: str = "") -> bool:
        """The service serves: after starting, and again after `reloading`."""
        return self._send("READY=1", _status(status))

    def status(self, text: str) -> bool:
        """One line for `systemctl status`."""
        return self._send(_status(text))

    def watchdog(self) -> bool:
        """A sign of life: to be sent from what must not hang, the event loop after a finished step."""
        return self._send("WATCHDOG=1")

    def reloading(self) -> bool:
        """A reload begins; `ready` ends it. The stamp is the machine's CLOCK_MONOTONIC, at any `Clock`."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> bool:
        return self._send("STOPPING=1", _status(status))

    def _send(self, *lines: str) -> bool:
        if not self._address:
            return False
        message = "\n".join(line for line in lines if line).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.settimeout(SEND_TIMEOUT_S)
                link.sendto(message, self._address)
        except OSError:
            # Nobody to tell it to, and a lost sign of life is what the watchdog is for.
            return False
        return True


def _status(text: str) -> str:
    # A line break would start another assignment.
    return "STATUS=" + " ".join(text.split()) if text else ""


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """As sd_watchdog_enabled(3): the time holds for the process that systemd names."""
    try:
        if int(environ.get("WATCHDOG_PID", os.getpid())) != os.getpid():
            return None
        microseconds = int(environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None
